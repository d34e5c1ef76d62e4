"""What to try next: a function of seed, number and history. Knows Optuna, and no Ray."""
