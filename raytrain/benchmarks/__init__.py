"""Measurements: paired runs, grids of memory, overhead. Each writes a file in results/bench/."""
