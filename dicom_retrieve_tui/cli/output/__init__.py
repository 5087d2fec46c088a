"""The output of the command: run log, summary, report, JSON lines and tables."""
