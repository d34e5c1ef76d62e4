"""YAML in, frozen values out: baselines and search spaces. Loads without torch and Ray."""
