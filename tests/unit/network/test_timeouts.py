"""The guards of every wait, at times that the tests choose."""

from contextlib import ExitStack
from time import monotonic

import pytest

from dicom_retrieve_tui.errors import Cancelled, Interrupted, PeerTimeout
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import Activity
from dicom_retrieve_tui.network.timeouts import AnswerGuard, Timeouts, within

_CLOCKS = Timeouts.from_timeout(60.0)


class _Rig:
    """An answer that is waited for; times are seconds since the first request for the study."""

    def __init__(self, *, polite: bool = True) -> None:
        self.cancel = CancelToken()
        self.activity = Activity(last_byte_s=0.0, last_instance_s=0.0)
        self.cancels_sent = 0
        self.receiving = False
        self.started_s = monotonic()
        self._requests = ExitStack()
        self.request_began(0.0)
        self.guard = AnswerGuard(
            _CLOCKS,
            self.cancel,
            self.activity,
            waiting_for="the answer",
            on_cancel=self._send_cancel if polite else None,
            receiving=lambda: self.receiving,
        )

    def request_began(self, after_s: float) -> None:
        self._requests.enter_context(self.activity.request(self.started_s + after_s))

    def requests_ended(self) -> None:
        self._requests.close()

    def _send_cancel(self) -> None:
        self.cancels_sent += 1

    def byte_came(self, after_s: float) -> None:
        self.activity.last_byte_s = self.started_s + after_s

    def instance_came(self, after_s: float) -> None:
        self.activity.last_instance_s = self.started_s + after_s

    def look(self, after_s: float) -> None:
        self.guard(self.started_s + after_s)


def test_a_first_answer_may_take_five_times_the_timeout() -> None:
    rig = _Rig()

    rig.look(299.0)

    with pytest.raises(PeerTimeout, match="the first byte of the answer"):
        rig.look(301.0)


def test_after_the_first_byte_silence_counts() -> None:
    rig = _Rig()
    rig.byte_came(10.0)

    rig.look(69.0)

    with pytest.raises(PeerTimeout, match="the next byte of the answer") as caught:
        rig.look(71.0)
    assert 60.0 < caught.value.waited_s < 62.0


def test_answers_without_a_new_instance_end_by_the_no_progress_clock() -> None:
    rig = _Rig()
    rig.byte_came(599.0)
    rig.look(599.0)
    rig.byte_came(602.0)

    with pytest.raises(PeerTimeout, match="a new instance"):
        rig.look(602.0)


def test_a_new_instance_restarts_the_no_progress_clock() -> None:
    rig = _Rig()
    rig.byte_came(1000.0)
    rig.instance_came(500.0)

    rig.look(1000.0)


def test_a_request_that_joins_another_does_not_restart_the_no_progress_clock() -> None:
    rig = _Rig()
    rig.byte_came(599.0)
    rig.request_began(599.0)

    rig.look(599.0)

    rig.byte_came(602.0)
    with pytest.raises(PeerTimeout, match="a new instance"):
        rig.look(602.0)


def test_a_request_that_follows_another_has_clocks_of_its_own() -> None:
    rig = _Rig()
    rig.requests_ended()
    rig.request_began(599.0)
    rig.byte_came(1190.0)

    rig.look(1190.0)


def test_the_instances_of_another_request_are_no_first_answer() -> None:
    rig = _Rig()
    heard_s = [0.0]
    guard = AnswerGuard(
        _CLOCKS, rig.cancel, rig.activity, waiting_for="the answer", heard_s=lambda: heard_s[0]
    )
    rig.byte_came(150.0)
    rig.instance_came(150.0)

    guard(rig.started_s + 440.0)

    heard_s[0] = rig.started_s + 150.0
    with pytest.raises(PeerTimeout, match="the next byte of the answer"):
        guard(rig.started_s + 440.0)


def test_one_object_may_take_longer_than_the_no_progress_clock() -> None:
    rig = _Rig()
    rig.byte_came(5000.0)
    rig.activity.arriving[1] = rig.started_s + 500.0

    rig.look(5000.0)

    with pytest.raises(PeerTimeout, match="the next byte"):
        rig.look(5061.0)


def test_a_cancel_is_sent_once_and_given_its_grace() -> None:
    rig = _Rig()
    rig.cancel.request()

    rig.look(1.0)
    rig.look(1.9)

    assert rig.cancels_sent == 1
    with pytest.raises(Cancelled):
        rig.look(2.1)


def test_a_user_who_insists_leaves_the_peer_no_grace() -> None:
    rig = _Rig()
    rig.cancel.request()
    rig.look(0.0)
    rig.cancel.insist()

    with pytest.raises(Cancelled):
        rig.look(0.1)


def test_where_no_cancel_can_be_sent_the_wait_ends_at_once() -> None:
    rig = _Rig(polite=False)
    rig.cancel.request()

    with pytest.raises(Cancelled):
        rig.look(0.0)


def test_a_bounded_wait_ends_by_its_limit_or_a_cancel() -> None:
    cancel = CancelToken()
    guard = within(5.0, "a TCP connection", cancel)
    started_s = monotonic()

    guard(started_s + 4.0)

    with pytest.raises(PeerTimeout, match="a TCP connection"):
        guard(started_s + 6.0)
    cancel.request()
    with pytest.raises(Cancelled):
        guard(started_s)


def test_an_interruption_waits_for_the_instance_that_is_coming() -> None:
    rig = _Rig()
    rig.receiving = True
    rig.cancel.interrupt()

    rig.look(30.0)

    before = (rig.guard.owes_cancel, rig.cancels_sent)
    rig.receiving = False
    rig.look(30.2)
    assert before == (True, 0)
    assert (rig.guard.owes_cancel, rig.cancels_sent) == (False, 1)
    rig.look(31.0)
    with pytest.raises(Interrupted):
        rig.look(31.3)


def test_an_interruption_gives_the_grace_after_a_c_cancel_behind_a_response() -> None:
    rig = _Rig()
    rig.receiving = True
    rig.cancel.interrupt()

    rig.guard.cancel_sent()
    rig.look(0.9)
    with pytest.raises(Interrupted):
        rig.look(1.5)

    assert not rig.cancels_sent


def test_an_interrupted_instance_that_stalls_still_times_out() -> None:
    rig = _Rig()
    rig.receiving = True
    rig.byte_came(1.0)
    rig.cancel.interrupt()

    with pytest.raises(PeerTimeout, match="the next byte of"):
        rig.look(62.0)


def test_an_interruption_without_c_cancel_gives_the_same_grace() -> None:
    rig = _Rig(polite=False)
    rig.cancel.interrupt()

    rig.look(0.2)
    with pytest.raises(Interrupted):
        rig.look(1.3)


def test_an_interruption_ends_the_opening_of_an_association() -> None:
    cancel = CancelToken().child()
    guard = within(10.0, "an answer", cancel)
    guard(monotonic())
    cancel.interrupt()

    with pytest.raises(Interrupted):
        guard(monotonic())
