"""The search: Optuna behind Ray Tune, many trials, one ledger."""
