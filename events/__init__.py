"""The event queue, the event log and their contracts; imports database, runtime."""
