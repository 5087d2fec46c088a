import itertools

import pytest

from dicom_retrieve_tui.model.verdict import GOOD, Verdict, total_verdict

COMPLETE, PARTIAL, NOT_FOUND = Verdict.COMPLETE, Verdict.PARTIAL, Verdict.NOT_FOUND
UNVERIFIED, DELIVERED = Verdict.UNVERIFIED, Verdict.DELIVERED
FAILED, CANCELLED = Verdict.FAILED, Verdict.CANCELLED


def test_the_words_are_those_of_the_summary() -> None:
    assert [str(verdict) for verdict in Verdict] == [
        "complete",
        "partial",
        "not found",
        "unverified",
        "delivered",
        "failed",
        "not tried",
        "cancelled",
    ]


@pytest.mark.parametrize("verdict", Verdict)
def test_studies_that_end_alike_end_the_run_alike(verdict: Verdict) -> None:
    assert total_verdict([verdict, verdict]) is verdict


@pytest.mark.parametrize(
    ("verdicts", "total"),
    [
        ([], NOT_FOUND),
        ([COMPLETE, NOT_FOUND], PARTIAL),
        ([COMPLETE, FAILED], PARTIAL),
        ([COMPLETE, UNVERIFIED], PARTIAL),
        ([DELIVERED, COMPLETE], DELIVERED),
        ([FAILED, NOT_FOUND], FAILED),
        ([FAILED, PARTIAL], PARTIAL),
        ([NOT_FOUND, UNVERIFIED], NOT_FOUND),
        ([COMPLETE, CANCELLED], CANCELLED),
        ([FAILED, CANCELLED, PARTIAL], CANCELLED),
    ],
)
def test_a_run_of_mixed_studies_has_one_word(verdicts: list[Verdict], total: Verdict) -> None:
    assert total_verdict(verdicts) is total


def test_a_run_is_good_only_if_each_study_is_and_order_does_not_matter() -> None:
    for verdicts in itertools.product(Verdict, repeat=3):
        total = total_verdict(verdicts)

        assert (total in GOOD) == (set(verdicts) <= GOOD)
        assert total is total_verdict(reversed(verdicts))
