"""When the workers of a run trained, and when they did not."""
