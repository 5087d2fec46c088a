"""Shards: which share a study belongs to, and which shard a process is."""

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.shard import Shard, list_fingerprint, parse_shard, shard_number
from dicom_retrieve_tui.model.writer import Writer

_SLURM = "SLURM_ARRAY_TASK_"


@pytest.mark.parametrize(
    ("uid", "numbers"),
    [
        ("1.2.840.113619.2.1", {1: 1, 2: 2, 3: 2, 4: 4, 8: 8, 9999: 2576}),
        ("1.2.840.99.1", {1: 1, 2: 2, 3: 1, 4: 4, 8: 4, 9999: 1669}),
        ("2.25.61085010192923424039736438184348504445", {1: 1, 2: 2, 3: 1, 4: 2, 8: 6, 9999: 8152}),
        ("1.2.\xfc", {1: 1, 2: 1, 3: 1, 4: 1, 8: 1, 9999: 5704}),
    ],
)
def test_a_study_keeps_its_share_for_ever(uid: str, numbers: dict[int, int]) -> None:
    assert {count: shard_number(uid, count) for count in numbers} == numbers


def test_the_fingerprint_of_a_list_is_that_of_its_studies() -> None:
    fingerprint = list_fingerprint(["1.2", "1.3"])

    assert fingerprint == list_fingerprint(["1.3", "1.2", "1.3"])
    assert fingerprint != list_fingerprint(["1.2"])
    assert fingerprint == "179ab0a8d45bbd1d0dd075030c770e21"


def test_a_shard_is_named_by_its_number_and_how_many_there_are() -> None:
    shard = parse_shard("02/8", None, {})

    assert shard == Shard(2, 8)
    assert str(shard) == "shard 2 of 8"
    assert shard.writer == Writer("shard-2-of-8")
    assert (shard.writer.shard, shard.writer.group) == ((2, 8), "shards of 8")


def test_without_a_flag_there_is_no_shard() -> None:
    assert parse_shard(None, None, {"JOB_COMPLETION_INDEX": "1"}) is None


@pytest.mark.parametrize(
    ("environ", "shards", "shard"),
    [
        ({"ID": "1", "MIN": "1", "MAX": "8"}, None, Shard(1, 8)),
        ({"ID": "7", "MIN": "0", "MAX": "7", "COUNT": "8", "STEP": "1"}, None, Shard(8, 8)),
        ({"ID": "5", "MIN": "1", "MAX": "7", "COUNT": "4", "STEP": "2"}, None, Shard(3, 4)),
        ({"ID": "3", "MIN": "3", "MAX": "3", "COUNT": "1"}, "8", Shard(3, 8)),
        ({"ID": "8", "MIN": "1", "MAX": "8"}, "8", Shard(8, 8)),
    ],
)
def test_auto_reads_a_slurm_array(
    environ: dict[str, str], shards: str | None, shard: Shard
) -> None:
    assert parse_shard("auto", shards, {_SLURM + key: environ[key] for key in environ}) == shard


@pytest.mark.parametrize(
    ("environ", "shard"),
    [
        ({"JOB_COMPLETION_INDEX": "0"}, Shard(1, 4)),
        ({"JOB_COMPLETION_INDEX": "3"}, Shard(4, 4)),
        ({"PARALLEL_SEQ": "1", "PARALLEL_JOBSLOT": "3"}, Shard(1, 4)),
        ({"PARALLEL_SEQ": "4"}, Shard(4, 4)),
    ],
)
def test_auto_reads_kubernetes_and_gnu_parallel(environ: dict[str, str], shard: Shard) -> None:
    assert parse_shard("auto", "4", environ) == shard


@pytest.mark.parametrize(
    "text", ["", "x", "1", "1/", "/4", "-1/4", "1/4/5", "1.0/4", "AUTO", "\u0661/\u0664"]
)
def test_what_is_no_shard_is_explained(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected K/N, such as 2/8, or auto"):
        parse_shard(text, None, {})


@pytest.mark.parametrize(
    ("text", "shards", "problem"),
    [
        ("0/4", None, "--shard '0/4': shards are numbered from 1 to 4"),
        ("5/4", None, "--shard '5/4': shards are numbered from 1 to 4"),
        ("1/0", None, "--shard '1/0': expected a number of shards from 1 to 9999"),
        ("1/10000", None, "from 1 to 9999"),
        ("auto", "0", "--shards '0': expected a number of shards from 1 to 9999"),
        ("auto", "four", "--shards 'four': expected a number"),
        ("2/4", "4", "--shards requires --shard auto; --shard 2/4 has the number"),
        (None, "4", "--shards requires --shard auto"),
    ],
)
def test_a_shard_that_cannot_be_is_refused(
    text: str | None, shards: str | None, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_shard(text, shards, {})


@pytest.mark.parametrize(
    ("environ", "shards", "problem"),
    [
        ({}, None, "needs SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or PARALLEL_SEQ"),
        ({"PARALLEL_SEQ": "1", "JOB_COMPLETION_INDEX": "0"}, "4", "and PARALLEL_SEQ are both set"),
        ({"JOB_COMPLETION_INDEX": "0"}, None, "add --shards N"),
        ({"JOB_COMPLETION_INDEX": "4"}, "4", "JOB_COMPLETION_INDEX is 4, and there are 4"),
        ({"JOB_COMPLETION_INDEX": "x"}, "4", "JOB_COMPLETION_INDEX is 'x', which is not a number"),
        ({"PARALLEL_SEQ": "0"}, "4", "PARALLEL_SEQ is 0, and there are 4 shards"),
        ({f"{_SLURM}ID": "0"}, "4", r"there are 4 shards\. Number the array from 1"),
        ({f"{_SLURM}ID": "1"}, None, "SLURM_ARRAY_TASK_MIN is not set"),
    ],
)
def test_auto_explains_what_it_lacks(
    environ: dict[str, str], shards: str | None, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_shard("auto", shards, environ)


@pytest.mark.parametrize(
    "environ",
    [
        {"ID": "3", "MIN": "3", "MAX": "3", "COUNT": "1"},
        {"ID": "1", "MIN": "1", "MAX": "1"},
        {"ID": "5", "MIN": "5", "MAX": "8", "COUNT": "4"},
        {"ID": "3", "MIN": "1", "MAX": "7", "COUNT": "3", "STEP": "1"},
    ],
    ids=["one task", "one task from 1", "the second half", "with gaps"],
)
def test_a_part_of_a_slurm_array_does_not_pass_for_all_of_it(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="may be a part of the shards; add --shards N"):
        parse_shard("auto", None, {_SLURM + key: environ[key] for key in environ})


@pytest.mark.parametrize(
    "environ",
    [
        {"ID": "9", "MIN": "1", "MAX": "8"},
        {"ID": "2", "MIN": "1", "MAX": "7", "STEP": "2"},
        {"ID": "2", "MIN": "1", "MAX": "7", "STEP": "0"},
    ],
)
def test_a_slurm_array_that_contradicts_itself_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="contradict"):
        parse_shard("auto", None, {_SLURM + key: environ[key] for key in environ})
