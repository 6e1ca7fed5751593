"""Tests of room database without a server."""
