"""The projection workers: apply queued events to event log and read model.

Imports events, database, runtime.
"""
