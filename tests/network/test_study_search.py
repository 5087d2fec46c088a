"""`find` against scripted peers: what is asked, what comes of it, and what is said of it."""

import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import date
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.errors import (
    Cancelled,
    ContextNotAccepted,
    OperationFailed,
    PeerError,
    PeerTimeout,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.search import Found, Match, Remark, Search
from dicom_retrieve_tui.network import c_find as query
from tests.peers import wire
from tests.peers.held_pacs import spoke
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.peers.wire import PENDING, SUCCESS
from tests.runs import settings

_CHARACTER_SET, _DATE, _MODALITIES = 0x00080005, 0x00080020, 0x00080061
_NAME, _PATIENT_ID, _STUDY, _SERIES, _SOP = (
    0x00100010,
    0x00100020,
    0x0020000D,
    0x0020000E,
    0x00080018,
)
_SERIES_COUNT, _INSTANCE_COUNT = 0x00201206, 0x00201209
_STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
_PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
_C_CANCEL = 0x0FFF


def _find(
    pacs: RawPacs,
    tmp_path: Path,
    search: Search,
    timeout_s: float = 10.0,
    split_until: date | None = None,
) -> list[Found]:
    given = settings(pacs.port, tmp_path, timeout_s=timeout_s)
    return list(wiring.find(search, given, CancelToken(), split_until))


def _matches(found: Iterable[Found]) -> list[Match]:
    return [each for each in found if isinstance(each, Match)]


def _remarks(found: Iterable[Found]) -> list[Remark]:
    return [each for each in found if isinstance(each, Remark)]


class _Scripted(RawPacs):
    """Answers each C-FIND at the STUDY level with these studies, whatever it was asked."""

    def __init__(self, *studies: dict[int, bytes], final: int = SUCCESS) -> None:
        super().__init__([])
        self.answers = studies
        self.final = final

    def on_find(self, conversation: Conversation, request: Request) -> None:
        for answer in self.answers:
            conversation.respond(request, PENDING, _encoded(answer))
        conversation.respond(request, self.final)


def _encoded(values: dict[int, bytes]) -> bytes:
    return b"".join(
        wire.element(tag >> 16, tag & 0xFFFF, value + b" " * (len(value) % 2))
        for tag, value in sorted(values.items())
    )


def _study(number: int, **more: bytes) -> dict[int, bytes]:
    return {_STUDY: b"1.2.%d" % number} | {_TAGS[name]: value for name, value in more.items()}


_TAGS = {
    "charset": _CHARACTER_SET,
    "date": _DATE,
    "modalities": _MODALITIES,
    "name": _NAME,
    "patient_id": _PATIENT_ID,
}


def test_each_answer_is_read_in_its_own_character_set(tmp_path: Path) -> None:
    studies = [
        _study(1, name="Wang^XiaoDong=王^小東=".encode(), charset=b"ISO_IR 192"),
        _study(
            2, name=b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce", charset=b"\\ISO 2022 IR 149"
        ),
        _study(3, name="Zhang^Wei=张^伟".encode("gb18030"), charset=b"GB18030"),
        _study(4, name=b"M\xfcller^J\xf6rg", charset=b"ISO_IR 100"),
        _study(5, name=b"\x1b[2JEvil^\x07Name"),
    ]

    with _Scripted(*studies) as pacs:
        names = [m.patient_name for m in _matches(_find(pacs, tmp_path, Search(patient_id="*")))]

    assert names == [
        "Wang^XiaoDong=王^小東=", "Hong^Gildong=洪^吉", "Zhang^Wei=张^伟", "Müller^Jörg",
        "[2JEvil^Name",
    ]  # fmt: skip


def test_a_key_beyond_ascii_is_sent_as_utf_8_and_says_so(tmp_path: Path) -> None:
    with _Scripted() as pacs:
        _find(pacs, tmp_path, Search(patient_name="山田*"))
        _find(pacs, tmp_path, Search(patient_name="Yamada*"))

    first, second = pacs.requests
    assert first.key(_CHARACTER_SET) == "ISO_IR 192"
    assert first.identifier[_NAME].decode("utf-8").strip() == "山田*"
    assert second.key(_NAME) == "Yamada*"


def _tree() -> list[Instance]:
    return [
        *instances(3, study="1.2.1", series="1.2.1.1"),
        *instances(2, study="1.2.1", series="1.2.1.2"),
        *instances(1, study="1.2.2", series="1.2.2.1"),
    ]


def test_series_are_asked_for_study_by_study(tmp_path: Path) -> None:
    with RawPacs(_tree()) as pacs:
        found = _find(pacs, tmp_path, Search(level=Level.SERIES, patient_id="T-0001"))

    assert [(m.study_instance_uid, m.uid, m.number_of_instances) for m in _matches(found)] == [
        ("1.2.1", "1.2.1.1", 3), ("1.2.1", "1.2.1.2", 2), ("1.2.2", "1.2.2.1", 1),
    ]  # fmt: skip
    assert [(r.level, r.key(_STUDY)) for r in pacs.requests] == [
        ("STUDY", ""), ("SERIES", "1.2.1"), ("SERIES", "1.2.2"), ("SERIES", "1.2.2"),
    ]  # fmt: skip
    assert pacs.associations == 1


def test_instances_are_asked_for_series_by_series(tmp_path: Path) -> None:
    search = Search(level=Level.IMAGE, study_instance_uid="1.2.1", series_instance_uid="1.2.1.2")

    with RawPacs(_tree()) as pacs:
        found = _find(pacs, tmp_path, search)

    assert [m.uid for m in _matches(found)] == ["1.2.1.2.1", "1.2.1.2.2"]
    assert _matches(found)[0].patient_id == "T-0001"
    assert [r.key(_SERIES) for r in pacs.requests if r.level == "IMAGE"] == ["1.2.1.2"]


class _EndsWith(RawPacs):
    """Sends an identifier with Success; by the standard none comes with it."""

    def __init__(self, identifier: Callable[[Request, list[dict[int, str]]], bytes]) -> None:
        super().__init__(_tree())
        self.identifier = identifier

    def on_find(self, conversation: Conversation, request: Request) -> None:
        matches = self.find(request)
        for match in matches[:-1]:
            conversation.respond(request, PENDING, wire.data_set(match))
        conversation.respond(request, SUCCESS, self.identifier(request, matches))


@pytest.mark.parametrize("level", Level)
def test_a_match_that_comes_with_success_is_listed(level: Level, tmp_path: Path) -> None:
    with _EndsWith(lambda _, matches: wire.data_set(matches[-1])) as pacs:
        found = _matches(_find(pacs, tmp_path, Search(level=level, patient_id="T-0001")))

    assert len(found) == {Level.STUDY: 2, Level.SERIES: 3, Level.IMAGE: 6}[level]
    assert len({match.uid for match in found}) == len(found)


@pytest.mark.parametrize(
    "identifier",
    [
        lambda *_: b"",
        lambda request, _: _encoded(request.identifier),
        lambda *_: wire.data_set({0x00080052: "STUDY", _STUDY: ""}),
    ],
    ids=["empty", "our own keys", "of nothing"],
)
def test_what_comes_with_success_and_matches_nothing_is_not_listed(
    identifier: Callable[[Request, list[dict[int, str]]], bytes], tmp_path: Path
) -> None:
    search = Search(study_instance_uid="1.2.2")

    with _EndsWith(identifier) as pacs:
        assert _find(pacs, tmp_path, search) == []


def test_a_study_that_comes_twice_is_one(tmp_path: Path) -> None:
    with _Scripted(_study(1), _study(1), _study(2)) as pacs:
        found = _find(pacs, tmp_path, Search(patient_id="*"))

    assert [m.uid for m in _matches(found)] == ["1.2.1", "1.2.2"]
    assert not _remarks(found)


def test_a_list_of_repeated_answers_may_lack_others(tmp_path: Path) -> None:
    with _Scripted(_study(1), *[_study(2)] * 4) as pacs:
        found = _find(pacs, tmp_path, Search(patient_id="*"))

    assert [m.uid for m in _matches(found)] == ["1.2.1", "1.2.2"]
    text = "Of 5 studies that the PACS listed, 3 repeat another one: others may be missing."
    assert _remarks(found) == [Remark(text=text, incomplete=True)]


def test_what_contradicts_a_key_is_left_out_aloud(tmp_path: Path) -> None:
    studies = [_study(1, modalities=b"CT"), _study(2, modalities=b"MR\\SR")]

    with _Scripted(*studies, {_NAME: b"Nameless"}) as pacs:
        found = _find(pacs, tmp_path, Search(modality="CT"))

    assert [m.uid for m in _matches(found)] == ["1.2.1"]
    assert _remarks(found) == [
        Remark(text="The PACS seems to ignore the modality: 1 left out."),
        Remark(text="1 answer without a UID left out."),
    ]


def test_series_tell_the_modalities_that_a_pacs_does_not_tell_of_a_study(tmp_path: Path) -> None:
    with RawPacs(_tree()) as pacs:  # all of it CT, and no Modalities in Study
        computed = _matches(_find(pacs, tmp_path, Search(modality="CT")))
        magnetic = _matches(_find(pacs, tmp_path, Search(modality="MR")))

    assert [(m.uid, m.modalities) for m in computed] == [("1.2.1", ("CT",)), ("1.2.2", ("CT",))]
    assert not magnetic


@pytest.mark.parametrize("status", [0xA700, 0xFE00, 0xB000, 0xA701])
def test_a_limit_is_no_failure_but_is_told(status: int, tmp_path: Path) -> None:
    with _Scripted(_study(1), _study(2), final=status) as pacs:
        found = _find(pacs, tmp_path, Search(patient_id="*"))

    assert len(_matches(found)) == 2
    (remark,) = _remarks(found)
    assert remark.incomplete
    assert "ends after 2 studies" in remark.text
    assert f"0x{status:04X}" in remark.text


@pytest.mark.parametrize(("count", "doubts"), [(99, 0), (100, 1), (101, 0)])
def test_a_round_number_of_studies_is_suspected(count: int, doubts: int, tmp_path: Path) -> None:
    with _Scripted(*(_study(n) for n in range(1, count + 1))) as pacs:
        found = _find(pacs, tmp_path, Search(patient_id="*"))

    assert len(_matches(found)) == count
    assert [remark.incomplete for remark in _remarks(found)] == [True] * doubts


class _Capped(RawPacs):
    """Has so many studies on each of the first days of 2024, and lists a hundred at most."""

    cap = 100

    def __init__(self, *per_day: int, final: int = SUCCESS) -> None:
        super().__init__([])
        days = [f"202401{day:02}" for day, number in enumerate(per_day, 1) for _ in range(number)]
        self.studies = [_study(n, date=day.encode()) for n, day in enumerate(days, 1)]
        self.final = final

    def on_find(self, conversation: Conversation, request: Request) -> None:
        first, dash, last = request.key(_DATE).partition("-")
        found = [
            study
            for study in self.studies
            if first <= study[_DATE].decode() <= ((last or "9") if dash else first)
        ]
        for study in found[: self.cap]:
            conversation.respond(request, PENDING, _encoded(study))
        conversation.respond(request, self.final if len(found) > self.cap else SUCCESS)


_JANUARY = Search(study_date=DateRange(date(2024, 1, 1), date(2024, 1, 31)))


@pytest.mark.parametrize("final", [SUCCESS, 0xA700])
@pytest.mark.parametrize("last", [date(2024, 1, 31), None])
def test_dates_are_divided_until_every_part_is_below_the_cap(
    final: int, last: date | None, tmp_path: Path
) -> None:
    search = Search(study_date=DateRange(date(2024, 1, 1), last))

    with _Capped(90, 90, 0, 90, 30, final=final) as pacs:
        found = _find(pacs, tmp_path, search, split_until=date(2024, 1, 20))

    uids = [m.uid for m in _matches(found)]
    assert len(uids) == len(set(uids)) == 300
    (remark,) = _remarks(found)
    assert "split into" in remark.text
    assert not remark.incomplete
    assert pacs.associations == 1


def test_a_day_above_the_cap_cannot_be_divided_and_is_named(tmp_path: Path) -> None:
    with _Capped(10, 150, 10) as pacs:
        found = _find(pacs, tmp_path, _JANUARY, split_until=date(2024, 1, 31))

    assert len(_matches(found)) == 120
    (doubt,) = [remark for remark in _remarks(found) if remark.incomplete]
    assert "exactly 100 studies" in doubt.text
    assert "2024-01-02" in doubt.text


def test_dates_are_not_divided_for_a_pacs_that_ignores_them(tmp_path: Path) -> None:
    studies = [_study(n, date=b"20240105" if n % 2 else b"19991231") for n in range(1, 101)]

    with _Scripted(*studies) as pacs:
        found = _find(pacs, tmp_path, _JANUARY, split_until=date(2024, 1, 31))

    assert len(pacs.requests) == 1
    assert len(_matches(found)) == 50
    assert [remark.incomplete for remark in _remarks(found)] == [False, True]


class _CountsMore(RawPacs):
    """Says that a study has more series than it lists."""

    def find(self, request: Request) -> list[dict[int, str]]:
        more = {_SERIES_COUNT: "9"} if request.level == "STUDY" else {}
        return [match | more for match in super().find(request)]


def test_a_list_shorter_than_the_count_of_the_pacs_is_doubted(tmp_path: Path) -> None:
    with _CountsMore(_tree()) as pacs:
        found = _find(pacs, tmp_path, Search(level=Level.SERIES, study_instance_uid="1.2.1"))

    assert [(r.text, r.incomplete) for r in _remarks(found)] == [
        ("The PACS listed 2 series where it counts 9.", True)
    ]


def test_a_refusal_is_told_in_words(tmp_path: Path) -> None:
    with _Scripted(final=0xA900) as pacs, pytest.raises(OperationFailed, match="0xA900"):
        _find(pacs, tmp_path, Search(patient_id="*"))


class _Only(RawPacs):
    """Offers one model for C-FIND, or none."""

    refused: frozenset[str] = frozenset({_STUDY_ROOT_FIND})

    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(self.refused)


class _NoFind(_Only):
    refused = frozenset({_STUDY_ROOT_FIND, _PATIENT_ROOT_FIND})


def test_a_pacs_without_c_find_says_so(tmp_path: Path) -> None:
    with _NoFind() as pacs, pytest.raises(ContextNotAccepted, match="does not offer C-FIND"):
        _find(pacs, tmp_path, Search(patient_id="*"))


def test_patient_root_is_asked_with_the_patient_id_of_the_study(tmp_path: Path) -> None:
    with _Only(_tree()) as pacs:
        found = _find(pacs, tmp_path, Search(level=Level.SERIES, study_instance_uid="1.2.1"))

    assert len(_matches(found)) == 2
    assert {r.command[2].decode().strip("\0") for r in pacs.requests} == {_PATIENT_ROOT_FIND}
    assert [r.key(_PATIENT_ID) for r in pacs.requests] == ["", "T-0001"]


class _Stalls(RawPacs):
    """Sends one match, and then nothing."""

    def on_find(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, PENDING, _encoded(_study(1)))
        self.stopping.wait(20)


def test_a_peer_that_stalls_is_left(tmp_path: Path) -> None:
    with _Stalls() as pacs, pytest.raises(PeerTimeout, match="nothing came"):
        _find(pacs, tmp_path, Search(patient_id="*"), timeout_s=0.5)


class _Patient(RawPacs):
    """Sends its last match when the test lets it."""

    def __init__(self) -> None:
        super().__init__([])
        self.go_on = threading.Event()

    def on_find(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, PENDING, _encoded(_study(1)))
        conversation.respond(request, PENDING, _encoded(_study(2)))
        assert self.go_on.wait(20)
        conversation.respond(request, PENDING, _encoded(_study(3)))
        conversation.respond(request, SUCCESS)


def test_a_reader_may_take_longer_than_any_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_s = [0.0]
    for module in ("c_find", "timeouts", "connection"):
        name = f"dicom_retrieve_tui.network.{module}.monotonic"
        monkeypatch.setattr(name, lambda: monotonic() + taken_s[0])

    with _Patient() as pacs:
        found = wiring.find(Search(patient_id="*"), settings(pacs.port, tmp_path), CancelToken())
        next(found)
        taken_s[0] = 10_000.0
        pacs.go_on.set()
        assert [each.uid for each in _matches(found)] == ["1.2.2", "1.2.3"]


class _Endless(RawPacs):
    """Sends matches until it is told to stop, if it listens."""

    def __init__(self, *, listens: bool) -> None:
        super().__init__([])
        self.listens = listens
        self.cancelled = threading.Event()

    def on_find(self, conversation: Conversation, request: Request) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            conversation.respond(request, PENDING, _encoded(_study(number)))
            if self.listens and spoke(conversation, 0.001):
                assert conversation.read().number(0x0100) == _C_CANCEL
                self.cancelled.set()
                conversation.respond(request, 0xFE00)
                return


@pytest.mark.parametrize("listens", [True, False])
def test_a_cancel_ends_a_list_that_never_ends(*, listens: bool, tmp_path: Path) -> None:
    cancel = CancelToken()

    with _Endless(listens=listens) as pacs:
        found = wiring.find(Search(patient_id="*"), settings(pacs.port, tmp_path), cancel)
        assert isinstance(next(found), Match)
        cancel.request()
        started_s = monotonic()
        with pytest.raises(Cancelled):
            list(found)
        assert monotonic() - started_s < 5
        assert pacs.cancelled.is_set() is listens


def test_a_list_of_new_matches_without_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MATCHES_MAX", 100)
    found: list[Found] = []

    with _Endless(listens=False) as pacs:
        given = settings(pacs.port, tmp_path)
        with pytest.raises(PeerError, match=r"more than 100 matches, and does not end\. Narrow"):
            found.extend(wiring.find(Search(patient_id="*"), given, CancelToken()))

    assert len(found) == 100


def test_closing_the_iterator_ends_the_association(tmp_path: Path) -> None:
    with _Endless(listens=False) as pacs:
        with closing(
            wiring.find(Search(patient_id="*"), settings(pacs.port, tmp_path), CancelToken())
        ) as found:
            next(found)
        for thread in threading.enumerate():
            if thread.name == "raw-association":
                thread.join(5)
                assert not thread.is_alive()
