"""`messaging events dead-letters`: what was set aside; one file for each verb."""
