"""A data set that never ends."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.network import c_store as receiving
from tests.faults.catalogue import Told, fault
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.runs import files_in, get_plan, run, settings, verdict_of


class _Endless(RawPacs):
    """Sends one instance whole, and the next without end: asked for, or of nobody's study."""

    study = "1.2.3"

    def on_get(self, conversation: Conversation, request: Request) -> None:
        first, second = self.holdings
        conversation.store(first)
        endless = Instance(self.study, second.series, second.sop, padding_bytes=1 << 20)
        try:
            conversation.store(endless)
        except OSError as error:
            raise EOFError from error


@pytest.mark.parametrize("study", ["1.2.3", "1.6.6"], ids=["ours", "nobodys"])
@fault(34, user_reads="sent an instance without end: more than 100000 bytes")
def test_an_instance_without_end_is_ended(
    tmp_path: Path, study: str, monkeypatch: pytest.MonkeyPatch
) -> Told:
    monkeypatch.setattr(receiving, "OBJECT_BYTES_MAX", 100_000)
    with _Endless(instances(2)) as pacs:
        pacs.study = study
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.PARTIAL
    assert files_in(tmp_path) == ["1.2.3.1.1.dcm"]
    return events
