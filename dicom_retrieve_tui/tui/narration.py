"""Events in words: the lines of the events pane. Pure.

Instances that come as they should get none.
"""

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.humanize import count, shortened
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verdict import GOOD

_UID_WIDTH = 24


def narrate(event: events.Event) -> tuple[str, bool] | None:
    """The line for an event, and whether it is grave; None if it deserves none."""
    told = _about_run(event) or _about_association(event) or _about_study(event)
    return None if told is None else (clean_text(told[0]), told[1])


def _about_run(event: events.Event) -> tuple[str, bool] | None:
    match event:
        case events.RetrieveStarted():
            return f"{event.peer}: {count(event.studies, 'study')} by {event.method}", False
        case events.RunPaused():
            return "paused: requests in hand go on to their end", False
        case events.RunResumed():
            return "going on", False
        case events.RetrieveFinished():
            return f"run over: {event.verdict}", event.verdict not in GOOD
        case events.Noted(study_instance_uid=uid):
            return (f"{_short(uid)}  {event.text}" if uid else event.text), False
        case _:
            return None


def _about_association(event: events.Event) -> tuple[str, bool] | None:
    match event:
        case events.AssociationOpened():
            pdu = f"{event.peer_max_pdu_bytes:,} bytes" if event.peer_max_pdu_bytes else "no limit"
            contexts = f"{event.accepted_contexts} of {event.proposed_contexts} contexts"
            return f"A{event.worker} association accepted  {contexts}, PDUs {pdu}", False
        case events.AssociationClosed():
            return f"A{event.worker} association closed", False
        case _:
            return None


def _about_study(event: events.Event) -> tuple[str, bool] | None:
    match event:
        case events.StudyInventoried():
            if event.expected is None:
                listed = "the PACS does not list its instances"
            else:
                listed = f"{count(event.expected, 'instance')} in {count(event.series, 'series')}"
            here = f", {event.present:,} here already" if event.present else ""
            left_out = f", {event.left_out_series:,} more left out" if event.left_out_series else ""
            return f"{_short(event.study_instance_uid)}  {listed}{left_out}{here}", False
        case events.AttemptFailed():
            again = f"again in {event.wait_s:.0f} s"
            return f"{_short(event.study_instance_uid)}  {event.reason}  {again}", True
        case events.InstanceRefused():
            status = f"refused with 0x{event.status:04X}"
            return f"instance {_short(event.sop_instance_uid)}  {status}: {event.reason}", True
        case events.InstanceSetAside():
            what = "came with other content than its file has; kept as"
            return f"instance {_short(event.sop_instance_uid)}  {what} {event.path}", True
        case events.StudyFinished():
            counts = f"{event.stored:,}/{event.expected:,}" if event.expected is not None else ""
            told = f"{_short(event.study_instance_uid)}  {event.verdict} {counts}".rstrip()
            told = f"{told}  {event.reason}" if event.reason else told
            if event.irregular:
                told = f"{told}  {event.irregular:,} irregular: {event.irregular_example}"
            return told, event.verdict not in GOOD
        case _:
            return None


def _short(uid: str) -> str:
    return shortened(uid, _UID_WIDTH)
