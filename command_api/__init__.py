"""The command API: accepts writes and deletes and appends their events; imports web, events, database, runtime."""
