"""Event streams: who listens, what wakes them, what they are told; imports reads, not routes."""
