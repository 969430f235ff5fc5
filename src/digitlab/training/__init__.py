"""Training: a whole epoch as one compiled program, checkpoints, and the training of a network or a committee."""
