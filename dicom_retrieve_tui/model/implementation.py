"""How we name ourselves to peers and in files. Source: PS3.7 annex D.3.3.2, PS3.10 section 7.1."""

from dicom_retrieve_tui import __version__

IMPLEMENTATION_CLASS_UID = "2.25.63277772598277503229622060361475029434"
"""Derived from a UUID (PS3.5 annex B.2), the same for every version."""

IMPLEMENTATION_VERSION_NAME = f"DCMRETRIEVE_{'.'.join(__version__.split('.')[:2])}"
"""16 characters at most."""
