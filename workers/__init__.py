"""The projection workers: apply queued events to the event log and the read model; imports events, database, runtime."""
