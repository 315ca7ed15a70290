"""The verdicts inside a session of pytest: what is collected, reported and published."""
