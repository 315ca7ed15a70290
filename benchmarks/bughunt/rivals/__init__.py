"""Existing tools on the same programs, each in its own words and with its own defaults."""
