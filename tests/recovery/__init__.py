"""Stacks that are killed, interrupted or misled."""
