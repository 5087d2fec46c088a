"""The versions that client and workers must share."""

import sys
from importlib.metadata import version

from dicom_retrieve_tui import __version__


def our_versions() -> dict[str, str]:
    """Return the versions that must be the same everywhere; called on every worker."""
    return {
        "dicom-retrieve-tui": __version__,
        "distributed": version("distributed"),
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
