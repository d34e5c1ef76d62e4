"""From winner to use: a run's best weights as a model that others load, or as a submission. Knows no Ray."""
