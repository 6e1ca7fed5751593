"""schemathesis against a running stack: all its checks, on the three documents at once."""
