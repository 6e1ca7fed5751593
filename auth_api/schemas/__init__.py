"""The bodies that auth_api reads and answers."""
