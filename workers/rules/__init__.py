"""What becomes of an event: pure decisions over facts, no I/O."""
