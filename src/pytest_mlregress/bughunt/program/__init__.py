"""The user's program: built from what was given, run in isolation, and put back as it was."""
