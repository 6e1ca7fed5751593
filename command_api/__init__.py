"""The command API: accepts writes and deletes and appends their events.

Imports web, events, database, runtime.
"""
