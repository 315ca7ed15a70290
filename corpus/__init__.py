"""Training programs with known mistakes, their fixed twins, and correct look-alikes."""
