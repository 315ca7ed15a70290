"""States of the code, and the seeds that are trained at them: what every search is made of."""
