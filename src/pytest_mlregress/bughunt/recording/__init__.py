"""What happened while the user's code ran, and at which line of it."""
