"""What a run leaves behind: records, ledger, transcripts, significance and verdict. Loads without torch and Ray."""
