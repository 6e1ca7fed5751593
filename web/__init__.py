"""What the three APIs share: app factory, problems, token guard, consistency tokens, health; imports events.contracts, database, runtime."""
