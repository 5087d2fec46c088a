import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui import errors
from dicom_retrieve_tui.cluster import messages as m
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.security import Secret, TlsSettings, UserIdentity
from tests.runs import settings

_ERRORS = (
    errors.RetrieveError("A.", next_step="B."),
    errors.ConfigError("A.", option="--port", problem="is wrong"),
    errors.WrongPassphrase("A."),
    errors.FolderInUse("A."),
    errors.PeerError("A."),
    errors.PeerUnreachable("A.", retryable=False, reason="refused"),
    errors.AssociationRejected("A.", result=2, source=3, reason=2),
    errors.AssociationAborted("A."),
    errors.RequestAborted("A."),
    errors.ContextNotAccepted("A."),
    errors.PeerTimeout("A.", waiting_for="an answer", waited_s=2.0),
    errors.ProtocolError("A."),
    errors.OperationFailed("A.", operation="C-GET", status=0xA701),
    errors.StoreError("A."),
    errors.InstanceUnfit("A.", status=0xC000),
    errors.DiskFailed("A.", path="/x", no_room=True),
)


def _copied(error: BaseException) -> BaseException:
    found: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    return found


def test_every_error_is_tried() -> None:
    def all_of(kind: type) -> set[type]:
        found: set[type] = {kind}
        each: type
        for each in type.__subclasses__(kind):
            found |= all_of(each)
        return found

    ours = {each for each in all_of(errors.RetrieveError) if each.__module__ == errors.__name__}
    assert {type(error) for error in _ERRORS} == ours


@pytest.mark.parametrize("error", _ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_way_to_another_process(error: errors.RetrieveError) -> None:
    error.mid_request = True  # type: ignore[attr-defined]

    found = _copied(error)

    assert type(found) is type(error)
    assert str(found) == str(error)
    assert vars(found) == vars(error)


def test_interruptions_survive_it_too() -> None:
    given: tuple[BaseException, ...] = (errors.Cancelled(), errors.Interrupted(mid_request=False))
    for error in given:
        found = _copied(error)
        assert type(found) is type(error)
        assert vars(found) == vars(error)


def test_secrets_reach_a_slot_and_are_in_no_text() -> None:
    options = replace(
        settings(104, Path("out")),
        user=UserIdentity(name="READER", passcode=Secret("hush-1")),
        tls=TlsSettings(key_passphrase=Secret("hush-2")),
    )
    opening = m.Open(m.Secrets(options), None, 1, 2, None, answered=False, may_be_empty=False)

    (found,) = m.orders_in(m.packed([opening]))

    assert isinstance(found, m.Open)
    assert found.secrets.options() == options
    assert "hush" not in repr(opening)
    assert "hush" not in repr(found)


def test_reports_arrive_in_order() -> None:
    failure = errors.AssociationRejected("No.", result=2, source=3, reason=2)
    sent = (m.Opened(), m.Obstructed(HoldCause.PEER, failure, crowded=True), m.Ended())

    found = m.reports_in(m.packed(sent))

    assert [type(each) for each in found] == [type(each) for each in sent]
    assert str(found[1].failure) == "No."  # type: ignore[union-attr]
