"""Paths that the user named, judged before anything is sent; nothing is created here."""

from pathlib import Path

from dicom_retrieve_tui.cli.fd_paths import is_stream, stream_fault
from dicom_retrieve_tui.errors import ConfigError


def check_output(text: str | None) -> Path:
    """The output folder, which need not exist yet.

    Raises:
        ConfigError: It, or what it should lie in, is no folder.
    """
    if text == "":
        raise ConfigError("--output is empty; for the current folder, leave it out.")
    path = Path(text or ".")
    for place in (path, *path.parents):
        if not _exists("--output", place):
            continue
        if place.is_dir():
            break
        raise ConfigError(
            f"--output {path}: {_this(place, path)} is a file; files go into a folder."
        )
    return path


def file_to_write(
    flag: str, text: str | None, *, about_to_exist: Path | None = None
) -> Path | None:
    """A file that we shall write, or the name of a stream; see `streams`.

    Args:
        flag: The flag that names it, for messages.
        text: What the user typed; None if the flag was not given.
        about_to_exist: A folder that may be missing now, because the run creates it.

    Raises:
        ConfigError: It is no ordinary file, or its folder does not exist, or the stream is closed
            or only read from.
    """
    if text is None:
        return None
    path = Path(text)
    if is_stream(path):
        if fault := stream_fault(path):
            raise ConfigError(f"{flag} {path}: {fault}.")
        return path
    if not text or (_exists(flag, path) and not path.is_file()):
        # A device or a pipe would be replaced by the rename that makes writing safe, and a pipe
        # without a reader would hold up whoever opens it.
        raise ConfigError(
            f"{flag} {text!r}: expected the name of a file, or of an open stream such as "
            "/dev/stderr."
        )
    folder = path.parent
    if not _exists(flag, folder) and folder != about_to_exist:
        raise ConfigError(f"{flag} {path}: there is no folder {folder}.")
    return path


def _this(place: Path, path: Path) -> str:
    return "this" if place == path else str(place)


def _exists(flag: str, path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:  # not allowed to look, too long, or a null character
        raise ConfigError(f"{flag} {path}: cannot be reached: {error}.") from error
