"""The history of this user."""

from pathlib import Path

from platformdirs import user_data_path

from dicom_retrieve_tui.storage.history import History


def open_history(path: Path | None = None) -> History:
    """The history at `path`, made if it is missing, and set aside if it is damaged.

    Args:
        path: The database; None is the one of this user.

    Raises:
        ConfigError: It cannot be used.
    """
    if path is None:
        path = user_data_path("dicom-retrieve", appauthor=False) / "history.db"
    return History(path)
