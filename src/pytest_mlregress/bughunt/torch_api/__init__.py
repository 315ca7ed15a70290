"""What we know of torch: operators, losses, optimizers, modes, graphs, pytrees."""
