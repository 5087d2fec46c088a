"""What is told of a bug: where and what, and nobody's name."""

import errno

import pytest

from dicom_retrieve_tui.engine.dry_run import bug_reason as study_reason
from dicom_retrieve_tui.model.bug_report import bug_lines, bug_note, bug_reason


def _slip(name: str) -> None:
    try:
        int(name)
    except ValueError as error:
        raise KeyError(name) from error


def test_a_bug_is_told_with_what_led_to_it_and_without_what_it_quotes() -> None:
    try:
        _slip("Example^Ada")
    except KeyError as error:
        told = list(bug_lines(error))

    kinds = [line for line in told if line in {"ValueError", "KeyError"}]
    assert kinds == ["ValueError", "KeyError"]
    assert sum("in _slip" in line for line in told) == 2
    assert "please report it" in told[-1]
    assert not any("invalid literal" in line or "'Example" in line for line in told)


def test_what_was_being_handled_is_told_unless_it_was_hidden() -> None:
    def slip_again(*, hidden: bool) -> None:
        try:
            _slip("Example^Ada")
        except KeyError:
            if hidden:
                raise TypeError from None
            len(1)  # type: ignore[arg-type]

    told = []
    for hidden in (False, True):
        try:
            slip_again(hidden=hidden)
        except TypeError as error:
            told.append(list(bug_lines(error)))

    assert ["KeyError" in lines for lines in told] == [True, False]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("can't start new thread"),
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        OSError(errno.EAGAIN, "Resource temporarily unavailable"),
    ],
    ids=repr,
)
def test_a_limit_of_threads_or_memory_is_no_bug(error: Exception) -> None:
    wrapped = ValueError("on the way")
    wrapped.__cause__ = error

    for each in (error, wrapped):
        (line,) = bug_lines(each)
        assert line.startswith("dicom-retrieve: This account or container allows no more threads")
        assert (
            bug_note(each).text
            == bug_reason(each)
            == study_reason(each)
            == line.removeprefix("dicom-retrieve: ")
        )


def test_another_error_of_these_kinds_is_a_bug() -> None:
    for error in (RuntimeError("Example^Ada"), OSError(errno.EBADF, "Bad file descriptor")):
        assert "please report it" in list(bug_lines(error))[-1]
        assert bug_reason(error) == f"a bug: {type(error).__name__}; please report it"
