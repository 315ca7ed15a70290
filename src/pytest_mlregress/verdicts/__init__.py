"""From the results of a test's seeds to its verdict, and to pytest's report of it."""
