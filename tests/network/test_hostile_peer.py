"""What a peer says over the wire stays text in `doctor`, `profiles test` and `find`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.main import main
from tests.hostile import HOSTILE, odd_characters
from tests.interop.command import CommandResult
from tests.peers import wire
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request
from tests.unit.cli.scripted import Stream

_LINE_CHARACTERS_MAX = 2500
_SAID = {
    **{kind: HOSTILE[kind] for kind in ("name", "escape", "markup", "path", "bidi")},
    "all": " ".join(HOSTILE.values()),
    "long": "9" * 5000,
}
_TOLD_AS_IT_IS = {"markup", "path"}
"""Nothing in these may be lost: a reader must see what was said."""

everything = pytest.mark.parametrize("kind", _SAID)
on_a_terminal = pytest.mark.parametrize("terminal", [False, True], ids=["piped", "terminal"])


class _Says(RawPacs):
    """The same in every text of an answer, whatever is asked."""

    lists = False
    """Queries find something; else they fail."""

    def __init__(self, said: str) -> None:
        super().__init__([Instance("1.2.3", "1.2.3.1", "1.2.3.1.1")])
        self.said = said.encode("utf-8", "surrogateescape")

    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(version_name=self.said[:16])

    def on_request(self, conversation: Conversation, request: Request) -> None:
        if request.number(0x0100) == 0x20 and self.lists:
            self._list(conversation, request)
        else:
            conversation.respond(request, 0xC123, comment=self.said, sop_instance=self.said)

    def _list(self, conversation: Conversation, request: Request) -> None:
        for uid in (b"1.2.3", self.said):
            match = b"".join(
                wire.element(tag >> 16, tag & 0xFFFF, value)
                for tag, value in sorted(self._match(request, uid).items())
            )
            conversation.respond(request, wire.PENDING, match)
        conversation.respond(request, wire.SUCCESS, comment=self.said)

    def _match(self, request: Request, uid: bytes) -> dict[int, bytes]:
        names = (0x00080020, 0x00080050, 0x00080060, 0x00080061, 0x00081030, 0x0008103E, 0x00100010)
        return {
            **dict.fromkeys((*names, 0x00100020, 0x00100030, 0x00201208), self.said),
            0x00080005: b"ISO_IR 192",
            0x00080052: request.level.encode(),
            0x0020000D: uid,
            0x0020000E: self.said,
            0x00080018: self.said,
        }


def _run(*argv: object, terminal: bool) -> CommandResult:
    out, err = Stream(terminal=terminal), Stream()
    code = main([str(each) for each in argv], stdin=Stream(), stdout=out, stderr=err)
    return CommandResult(code, out.getvalue(), err.getvalue())


def _texts(told: str) -> Iterator[str]:
    """Every text in lines of JSON."""

    def of(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                yield from of(each)

    for line in told.splitlines():
        yield from of(json.loads(line))


def _assert_plain(told: str, allowed: str = "\n") -> None:
    assert not odd_characters(told, allowed=allowed)
    assert max(map(len, told.split("\n"))) < _LINE_CHARACTERS_MAX * 4


def _joined(text: str) -> str:
    return " ".join(text.split())


@everything
@on_a_terminal
@pytest.mark.parametrize("lists", [False, True], ids=["fails", "lists"])
def test_doctor_tells_it_as_text(
    kind: str, monkeypatch: pytest.MonkeyPatch, *, lists: bool, terminal: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    said = _SAID[kind]
    with _Says(said) as pacs:
        pacs.lists = lists
        done = _run(
            *("doctor", f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", "1.2.3"),
            *("--move-dest", "DRTUI"),
            terminal=terminal,
        )

    # Ours, to take away the line that says what is being looked at.
    _assert_plain(done.stdout.replace("\r\x1b[K", "") + done.stderr)
    if kind in _TOLD_AS_IT_IS:
        assert _joined(done.stdout).count(said) >= (3 if not lists else 1)


@everything
def test_doctor_tells_programs_the_same(kind: str) -> None:
    with _Says(_SAID[kind]) as pacs:
        done = _run(
            *("doctor", f"pacs://127.0.0.1:{pacs.port}", "--method", "c-get", "--json"),
            terminal=False,
        )

    texts = list(_texts(done.stdout))
    _assert_plain("\n".join(texts))
    if kind in _TOLD_AS_IT_IS:
        assert sum(_SAID[kind] in text for text in texts) >= 3


@everything
def test_a_test_of_a_profile_tells_it_as_text(kind: str, tmp_path: Path) -> None:
    with _Says(_SAID[kind]) as pacs:
        config = tmp_path / "profiles.toml"
        config.write_text(f'[profiles.x]\nhost = "127.0.0.1"\nport = {pacs.port}\n')
        done = _run("profiles", "test", "x", "--config", config, terminal=True)

    assert done.exit_code == 1
    _assert_plain(done.stdout + done.stderr)
    if kind in _TOLD_AS_IT_IS:
        assert _SAID[kind] in _joined(done.stderr)


@everything
@pytest.mark.parametrize(
    ("flags", "terminal"),
    [((), True), ((), False), (("--json",), False), (("--level", "series", "--uids"), False)],
    ids=["table", "rows", "json", "uids"],
)
@pytest.mark.parametrize("lists", [False, True], ids=["fails", "lists"])
def test_find_tells_it_as_text(
    kind: str, flags: tuple[str, ...], *, lists: bool, terminal: bool
) -> None:
    with _Says(_SAID[kind]) as pacs:
        pacs.lists = lists
        done = _run(
            *("find", f"pacs://127.0.0.1:{pacs.port}", "--all", *flags),
            terminal=terminal,
        )

    told = "\n".join(_texts(done.stdout)) if "--json" in flags else done.stdout
    _assert_plain(told, "\n" if terminal else "\n\t")
    _assert_plain(done.stderr)
    if kind in _TOLD_AS_IT_IS and lists and not terminal:
        assert _SAID[kind] in told.replace('""', '"')
    if kind in _TOLD_AS_IT_IS and not lists:
        assert _SAID[kind] in _joined(done.stderr)
