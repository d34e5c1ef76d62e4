"""One trial: a resolved baseline in, a TrialRecord out, through Ray Train."""
