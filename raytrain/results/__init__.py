"""What a run leaves behind: records, ledger, tables, report. Loads without torch and Ray."""
