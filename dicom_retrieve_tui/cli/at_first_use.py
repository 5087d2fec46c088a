"""What the application asks of the engine, loaded when it is asked: no frame waits for it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from dicom_retrieve_tui.doctor.result import Finding
    from dicom_retrieve_tui.engine.run import Session
    from dicom_retrieve_tui.model.cancel import CancelToken
    from dicom_retrieve_tui.model.lookup_result import Answer
    from dicom_retrieve_tui.model.search import Found, Search
    from dicom_retrieve_tui.model.selection import Plan
    from dicom_retrieve_tui.model.settings import Settings
    from dicom_retrieve_tui.storage.history import History

# ruff: noqa: PLC0415 - that is what this module is for


def open_session(plan: "Plan", settings: "Settings", cancel: "CancelToken") -> "Session":
    """See `wiring`."""
    from dicom_retrieve_tui import wiring

    return wiring.open_session(plan, settings, cancel)


def open_history() -> "History":
    """See `wiring`."""
    from dicom_retrieve_tui import wiring

    return wiring.open_history()


def find(
    search: "Search", settings: "Settings", cancel: "CancelToken"
) -> "Generator[Found, None, None]":
    """See `wiring`."""
    from dicom_retrieve_tui import wiring

    return wiring.find(search, settings, cancel)


def find_each(
    searches: "Iterable[Search]", settings: "Settings", cancel: "CancelToken"
) -> "Generator[Answer, None, None]":
    """See `wiring`."""
    from dicom_retrieve_tui import wiring

    return wiring.find_each(searches, settings, cancel)


def diagnose(
    plan: "Plan", settings: "Settings", cancel: "CancelToken"
) -> "Generator[Finding, None, None]":
    """See `wiring`."""
    from dicom_retrieve_tui import wiring

    return wiring.diagnose(plan, settings, cancel)


def tell_administrator(plan: "Plan", settings: "Settings") -> tuple[str, ...]:
    """See `wiring`."""
    from dicom_retrieve_tui import wiring

    return wiring.tell_administrator(plan, settings)


def check_tls(settings: "Settings") -> None:
    """See `wiring`."""
    from dicom_retrieve_tui import wiring

    wiring.check_tls(settings)
