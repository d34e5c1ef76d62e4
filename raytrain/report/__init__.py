"""What is written about studies and runs: pages, tables and figures, from a study's files alone."""
