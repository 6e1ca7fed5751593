"""The schemas of the query API: parameters as they are read, answers as they are documented."""
