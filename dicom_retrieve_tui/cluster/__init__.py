"""Retrieve on the workers of a Dask cluster. Nothing below this package knows of it."""
