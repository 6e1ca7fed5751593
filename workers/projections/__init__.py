"""Projections: fold applied events into the read model, set by set; one file for each table."""
