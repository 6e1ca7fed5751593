"""The paths of the command API: a schema in, one call of a handler, a 202 out."""
