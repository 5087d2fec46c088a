"""`--report`: the final account as JSON, written beside its name and renamed: never half there.

Only into a stream, such as `/dev/stdout`, it goes as it comes.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.cli.fd_paths import open_stream
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.report import Ending, build_report
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.model.sanitize import clean_values
from dicom_retrieve_tui.storage.permissions import Permissions

_NOT_OK = 1


def hand_in(account: Account, options: Options, ending: Ending, around: Surroundings) -> int:
    """Write the report, if one was asked for, and tell where it is; returns the exit code.

    A report that was asked for and is not there is a failure, however the run ended.
    """
    path = options.report
    if path is None:
        return ending.exit_code
    permissions = Permissions(options.settings.umask)
    try:
        _write_report(path, build_report(account, options, ending), permissions)
    except OSError as error:
        reason = reason_of(error)
        around.stderr.say(f"--report {path}: cannot be written: {reason}")
        return ending.exit_code or _NOT_OK
    around.stderr.say(f"the full account is in {path}")
    return ending.exit_code


def _write_report(path: Path, report: Mapping[str, object], permissions: Permissions) -> None:
    """Put the report under its name, whole or not at all, or into the stream of that name.

    Raises:
        OSError: It cannot be written; nothing of it stays behind, but in a stream.
    """
    if (stream := open_stream(path)) is not None:
        with os.fdopen(stream, "w", encoding="utf-8") as file:
            _write(file, report)
        return
    # Through a link to the file that it names, for the rename would replace the link.
    path = path.resolve()
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(permissions.create(part, os.O_WRONLY), "w", encoding="utf-8") as file:
            _write(file, report)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _write(file: TextIO, report: Mapping[str, object]) -> None:
    json.dump(clean_values(report), file, indent=2)
    file.write("\n")
