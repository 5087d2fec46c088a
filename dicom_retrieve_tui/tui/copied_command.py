"""The command that retrieves what an entry of the queue does, to be pasted into a shell."""

import re
import shlex

from dicom_retrieve_tui.model.options import RetrieveOptions, flags_for
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.uid_list import list_of
from dicom_retrieve_tui.platform_files import WINDOWS

_PROGRAM = "dicom-retrieve"
_PLAIN = re.compile(r"[\w./:\\=+-]+")
_UID_FLAGS = ("--study-uid", "--series-uid", "--instance-uid")


def copied_command(options: RetrieveOptions, selection: Selection) -> str:
    """Return the command; it pipes a table into itself where no flags can name the selection."""
    rows = list(selection.rows())
    words = [_PROGRAM, f"pacs://{options.peer.endpoint}"]
    if len(rows) == 1:
        uids = zip(_UID_FLAGS, rows[0], strict=True)
        words += [word for flag, uid in uids if uid for word in (flag, uid)]
    else:
        words += ["--uid-list", "-"]
    command = _joined([*words, *flags_for(options)])
    if len(rows) == 1:
        return command
    table = list_of([selection])
    if WINDOWS:
        return '"{}" | {}'.format(table.rstrip("\n").replace("\n", "`n"), command)
    return "printf '{}' | {}".format(table.replace("\n", r"\n"), command)


def _joined(words: list[str]) -> str:
    """Return a command line of the shell; on Windows, for PowerShell and cmd."""
    if not WINDOWS:
        return shlex.join(words)
    # PowerShell takes braces for code, and neither shell knows both kinds of quotes.
    return " ".join(
        word if _PLAIN.fullmatch(word) else '"{}"'.format(word.replace('"', r"\""))
        for word in words
    )
