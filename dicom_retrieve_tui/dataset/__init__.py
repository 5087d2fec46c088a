"""Is this a whole data set? How its bytes are read, without decoding a value."""
