"""The reads: each question one SELECT, its freshness test and its rows of one snapshot."""
