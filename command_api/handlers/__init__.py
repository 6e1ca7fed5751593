"""What each command does: decides on an event and appends it; imports web, events, runtime."""
