"""In whose name we ask: pynetdicom checks what we send, and refuses whom it does not know."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.errors import AssociationRejected
from dicom_retrieve_tui.model.events import AttemptFailed
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.security import Secret, UserIdentity
from tests.runs import get_plan, of_kind, run, settings, verdict_of

OPEN = "open sesame"


@contextmanager
def _pacs(checks: bool = True) -> Iterator[tuple[int, list[tuple[int, bytes, bytes, bool]]]]:  # noqa: FBT001, FBT002
    """The port of an AE that answers C-ECHO, and the users that came."""
    seen: list[tuple[int, bytes, bytes, bool]] = []

    def check(event: Any) -> tuple[bool, bytes | None]:
        name, passcode = event.primary_field, event.secondary_field or b""
        wants = event.assoc.requestor.user_identity.positive_response_requested
        seen.append((event.user_id_type, name, passcode, wants))
        return (name, passcode) in {(b"mrs.test", OPEN.encode()), (b"guest", b"")}, b""

    ae = AE(ae_title="PACS")
    ae.add_supported_context(Verification)
    handlers: list[Any] = [(evt.EVT_USER_ID, check)] if checks else []
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()


def _asking(port: int, name: str, passcode: str | None) -> RetrieveOptions:
    secret = None if passcode is None else Secret(passcode)
    user = UserIdentity(name=name, passcode=secret)
    return replace(settings(port, Path(), called="PACS"), user=user)


@pytest.mark.parametrize(
    ("name", "passcode", "sent"),
    [
        ("mrs.test", OPEN, (2, b"mrs.test", OPEN.encode(), True)),
        ("guest", None, (1, b"guest", b"", True)),
    ],
)
def test_a_user_who_is_known_is_let_in(
    name: str,
    passcode: str | None,
    sent: tuple[int, bytes, bytes, bool],
) -> None:
    with _pacs() as (port, seen):
        wiring.echo(_asking(port, name, passcode))

    assert seen == [sent]


def test_a_pacs_that_takes_no_note_of_the_user_is_used_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "dicom_retrieve_tui")
    with _pacs(checks=False) as (port, _):
        wiring.echo(_asking(port, "mrs.test", OPEN))

    assert "does not confirm the user identity" in caplog.text
    assert OPEN not in caplog.text


@pytest.mark.parametrize(
    ("passcode", "words"),
    [("sesame", "that the passcode is right"), (None, "that it needs no passcode")],
)
def test_a_user_who_is_refused_is_told_in_words_and_tried_once_more_at_most(
    passcode: str | None, words: str, tmp_path: Path
) -> None:
    with _pacs() as (port, seen):
        given = replace(_asking(port, "mrs.test", passcode), output=tmp_path / "out")
        with pytest.raises(AssociationRejected) as caught:
            wiring.echo(given)
        events = run(get_plan(retries=3), given)

    assert len(of_kind(AttemptFailed, events)) == 1
    assert len(seen) == 3
    assert "It may have refused the user: check that it knows --user" in str(caught.value)
    assert words in verdict_of(events).reason
    assert "sesame" not in f"{caught.value} {events} {given!r}"


def test_a_passcode_without_tls_is_told_on_every_run(tmp_path: Path) -> None:
    with _pacs() as (port, _):
        events = run(get_plan(), replace(_asking(port, "mrs.test", "no"), output=tmp_path / "out"))

    assert "The passcode goes to the PACS unencrypted; add --tls." in str(events)
