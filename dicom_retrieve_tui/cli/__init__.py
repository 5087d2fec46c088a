"""The headless face: flags in, events out."""
