"""The model: sizes, weights, audio window, decoding. Knows no Ray."""
