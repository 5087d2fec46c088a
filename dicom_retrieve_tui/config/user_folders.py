"""The folders of the user, who may have none: in a container, a user may be a number only."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of

_NAME = "dicom-retrieve"


def config_folder() -> Path:
    """Return the folder of profiles and settings; it may not exist.

    Raises:
        ConfigError: The user has no home folder.
    """
    from platformdirs import user_config_path  # noqa: PLC0415 - unused if a path is given

    try:
        return user_config_path(_NAME, appauthor=False, roaming=True)
    except RuntimeError as error:
        raise _homeless(
            "profiles", "Name a file with --config FILE or DICOM_RETRIEVE_CONFIG, or set HOME."
        ) from error


def data_folder() -> Path:
    """Return the folder of the history; it may not exist.

    Raises:
        ConfigError: The user has no home folder.
    """
    from platformdirs import user_data_path  # noqa: PLC0415 - as above

    try:
        return user_data_path(_NAME, appauthor=False)
    except RuntimeError as error:
        step = "Unfinished jobs are not remembered; set HOME or XDG_DATA_HOME to have them."
        raise _homeless("the history", step) from error


def expanded(path: Path | str) -> Path:
    """Replace a `~` at the beginning by a home folder.

    Raises:
        ConfigError: That user has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{path}: the home folder is unknown. Set HOME, or give the full path."
        ) from error


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a folder, and remove it at the end.

    Raises:
        ConfigError: It cannot be created, such as in a container with a read-only root.
    """
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - few runs need it

    with ExitStack() as stack:
        try:
            name = stack.enter_context(TemporaryDirectory(prefix=f"{_NAME}-"))
        except OSError as error:
            raise _not_created(error) from error
        yield Path(name)


def lasting_temporary_folder() -> Path:
    """Create a folder that stays.

    Raises:
        ConfigError: It cannot be created.
    """
    from tempfile import mkdtemp  # noqa: PLC0415 - few runs need it

    try:
        return Path(mkdtemp(prefix=f"{_NAME}-demo-"))
    except OSError as error:
        raise _not_created(error) from error


def _not_created(error: OSError) -> ConfigError:
    return ConfigError(
        f"Cannot create a temporary folder: {reason_of(error)}.",
        next_step="Set TMPDIR to a folder that is writable.",
    )


def _homeless(what: str, next_step: str) -> ConfigError:
    return ConfigError(
        f"Cannot find the folder of {what}: this user has no home folder.", next_step=next_step
    )
