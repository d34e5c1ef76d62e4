"""What a training step and a decoding need of a GPU, what fits, and what to change. Plain Python."""
