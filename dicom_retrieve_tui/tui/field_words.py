"""The words of the application: fields in place of flags, methods by their services. Pure."""

import re

from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import KEYS

_FLAG = re.compile(r"(?<![\w-])--(?:no-)?([a-z][a-z-]*[a-z])")
_WITHOUT_LABEL = {"hierarchical": "Layout hierarchical"}
_AGAIN = re.compile(r"\brun the same command again", re.IGNORECASE)


def in_fields(text: str) -> str:
    """Return a message with the label of a field wherever it names a flag.

    `Make room or choose another --output.` becomes `Make room or choose another Folder.`
    """
    if _AGAIN.search(text):
        text = _AGAIN.sub(_press_r, text)
    return _FLAG.sub(_label, text) if "--" in text else text


def method_words(method: str, move_destination: str | None = None) -> str:
    """Return a method and where a C-MOVE sends to: `C-GET, else C-MOVE to MYAE`."""
    words = "C-GET, else C-MOVE" if method == Method.AUTO else method.upper()
    moves = move_destination and method != Method.C_GET
    return f"{words} to {move_destination}" if moves else words


def _press_r(found: re.Match[str]) -> str:
    return f"{'P' if found[0][0].isupper() else 'p'}ress r in the queue"


def _label(flag: re.Match[str]) -> str:
    name = flag[1].replace("-", "_")
    option = KEYS.get(name)
    label = option.label if option is not None else _WITHOUT_LABEL.get(name, "")
    return label or name.replace("_", " ")
