"""Settings, ids, clock, logging and base errors; imports nothing of ours."""
