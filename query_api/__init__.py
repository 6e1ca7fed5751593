"""The query API: answers reads from the replicas and never writes.

Imports web, events.contracts, database, runtime.
"""
