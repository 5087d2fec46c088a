"""What the command writes: the run log, the summary, the report, JSON lines and tables."""
