"""Where a run is looked at: Weights & Biases and TensorBoard. Knows no Ray."""
