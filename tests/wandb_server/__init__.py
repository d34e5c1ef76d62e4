"""A stand-in for a Weights & Biases server on loopback: what the real client sends is kept, to be read back."""
