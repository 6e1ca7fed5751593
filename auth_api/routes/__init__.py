"""The routes of auth_api: a schema in, one call, a schema out."""
