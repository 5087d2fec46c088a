"""What to ask for, in which order, and when a study is complete."""
