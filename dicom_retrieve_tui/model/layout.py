"""Names of files: the only module that turns values from a peer into a path.

A template gives the shape. Each value is cleaned, and each finished component once more, so that no
value leads out of the output folder. No I/O.
"""

import re
import unicodedata
from collections.abc import Mapping

from dicom_retrieve_tui.errors import ConfigError

_FIELDS: dict[str, int] = {
    "StudyInstanceUID": 0x0020000D,
    "SeriesInstanceUID": 0x0020000E,
    "SOPInstanceUID": 0x00080018,
    "SOPClassUID": 0x00080016,
    "PatientID": 0x00100020,
    "PatientName": 0x00100010,
    "PatientBirthDate": 0x00100030,
    "AccessionNumber": 0x00080050,
    "StudyID": 0x00200010,
    "StudyDate": 0x00080020,
    "StudyTime": 0x00080030,
    "StudyDescription": 0x00081030,
    "Modality": 0x00080060,
    "SeriesDate": 0x00080021,
    "SeriesDescription": 0x0008103E,
    "SeriesNumber": 0x00200011,
    "InstanceNumber": 0x00200013,
    "BodyPartExamined": 0x00180015,
    "StationName": 0x00081010,
}
"""Tags of the fields of a template, by keyword."""

_STUDY_TAGS = frozenset(
    _FIELDS[name]
    for name in _FIELDS
    if name.startswith(("Study", "Patient")) or name == "AccessionNumber"
)
"""Fields that are the same in every instance of a study, unless the archive is in disorder."""
_UNIQUE = 0x00080018
_PIECE = re.compile(r"\{([^{}]*)\}|([^{}]+)|([{}])")
_UID = re.compile(r"[0-9](?:[0-9.]{0,62}[0-9])?")
_UNWELCOME = frozenset('/\\:*?"<>|{}[]~$`')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(port + n for port in ("com", "lpt") for n in "0123456789¹²³")}
)
"""Names that Windows reserves, with any extension."""
_VALUE_BYTES_MAX = 64
_COMPONENT_BYTES_MAX = 255
_EMPTY = "_"


class Layout:
    """A parsed template, which renders the path of each instance."""

    def __init__(self, components: tuple[tuple[str | int, ...], ...]) -> None:
        """Store the pieces of each component: literal texts and tags of fields."""
        self._components = components
        self.wanted_tags = frozenset(
            piece for component in components for piece in component if isinstance(piece, int)
        )
        """The elements that a data set is named by."""

    @property
    def names_uids_alone(self) -> bool:
        """True if no path can contain patient data."""
        return self.wanted_tags <= {_FIELDS[name] for name in _FIELDS if name.endswith("UID")}

    @property
    def study_folder_depth(self) -> int:
        """Components from the output folder to the folder of a study; 0 if it has none of its own.

        A folder is the study's own if its name has the Study Instance UID, and no folder above it
        has a field that differs within a study.
        """
        for depth, component in enumerate(self._components[:-1], start=1):
            tags = {piece for piece in component if isinstance(piece, int)}
            if not tags <= _STUDY_TAGS:
                return 0
            if _FIELDS["StudyInstanceUID"] in tags:
                return depth
        return 0

    def study_folder(self, study_instance_uid: str) -> str:
        """Return the path of a study's folder; empty if it depends on more than the UID."""
        depth = self.study_folder_depth
        above = Layout(self._components[:depth])
        study = _FIELDS["StudyInstanceUID"]
        if not depth or not above.wanted_tags <= {study}:
            return ""
        return "/".join(above.render({study: study_instance_uid.encode("utf-8", "replace")}))

    def component(self, number: int) -> str:
        """Return a component as the template has it: `{PatientName}-{StudyID}`."""
        keywords = {tag: keyword for keyword, tag in _FIELDS.items()}
        return "".join(
            piece if isinstance(piece, str) else f"{{{keywords[piece]}}}"
            for piece in self._components[number]
        )

    def render(self, values: Mapping[int, bytes]) -> tuple[str, ...]:
        """Return the components of an instance's path, each safe as a name.

        Args:
            values: Raw element values by tag; a missing one counts as empty.
        """
        names = []
        for component in self._components:
            name = ""
            for piece in component:
                name += piece if isinstance(piece, str) else _clean(piece, values.get(piece, b""))
            names.append(clean_component(name))
        return tuple(names)


def parse_layout(template: str, where: str = "--layout") -> Layout:
    """Parse a template such as `{PatientID}/{StudyInstanceUID}/{SOPInstanceUID}.dcm`.

    Args:
        template: A path below the output folder.
        where: Names the place in messages.

    Raises:
        ConfigError: It has an unknown field, leads out of the folder, or could give two instances
            the same name.
    """
    try:
        return _parse(template)
    except ValueError as error:
        raise ConfigError.of_value(where, template, str(error)) from None


def _parse(template: str) -> Layout:
    if not template or template.startswith("/") or "\\" in template:
        raise ValueError("give a path below the output folder, with / between its folders")
    components = tuple(_parse_component(text) for text in template.split("/"))
    layout = Layout(components)
    if _UNIQUE not in layout.wanted_tags:
        raise ValueError("it needs {SOPInstanceUID}, so that no two instances share a file")
    if not any(map(_is_unambiguous, components)):
        raise ValueError("put a separator such as _ between {SOPInstanceUID} and other fields")
    return layout


def _is_unambiguous(component: tuple[str | int, ...]) -> bool:
    """Return True if the SOP Instance UID is separated from the fields beside it.

    Otherwise 1 and 2.3 would make the same name as 12 and .3.
    """
    if _UNIQUE not in component:
        return False
    at = component.index(_UNIQUE)
    return _ends_value(component[:at][::-1]) and _ends_value(component[at + 1 :])


def _ends_value(pieces: tuple[str | int, ...]) -> bool:
    """Return True if the pieces are literal, or begin with a character that no UID or hash has."""
    if all(isinstance(piece, str) for piece in pieces):
        return True
    return isinstance(pieces[0], str) and not set(pieces[0]) <= set("0123456789abcdef.")


def _parse_component(text: str) -> tuple[str | int, ...]:
    # Our own folder begins with a period.
    if text.strip() == "" or text.startswith("."):
        raise ValueError(f"{text!r} is not a valid name for a folder or file")
    pieces: list[str | int] = []
    for match in _PIECE.finditer(text):
        field, literal, brace = match.groups()
        if brace:
            raise ValueError(f"the brace {brace!r} has no partner")
        if literal is not None:
            if any(not c.isprintable() or c in _UNWELCOME for c in literal):
                raise ValueError(f"{literal!r} has a character that file names cannot have")
            pieces.append(literal)
        elif field in _FIELDS:
            pieces.append(_FIELDS[field])
        else:
            raise ValueError(_unknown(field))
    return tuple(pieces)


def _unknown(field: str) -> str:
    import difflib  # noqa: PLC0415 - only for a mistake

    near = difflib.get_close_matches(field, _FIELDS, n=1)
    hint = f"did you mean {{{near[0]}}}?" if near else f"known are {', '.join(sorted(_FIELDS))}"
    return f"there is no field {{{field}}}; {hint}"


def _clean(tag: int, value: bytes) -> str:
    """One value as a piece of a name."""
    if tag in _UID_TAGS:
        return clean_uid(value.decode("latin-1").rstrip("\0 "))
    return clean_value(_decode(value))


_UID_TAGS = frozenset(_FIELDS[name] for name in _FIELDS if name.endswith("InstanceUID"))


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def clean_uid(uid: str) -> str:
    """A UID as a piece of a name: itself, or a hash of whatever else was sent in its place.

    Lenient where PS3.5 section 9.1 is not, so that the leading zeros of real archives stay legible.
    """
    if _UID.fullmatch(uid) and ".." not in uid:
        return uid
    return _digest(uid.encode("utf-8", "surrogatepass"))


def _digest(text: bytes) -> str:
    from hashlib import sha256  # noqa: PLC0415 - it loads OpenSSL, and hardly any name needs it

    return sha256(text).hexdigest()[:32]


def clean_value(text: str) -> str:
    """Any other text as a piece of a name: printable, without separators, at most 64 bytes."""
    text = unicodedata.normalize("NFC", text).strip("\0 ")
    kept = "".join(_EMPTY if c in _UNWELCOME or not c.isprintable() else c for c in text)
    return _cut(" ".join(kept.split()), _VALUE_BYTES_MAX).strip(" .") or _EMPTY


def is_device(name: str) -> bool:
    """Return True if Windows reserves a name for a device, with any extension."""
    return name.partition(".")[0].rstrip().lower() in _DEVICES


def clean_component(name: str) -> str:
    """A finished component: never empty, never `.` or `..`, never a device, never too long.

    What is cut gets a hash of the whole, so that different names stay different.
    """
    name = name.rstrip(". ") or _EMPTY
    if is_device(name):
        name = _EMPTY + name
    if len(name.encode("utf-8", "replace")) > _COMPONENT_BYTES_MAX:
        digest = _digest(name.encode("utf-8", "replace"))
        stem, _, suffix = name.rpartition(".")
        suffix = f".{suffix}" if stem and suffix.isascii() and len(suffix) <= 4 else ""
        name = f"{_cut(name, _COMPONENT_BYTES_MAX - 40)}-{digest}{suffix}"
    return name


def _cut(text: str, size_bytes: int) -> str:
    return text.encode("utf-8", "replace")[:size_bytes].decode("utf-8", "ignore")
