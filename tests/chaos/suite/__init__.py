"""Faults at random under load, and then what became of every message: `make chaos`."""
