"""Check that bytes are a whole data set, without decoding values."""
