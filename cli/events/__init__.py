"""`messaging events`: the event queues, the log and the dead letters; one file for each verb."""
