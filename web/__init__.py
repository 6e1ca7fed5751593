"""What the three APIs share, from app factory to health; imports contracts, database, runtime."""
