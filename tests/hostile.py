"""What a peer that means us no good puts into every text it controls."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.search import Match
from dicom_retrieve_tui.model.verdict import Verdict

HOSTILE = {
    "name": "Müller^",
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "c1": "\x9b31mred",
    "markup": "[bold]x",
    "link": "[@click=app.quit]y[/]",
    "unbalanced": "[/nothing] [",
    "emoji": ":bomb:",
    "path": "../../etc/passwd",
    "bidi": "\u202egnp\u2066.exe",
    "invisible": "a\u200bb\ufeffc",
    "lines": "one\r\ntwo\tthree\u2028four",
    "nobody's": "\udcff\U000f0000",
    "backslash": "\\[red]\\",
}
_OURS = frozenset({"study_instance_uid", "method", "level", "uid"})
"""What we asked for is ours, and tells which study is meant."""

_Value = TypeVar("_Value", bound=Match | Event)


def saying(value: _Value, said: str) -> _Value:
    """The same event or match, with `said` in every text of it that the peer may choose."""
    changed: dict[str, Any] = {}
    for field in fields(value):
        held = getattr(value, field.name)
        if field.name in _OURS or isinstance(held, Verdict):
            continue
        if isinstance(held, str):
            changed[field.name] = said
        elif isinstance(held, tuple):
            changed[field.name] = tuple(said for _ in held)
    return replace(value, **changed)


def story(uid: str, said: str) -> list[Event]:
    """All that can be told of a study, with `said` in every text of it."""
    told: list[Event] = [
        events.AssociationOpened(
            worker=1, accepted_contexts=1, proposed_contexts=2, peer_max_pdu_bytes=16384
        ),
        events.StudyStarted(study_instance_uid=uid, worker=1),
        events.AttemptFailed(
            study_instance_uid=uid, failed_attempts=1, retries=3, wait_s=0.0, reason="-"
        ),
        events.AttemptStarted(study_instance_uid=uid, worker=1),
        events.StudyInventoried(
            study_instance_uid=uid, listed=True, series=1, expected=3, absent=("-",)
        ),
        events.BytesReceived(study_instance_uid=uid, size_bytes=1000),
        events.InstanceStored(
            study_instance_uid=uid,
            series_instance_uid="-",
            sop_instance_uid="-",
            sop_class_uid="-",
            transfer_syntax_uid="-",
            path="-",
            size_bytes=1000,
        ),
        events.InstanceSetAside(study_instance_uid=uid, sop_instance_uid="-", path="-"),
        events.InstanceRefused(
            study_instance_uid=uid, sop_instance_uid="-", status=0xA900, reason="-"
        ),
        events.Noted(study_instance_uid=uid, text="-"),
        events.Noted(study_instance_uid=None, text="-"),
        events.StudyFinished(
            study_instance_uid=uid,
            verdict=Verdict.PARTIAL,
            expected=3,
            stored=1,
            missing=("-", "-"),
            reason="-",
        ),
    ]
    return [saying(each, said) for each in told]


def odd_characters(text: str, allowed: Iterable[str] = "\n") -> set[str]:
    """The characters that a screen must not be sent."""
    return {each for each in text if not each.isprintable()} - set(allowed)
