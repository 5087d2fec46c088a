"""The list of faults is whole, and the document says what the tests do."""

from tests.faults.catalogue import FAULTS
from tests.faults.table import DOCUMENT, TITLES, render


def test_every_fault_has_a_test() -> None:
    render()

    assert {fault.number for fault in FAULTS} == set(TITLES)


def test_the_document_is_what_the_tests_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render()
