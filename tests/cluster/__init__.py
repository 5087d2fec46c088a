"""Retrievals on a Dask cluster: real schedulers and workers, and a PACS that counts."""
