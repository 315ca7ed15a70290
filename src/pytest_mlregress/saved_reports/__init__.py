"""JSON reports, read again: merged into one run, and their verdicts recomputed."""
