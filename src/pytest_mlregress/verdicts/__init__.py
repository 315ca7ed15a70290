"""From the results of a test's seeds to its verdict: plain values, and nothing of pytest."""
