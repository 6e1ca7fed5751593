"""The query API: answers reads from the replicas and never writes; imports web, events.contracts, database, runtime."""
