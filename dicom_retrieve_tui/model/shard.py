"""Shares of one list of studies for several processes, by a hash that never changes. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.writer import Writer

AUTO = "auto"
COUNT_MAX = 9999
_SHARD = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_NUMBER = re.compile(r"[0-9]{1,9}")
_HASH_BYTES = 8
_SLURM, _KUBERNETES, _PARALLEL = "SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "PARALLEL_SEQ"
_VARIABLES = (_SLURM, _KUBERNETES, _PARALLEL)


@dataclass(frozen=True, slots=True)
class Shard:
    """The K-th of N shares of any list."""

    number: int
    """From 1."""
    count: int

    def __str__(self) -> str:
        return f"shard {self.number} of {self.count}"

    def has(self, study_instance_uid: str) -> bool:
        """Return True if a study belongs to this share."""
        return shard_number(study_instance_uid, self.count) == self.number

    @property
    def writer(self) -> Writer:
        """What the process with this share is in the output folder."""
        return Writer.of_shard(self.number, self.count)


def share_of(
    selections: Sequence[Selection], options: RetrieveOptions, shard: Shard
) -> tuple[tuple[Selection, ...], RetrieveOptions]:
    """Return what a shard retrieves of a list, and how: as one of several writers."""
    share = tuple(each for each in selections if shard.has(each.study_instance_uid))
    listed = tuple(each.study_instance_uid for each in selections)
    return share, replace(options, writer=shard.writer, listed=listed)


def shard_number(study_instance_uid: str, count: int) -> int:
    """Return which of `count` shares, from 1, a study belongs to.

    It is 1 plus the first 8 bytes of the SHA-256 of the Study Instance UID, as an unsigned
    big-endian integer, modulo `count`. Lists may grow and be reordered: a study keeps its share.
    This must never change: shards of different versions write into one folder.
    """
    from hashlib import sha256  # noqa: PLC0415 - it loads OpenSSL, and most runs have no shards

    digest = sha256(study_instance_uid.encode()).digest()
    return 1 + int.from_bytes(digest[:_HASH_BYTES]) % count


def list_fingerprint(study_instance_uids: Iterable[str]) -> str:
    """Return what identifies a list of studies, whatever their order and however often each."""
    from hashlib import sha256  # noqa: PLC0415 - see `shard_number`

    content = "\n".join(sorted(set(study_instance_uids)))
    return sha256(content.encode()).hexdigest()[:32]


def parse_shard(
    text: str | None, shards: str | None, environ: Mapping[str, str], where: str = "--shard"
) -> Shard | None:
    """Return the shard that flags and environment name; None without one.

    Args:
        text: `K/N` or `auto`.
        shards: N for `auto`, where the environment does not have it.
        environ: Has the variables of Slurm, Kubernetes or GNU parallel.
        where: Names the first in messages.

    Raises:
        ConfigError: The shard does not exist, or cannot be determined.
    """
    if text is None:
        if shards is not None:
            raise ConfigError(f"{where}s requires {where} {AUTO}.")
        return None
    if text == AUTO:
        count = None if shards is None else _count(f"{where}s", shards)
        return _of_environment(where, count, environ)
    found = _SHARD.fullmatch(text)
    if found is None:
        problem = f"expected K/N, such as 2/8, or {AUTO}"
        raise ConfigError.of_value(where, text, problem)
    if shards is not None:
        raise ConfigError(f"{where}s requires {where} {AUTO}; {where} {text} has the number.")
    count = _count(where, found[2], text)
    number = int(found[1])
    if not 1 <= number <= count:
        raise ConfigError.of_value(where, text, f"shards are numbered from 1 to {count}")
    return Shard(number, count)


def _count(where: str, text: str, whole: str = "") -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= COUNT_MAX:
        problem = f"expected a number of shards from 1 to {COUNT_MAX}"
        raise ConfigError.of_value(where, whole or text, problem)
    return int(text)


def _of_environment(where: str, count: int | None, environ: Mapping[str, str]) -> Shard:
    given = [name for name in _VARIABLES if environ.get(name)]
    if not given:
        raise ConfigError(
            f"{where} {AUTO} needs {_SLURM}, {_KUBERNETES} or {_PARALLEL} in the environment: it "
            f"is for a Slurm array, a Kubernetes Indexed Job or GNU parallel. Give {where} K/N."
        )
    if len(given) > 1:
        names = " and ".join(given)
        raise ConfigError(f"{where} {AUTO}: {names} are both set. Give {where} K/N.")
    (name,) = given
    if name == _SLURM and count is None:
        return _of_slurm_array(where, environ)
    if count is None:
        raise ConfigError(
            f"{where} {AUTO}: {name} is set, but not the number of shards; add {where}s N."
        )
    number = _variable(where, name, environ) + (1 if name == _KUBERNETES else 0)
    if not 1 <= number <= count:
        hint = " Number the array from 1." if name == _SLURM and number == 0 else ""
        raise ConfigError(
            f"{where} {AUTO}: {name} is {environ[name]}, and there are {count} shards.{hint}"
        )
    return Shard(number, count)


def _of_slurm_array(where: str, environ: Mapping[str, str]) -> Shard:
    """Return the shard of a task of a Slurm array that has all shards.

    Source: sbatch(1), output environment variables.
    """
    names = (_SLURM, "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX")
    task, first, last = (_variable(where, name, environ) for name in names)
    step = _optional(where, "SLURM_ARRAY_TASK_STEP", environ, 1)
    if step < 1 or not first <= task <= last or (task - first) % step:
        raise ConfigError(f"{where} {AUTO}: the variables SLURM_ARRAY_TASK_... contradict.")
    count = (last - first) // step + 1
    known = _optional(where, "SLURM_ARRAY_TASK_COUNT", environ, count)
    # A task that is submitted again, alone or with some others, has MIN and MAX of its own.
    if first > 1 or count == 1 or known != count:
        raise ConfigError(
            f"{where} {AUTO}: this Slurm array may be a part of the shards; add {where}s N, and "
            "number the array from 1 to N."
        )
    if count > COUNT_MAX:
        raise ConfigError(f"{where} {AUTO}: at most {COUNT_MAX} shards.")
    return Shard((task - first) // step + 1, count)


def _optional(where: str, name: str, environ: Mapping[str, str], otherwise: int) -> int:
    return _variable(where, name, environ) if environ.get(name) else otherwise


def _variable(where: str, name: str, environ: Mapping[str, str]) -> int:
    text = environ.get(name, "")
    if not _NUMBER.fullmatch(text):
        found = f"is {text!r}, which is not a number" if text else "is not set"
        raise ConfigError(f"{where} {AUTO}: {name} {found}. Give {where} K/N.")
    return int(text)
