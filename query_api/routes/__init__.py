"""The routes of the query API: a schema in, one read, an answer out."""
