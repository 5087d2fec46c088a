"""Pure values and rules: this layer does no I/O and reads no clock."""
