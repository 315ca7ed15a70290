"""How a guard listens to a training that it does not run; knows no check."""
