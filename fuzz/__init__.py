"""Fuzz targets for everything that reads foreign bytes: `fuzz/run`."""
