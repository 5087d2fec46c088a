"""The synthetic studies that Orthanc and dcmqrscp are loaded with, made once and kept.

UIDs and pixels follow from the names, so each machine measures the same bytes.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import NAMESPACE_OID, uuid5

from benchmarks.places import CACHE

SERIES = 2
_FOLDER = CACHE / "corpus-1"
"""Another number whenever the bytes change."""
_MANIFEST = "manifest.json"
_POOL_BYTES = _PIECE_BYTES = 1 << 20
_TWELVE_BITS = bytes(value & 0x0F for value in range(256))


@dataclass(frozen=True, slots=True)
class Study:
    """One study of CT images in two series."""

    name: str
    instances: int
    rows: int

    @property
    def uid(self) -> str:
        """Study Instance UID (0020,000D)."""
        return uid_of(self.name)

    @property
    def folder(self) -> Path:
        """Where its files are, once `make` has returned."""
        return _FOLDER / self.name


LARGE = tuple(Study(f"ct{number}", instances=500, rows=512) for number in range(1, 5))
"""Four studies of 500 x 0.5 MB, 262 MB each."""
SMALL = Study("small1", instances=2000, rows=128)
"""2,000 x 33 KB."""


def uid_of(name: str) -> str:
    """A valid UID that follows from a name. Source: PS3.5 annex B.2."""
    return f"2.25.{uuid5(NAMESPACE_OID, f'dicom-retrieve benchmark {name}').int}"


def digest(pieces: Iterable[bytes]) -> str:
    """What two equal data sets have in common."""
    state = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        state.update(piece)
    return state.hexdigest()


def file_digest(path: Path) -> str:
    """The digest of the data set in a DICOM file.

    Raises:
        ValueError: This is no DICOM file.
    """
    with path.open("rb") as file:
        file.seek(_data_set_offset(file.read(144)))
        return digest(iter(lambda: file.read(_PIECE_BYTES), b""))


def make(study: Study) -> None:
    """Write the files of a study, unless they are there."""
    if study.folder.exists():
        return
    unfinished = study.folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    manifest = _write(study, unfinished)
    (unfinished / _MANIFEST).write_text(json.dumps(manifest, indent=0))
    unfinished.rename(study.folder)


def expected(study: Study) -> Mapping[str, str]:
    """The digest of each data set, by SOP Instance UID."""
    digests: dict[str, str] = json.loads((study.folder / _MANIFEST).read_text())
    return digests


def _write(study: Study, folder: Path) -> dict[str, str]:
    # The runner stays small: it measures memory.
    from pydicom import dcmwrite  # noqa: PLC0415
    from pydicom.uid import UID  # noqa: PLC0415

    from benchmarks.images import ct_image  # noqa: PLC0415

    pool = _pixel_pool(study.name)
    size, digests = 2 * study.rows * study.rows, {}
    for number in range(study.instances):
        series = number * SERIES // study.instances
        at = number * 514 % (len(pool) - size)
        image = ct_image(
            name=study.name,
            study_uid=study.uid,
            series_uid=uid_of(f"{study.name}/{series}"),
            sop_uid=UID(uid_of(f"{study.name}/{series}/{number}")),
            number=number,
            rows=study.rows,
            pixels=pool[at : at + size],
        )
        path = folder / f"{number:05d}.dcm"
        dcmwrite(path, image, enforce_file_format=True)
        digests[str(image.SOPInstanceUID)] = file_digest(path)
    return digests


def _pixel_pool(name: str) -> bytes:
    """Noise of 12 bits a pixel; each image is another window of it."""
    pool = bytearray(Random(name).randbytes(_POOL_BYTES))  # noqa: S311 - noise, not a secret
    pool[1::2] = pool[1::2].translate(_TWELVE_BITS)
    return bytes(pool)


def _data_set_offset(head: bytes) -> int:
    """Where the data set begins, after the file meta. Source: PS3.10 section 7.1."""
    if head[128:136] != b"DICM\x02\0\0\0":
        raise ValueError("this is no DICOM file")
    return 144 + int.from_bytes(head[140:144], "little")
