"""One optimisation run: loop, checkpoints, evaluation. Knows no Ray."""
