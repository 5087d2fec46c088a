"""What fails for a moment is repeated, and nothing else."""

import errno

import pytest

from dicom_retrieve_tui.storage.transient import Retrying, is_transient, is_unsupported


class _Fails:
    """A call that fails so often with one number."""

    def __init__(self, number: int, times: int) -> None:
        self.number, self.left, self.calls = number, times, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise OSError(self.number, "x")
        return "done"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN])
def test_a_share_that_is_away_for_a_moment_is_asked_again(number: int) -> None:
    fails = _Fails(number, 2)
    assert Retrying(pauses_s=(0, 0))(fails) == "done"
    assert fails.calls == 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EEXIST, errno.ENOENT])
def test_a_reason_that_stays_is_raised_at_once(number: int) -> None:
    fails = _Fails(number, 1)
    with pytest.raises(OSError, match="x"):
        Retrying(pauses_s=(0, 0))(fails)
    assert fails.calls == 1


def test_a_failure_that_goes_on_is_raised_in_the_end() -> None:
    fails = _Fails(errno.EIO, 9)
    with pytest.raises(OSError, match="x"):
        Retrying(pauses_s=(0, 0))(fails)
    assert fails.calls == 3


def test_nothing_is_repeated_while_the_user_waits_for_the_end() -> None:
    fails = _Fails(errno.EIO, 1)
    with pytest.raises(OSError, match="x"):
        Retrying(lambda: True, pauses_s=(0,))(fails)
    assert fails.calls == 1


def test_an_error_of_no_system_call_is_neither_transient_nor_unsupported() -> None:
    for error in (None, ValueError("x"), OSError("x")):
        assert not is_transient(error)
        assert not is_unsupported(error)
    assert is_unsupported(OSError(errno.EINVAL, "x"))
