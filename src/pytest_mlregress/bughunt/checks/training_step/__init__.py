"""Mistakes in the order and the parts of a training step."""
