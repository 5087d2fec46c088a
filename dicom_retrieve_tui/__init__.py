"""Retrieve DICOM studies from a PACS by C-GET or C-MOVE, and prove that they are complete."""

__version__ = "1.0.0"
