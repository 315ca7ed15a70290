"""Which of several changes moved a metric: every combination of them, trained with equal seeds."""
