"""The list of faults is whole, and the document says what the tests do."""

import pytest

from tests.faults import table
from tests.faults.catalogue import FAULTS
from tests.faults.table import DOCUMENT, TITLES, render


def test_every_fault_has_a_test() -> None:
    render()

    assert {fault.number for fault in FAULTS} == set(TITLES)


def test_the_faults_are_numbered_without_gaps() -> None:
    assert list(TITLES) == list(range(1, len(TITLES) + 1))


def test_the_document_is_what_the_tests_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render()


def test_the_document_is_the_same_in_whatever_order_the_tests_were_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = render()
    others_first = sorted(FAULTS, key=lambda fault: fault.module, reverse=True)
    monkeypatch.setattr(table, "FAULTS", others_first)

    assert render() == whole
