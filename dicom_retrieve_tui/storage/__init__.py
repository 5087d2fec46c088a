"""Files: one place that names them, parts that become whole, nothing overwritten."""
