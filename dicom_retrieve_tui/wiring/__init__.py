"""Where the layers meet: only here are engine, network and storage known at once.

A module for each thing that a face may want, so that a retrieval loads nothing of the others.
"""
