"""Check the paths that the user gave, before anything is sent. Creates nothing."""

from pathlib import Path

from dicom_retrieve_tui.cli.fd_paths import is_stream, stream_fault
from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.layout import is_device
from dicom_retrieve_tui.platform_files import WINDOWS, closest_existing


def check_output(path: Path) -> Path:
    """Return the output folder, which need not exist yet.

    Raises:
        ConfigError: The path, or a parent of it, is a file, or cannot be reached; on Windows, also
            a device, or on a drive that does not exist.
    """
    if WINDOWS and (device := next(filter(is_device, path.parts), None)):
        raise ConfigError(f"--output {path}: Windows reserves the name {device!r} for a device.")
    try:
        place = closest_existing(path)
    except FileNotFoundError as error:
        raise ConfigError(f"--output {path}: {reason_of(error)}.") from error
    except (OSError, ValueError) as error:
        raise _unreachable("--output", path, error) from error
    if not place.is_dir():
        raise ConfigError(
            f"--output {path}: {_this(place, path)} is a file; files go into a folder."
        )
    return path


def file_to_write(
    flag: str, text: str | None, *, about_to_exist: Path | None = None
) -> Path | None:
    """Return the file or stream that will be written; see `fd_paths`.

    Args:
        flag: The flag, for messages.
        text: Its value; None if the flag was not given.
        about_to_exist: A folder that may be missing now, because the run creates it.

    Raises:
        ConfigError: It is not a regular file, its folder does not exist, or the stream is closed
            or open for reading only.
    """
    if text is None:
        return None
    path = Path(text)
    if is_stream(path):
        if fault := stream_fault(path):
            raise ConfigError(f"{flag} {path}: {fault}.")
        return path
    if not text or (_exists(flag, path) and not path.is_file()):
        # The rename after writing would replace a device or a pipe, and opening a pipe waits for
        # its reader.
        raise ConfigError(
            f"{flag} {text!r}: expected the name of a file, or of an open stream such as "
            "/dev/stderr."
        )
    folder = path.parent
    if not _exists(flag, folder) and folder != about_to_exist:
        raise ConfigError(f"{flag} {path}: the folder {folder} does not exist.")
    return path


def _this(place: Path, path: Path) -> str:
    return "this" if place == path else str(place)


def _exists(flag: str, path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise _unreachable(flag, path, error) from error


def _unreachable(flag: str, path: Path, error: Exception) -> ConfigError:
    """Return the error of a path without permission, one that is too long, or has a null."""
    return ConfigError(f"{flag} {path}: cannot be reached: {reason_of(error)}.")
