"""`messaging demo`: people of a chat file write to each other through the HTTP API alone."""
