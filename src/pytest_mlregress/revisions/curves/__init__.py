"""A metric against the training steps, or against the share of the data."""
