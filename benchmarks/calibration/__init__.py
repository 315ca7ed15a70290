"""Does the verdict hold what it promises? Simulations with known truths, printed as tables."""
