"""The command line of `doctor`, and how a diagnosis is told."""

from collections.abc import Iterable

import pytest

from dicom_retrieve_tui.cli.commands.doctor import TextPrinter
from dicom_retrieve_tui.cli.console import Console, DataStream, MessageStream
from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.cli.read_options import read_retrieval
from dicom_retrieve_tui.doctor.result import Check, Conclusion, Finding, Looking, Outcome, Step
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.sanitize import clean_text
from tests.hostile import HOSTILE, odd_characters
from tests.unit.cli.scripted import Stream, run

_FINDINGS = (
    Looking(Check.HOST),
    Step(check=Check.HOST, outcome=Outcome.OK, found="pacs.test is 192.0.2.1."),
    Looking(Check.CONNECTION),
    Step(
        check=Check.CONNECTION,
        outcome=Outcome.FAILED,
        found="Cannot reach pacs.test:104: connection refused.",
        next_step="Is it running?",
    ),
    Conclusion(
        works=False, proven=False, words="It would not work.", for_administrator=("Please do.",)
    ),
)


def _told(findings: Iterable[Finding], *, terminal: bool, **environ: str) -> str:
    out = Stream(terminal=terminal)
    console = Console(
        stdin=Stream(), stdout=DataStream(out), stderr=MessageStream(Stream()), environ=environ
    )
    telling = TextPrinter(console)
    for finding in findings:
        telling.show(finding)
    return out.getvalue()


def test_every_setting_of_a_retrieval_is_read() -> None:
    args = parse_command_line(
        ["doctor", "pacs://pacs.test", "--move-dest", "US", "1.2.3", "--listen", "11112"]
    )

    options = read_retrieval(args, {})

    assert options.listen == (None, 11112)
    assert (options.method, options.move_destination) == (Method.C_MOVE, "US")
    assert args.uids == ["1.2.3"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((), "needs the PACS to check"),
        (("pacs://pacs.test", "1.2.3", "1.2.4"), "one study at most"),
        (("pacs://pacs.test", "1.2.*"), "Study Instance UID '1.2.*'"),
        (("pacs://pacs.test", "--method", "c-gett"), "choose c-move, c-get or auto"),
    ],
)
def test_contradictory_flags_are_reported_before_anything_is_sent(
    argv: tuple[str, ...], words: str
) -> None:
    result = run("doctor", *argv)

    assert result.code == 1
    assert result.out == ""
    assert words in result.err


def test_piped_it_is_plain_words_a_line_each() -> None:
    assert _told(_FINDINGS, terminal=False, TERM="xterm").splitlines() == [
        "ok      host name        pacs.test is 192.0.2.1.",
        "FAILED  TCP connection   Cannot reach pacs.test:104: connection refused.",
        "                         Is it running?",
        "",
        "It would not work.",
        "",
        "For the administrator of the PACS:",
        "  Please do.",
    ]


def test_at_a_terminal_the_mark_has_a_colour_and_what_is_looked_at_passes() -> None:
    told = _told(_FINDINGS[:2], terminal=True, TERM="xterm")

    assert "host name ...\r\x1b[K" in told
    assert "\x1b[32m" in told


def test_no_color_leaves_the_marks() -> None:
    told = _told(_FINDINGS, terminal=True, TERM="xterm", NO_COLOR="1")

    assert "\x1b[32m" not in told
    assert "\x1b[31m" not in told


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_whatever_was_found_is_told_as_text(said: str, *, terminal: bool) -> None:
    step = Step(check=Check.FIND, outcome=Outcome.FAILED, found=said, next_step=said)
    over = Conclusion(
        works=False, proven=False, words=said, next_step=said, for_administrator=(said,)
    )

    told = _told((step, over), terminal=terminal, TERM="xterm", NO_COLOR="1")

    assert not odd_characters(told.replace("\r\x1b[K", ""))
    assert " ".join(told.split()).count(" ".join(clean_text(said).split())) == 5
