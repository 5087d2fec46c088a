"""A filter chooses among the series of every study, by what C-FIND says of them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.choices import Level, QueryModel
from dicom_retrieve_tui.model.events import Event, StudyInventoried
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import SeriesFilter
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.verify import verify_folder
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request
from tests.runs import Plan, files_in, get_plan, move_plan, of_kind, run, settings, verdict_of

_STUDY = "1.2.3"
_CT, _PT, _SR = "1.2.3.1", "1.2.3.2", "1.2.3.3"
_FIND = 0x20
_MODALITY, _DESCRIPTION, _CHARACTER_SET = 0x00080060, 0x0008103E, 0x00080005
_STUDY_COUNT, _SERIES_COUNT = 0x00201208, 0x00201209
_REFUSED = 0xA900
_BUSY = 0xA700

CT_ONLY = SeriesFilter(modalities=("CT",))


def _series(uid: str, modality: str, count: int, description: str | None = None) -> list[Instance]:
    return [
        Instance(_STUDY, uid, f"{uid}.{n}", modality=modality, description=description)
        for n in range(1, count + 1)
    ]


def _mixed() -> list[Instance]:
    return [*_series(_CT, "CT", 3), *_series(_PT, "PT", 2), *_series(_SR, "SR", 1)]


def _of(uids: Iterable[str]) -> list[str]:
    return sorted(f"{uid}.dcm" for uid in uids)


def _filtered(plan: Plan, series_filter: SeriesFilter) -> Plan:
    return replace(plan, series_filter=series_filter)


def _inventory(events: Iterable[Event]) -> StudyInventoried:
    (found,) = of_kind(StudyInventoried, events)
    return found


def _listed_series(pacs: RawPacs) -> list[str]:
    """The series of which the instances were asked for by C-FIND; empty text for a whole study."""
    return [r.key(0x0020000E) for r in pacs.requests
            if r.number(0x0100) == _FIND and r.level == "IMAGE"]  # fmt: skip


@pytest.mark.parametrize("parallel", [1, 4])
def test_only_series_of_the_wanted_modalities_are_retrieved(parallel: int, tmp_path: Path) -> None:
    with RawPacs(_mixed()) as pacs:
        plan = get_plan(parallel=parallel)
        events = run(_filtered(plan, CT_ONLY), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.expected, finished.stored) == (Verdict.COMPLETE, 3, 3)
    assert files_in(tmp_path) == _of(i.sop for i in _series(_CT, "CT", 3))
    assert {request.key(0x0020000E) for request in pacs.retrievals} == {_CT}
    assert _listed_series(pacs) == [_CT]


def test_the_inventory_event_names_what_is_left_out(tmp_path: Path) -> None:
    with RawPacs(_mixed()) as pacs:
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    found = _inventory(events)
    assert (found.series, found.expected, found.left_out_series) == (1, 3, 2)
    assert found.left_out == ((_PT, "PT"), (_SR, "SR"))
    assert found.undecided == ()


def test_excluded_modalities_are_left_out(tmp_path: Path) -> None:
    excluding = SeriesFilter(excluded_modalities=("SR", "PT"))
    with RawPacs(_mixed()) as pacs:
        events = run(_filtered(get_plan(), excluding), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert files_in(tmp_path) == _of(i.sop for i in _series(_CT, "CT", 3))


def test_a_study_that_matches_entirely_is_complete_with_all_of_it(tmp_path: Path) -> None:
    every = SeriesFilter(modalities=("CT", "PT", "SR"))
    with RawPacs(_mixed()) as pacs:
        events = run(_filtered(get_plan(), every), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert files_in(tmp_path) == _of(i.sop for i in _mixed())


@pytest.mark.parametrize("pattern", ["*t1*", "AX T1, POST", "ax ?1*", "nothing|*post"])
def test_series_are_chosen_by_their_description(pattern: str, tmp_path: Path) -> None:
    holdings = [
        *_series(_CT, "MR", 2, "AX T1, POST"),
        *_series(_PT, "MR", 1, "AX T2"),
        *_series(_SR, "MR", 1, ""),
    ]
    wanted = SeriesFilter(descriptions=tuple(pattern.split("|")))
    with RawPacs(holdings) as pacs:
        events = run(_filtered(get_plan(), wanted), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert files_in(tmp_path) == _of([f"{_CT}.1", f"{_CT}.2"])


def test_a_description_is_read_in_its_character_set(tmp_path: Path) -> None:
    class _Latin(RawPacs):
        def find(self, request: Request) -> list[dict[int, str]]:
            return [{**match, _CHARACTER_SET: "ISO_IR 100"} for match in super().find(request)]

    wanted = SeriesFilter(descriptions=("sch\u00c4del*",))
    with _Latin(_series(_CT, "CT", 1, "Sch\u00e4del nativ")) as pacs:
        events = run(_filtered(get_plan(), wanted), settings(pacs.port, tmp_path))

    assert verdict_of(events).stored == 1


def test_no_request_and_no_key_is_added_without_need(tmp_path: Path) -> None:
    def finds(pacs: RawPacs) -> list[list[int]]:
        return [sorted(r.identifier) for r in pacs.requests if r.number(0x0100) == _FIND]

    with RawPacs(_series(_CT, "CT", 3)) as pacs:
        run(get_plan(), settings(pacs.port, tmp_path / "a"))
        plain = finds(pacs)
    with RawPacs(_series(_CT, "CT", 3)) as pacs:
        run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path / "b"))

    assert finds(pacs) == plain


def test_a_study_without_a_matching_series_is_complete_and_says_so(tmp_path: Path) -> None:
    none = SeriesFilter(modalities=("MG",))
    with RawPacs(_mixed()) as pacs:
        events = run(_filtered(get_plan(), none), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.expected, finished.stored) == (Verdict.COMPLETE, 0, 0)
    assert finished.reason == "No series matches the filter; 3 left out on purpose."
    assert not pacs.retrievals
    assert files_in(tmp_path) == []


def test_nothing_is_asked_for_to_make_sure_of_nothing(tmp_path: Path) -> None:
    class _CountsNothing(RawPacs):
        def find(self, request: Request) -> list[dict[int, str]]:
            return [
                {tag: text for tag, text in match.items() if tag != _SERIES_COUNT}
                for match in super().find(request)
            ]

    none = SeriesFilter(modalities=("MG",))
    with _CountsNothing(_mixed()) as pacs:
        events = run(_filtered(get_plan(parallel=2), none), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not pacs.retrievals


def test_a_study_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with RawPacs(_mixed()) as pacs:
        events = run(_filtered(get_plan("1.9"), CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events, "1.9").verdict is Verdict.NOT_FOUND


class _Silent(RawPacs):
    """Does not return the modality, or returns it without a value."""

    modality: str | None = None
    of = frozenset({_PT})

    def find(self, request: Request) -> list[dict[int, str]]:
        found = super().find(request)
        for match in found:
            if match.get(0x0020000E) in self.of and _MODALITY in match:
                del match[_MODALITY]
                if self.modality is not None:
                    match[_MODALITY] = self.modality
        return found


class _Empty(_Silent):
    modality = ""


@pytest.mark.parametrize("peer", [_Silent, _Empty])
@pytest.mark.parametrize("chosen", [CT_ONLY, SeriesFilter(excluded_modalities=("SR",))])
def test_a_series_without_a_modality_is_not_retrieved_and_not_forgotten(
    peer: type[RawPacs], chosen: SeriesFilter, tmp_path: Path
) -> None:
    with peer(_mixed()) as pacs:
        events = run(_filtered(get_plan(), chosen), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.UNVERIFIED
    assert f"does not say the modality of series {_PT}," in finished.reason
    assert files_in(tmp_path) == _of(i.sop for i in _series(_CT, "CT", 3))
    assert _inventory(events).undecided == (_PT,)
    assert _inventory(events).left_out == ((_SR, "SR"),)


def test_a_study_of_which_no_modality_is_known_fails(tmp_path: Path) -> None:
    class _AllSilent(_Silent):
        of = frozenset({_CT, _PT, _SR})

    with _AllSilent(_mixed()) as pacs:
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert "does not say the modality" in verdict_of(events).reason
    assert not pacs.retrievals


def test_a_description_that_is_not_returned_decides_nothing(tmp_path: Path) -> None:
    holdings = [*_series(_CT, "CT", 2, "head"), *_series(_PT, "CT", 1), *_series(_SR, "SR", 1)]
    wanted = SeriesFilter(modalities=("CT",), descriptions=("head*",))
    with RawPacs(holdings) as pacs:
        events = run(_filtered(get_plan(), wanted), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.UNVERIFIED
    assert f"does not say the description of series {_PT}," in verdict_of(events).reason
    assert _inventory(events).left_out == ((_SR, "SR"),)  # its modality has decided it


def test_a_series_that_is_missing_does_not_hide_what_was_undecided(tmp_path: Path) -> None:
    class _Withholds(_Silent):
        def on_get(self, conversation: Conversation, request: Request) -> None:
            self.finish(conversation, request, completed=0, failed=3)

    with _Withholds(_mixed()) as pacs:
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert f"does not say the modality of series {_PT}," in verdict_of(events).reason


class _RefusesSeriesLevel(RawPacs):
    status = _REFUSED

    def on_find(self, conversation: Conversation, request: Request) -> None:
        if request.level == "SERIES":
            conversation.respond(request, self.status)
        else:
            super().on_find(conversation, request)


class _OffersNoFind(RawPacs):
    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(
            refused=frozenset({"1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.1.1"})
        )


@pytest.mark.parametrize("peer", [_RefusesSeriesLevel, _OffersNoFind])
def test_nothing_is_retrieved_blindly_where_c_find_is_refused(
    peer: type[RawPacs], tmp_path: Path
) -> None:
    with peer(_mixed()) as pacs:
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert "the filter cannot choose" in verdict_of(events).reason
    assert "without a filter" in verdict_of(events).reason
    assert not pacs.retrievals


class _Nameless(RawPacs):
    """Answers for some series, or all, without their UIDs."""

    of = frozenset({_CT, _PT, _SR})

    def find(self, request: Request) -> list[dict[int, str]]:
        return [
            {tag: text for tag, text in match.items() if tag != 0x0020000E or text not in self.of}
            if request.level == "SERIES"
            else match
            for match in super().find(request)
        ]


def test_nothing_is_retrieved_blindly_where_no_series_is_named(tmp_path: Path) -> None:
    with _Nameless(_mixed()) as pacs:
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert "No series is known to match the filter" in verdict_of(events).reason
    assert "without a UID" in verdict_of(events).reason
    assert not pacs.retrievals


@pytest.mark.parametrize("nameless", [_CT, _PT, _SR])
def test_a_series_that_is_not_named_may_have_been_wanted(nameless: str, tmp_path: Path) -> None:
    class _OneNameless(_Nameless):
        of = frozenset({nameless})

    with _OneNameless(_mixed()) as pacs:
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    came = [] if nameless == _CT else [i.sop for i in _series(_CT, "CT", 3)]
    assert verdict_of(events).verdict is (Verdict.UNVERIFIED if came else Verdict.FAILED)
    assert files_in(tmp_path) == _of(came)


def test_a_refusal_of_c_find_that_time_heals_is_tried_again(tmp_path: Path) -> None:
    class _Heals(RawPacs):
        refused = False

        def on_find(self, conversation: Conversation, request: Request) -> None:
            if self.refused:
                super().on_find(conversation, request)
                return
            self.refused = True
            conversation.respond(request, _BUSY)

    with _Heals(_mixed()) as pacs:
        plan = _filtered(get_plan(retries=1), CT_ONLY)
        events = run(plan, settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert verdict_of(events).stored == 3


def test_the_filter_holds_where_only_the_image_level_is_refused(tmp_path: Path) -> None:
    class _RefusesImageLevel(RawPacs):
        def on_find(self, conversation: Conversation, request: Request) -> None:
            if request.level == "IMAGE":
                conversation.respond(request, _REFUSED)
            else:
                super().on_find(conversation, request)

    with _RefusesImageLevel(_mixed()) as pacs:
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.UNVERIFIED
    assert files_in(tmp_path) == _of(i.sop for i in _series(_CT, "CT", 3))


def test_a_patient_root_study_without_a_patient_is_not_retrieved_blindly(tmp_path: Path) -> None:
    class _Nobody(RawPacs):
        def find(self, request: Request) -> list[dict[int, str]]:
            return [{**match, 0x00100020: ""} for match in super().find(request)]

    with _Nobody(_mixed()) as pacs:
        given = replace(settings(pacs.port, tmp_path), query_model=QueryModel.PATIENT_ROOT)
        events = run(_filtered(get_plan(), CT_ONLY), given)

    assert verdict_of(events).verdict is Verdict.FAILED
    assert not pacs.retrievals


class _Counts(RawPacs):
    """Counts the study's instances, too."""

    hidden = 0

    def find(self, request: Request) -> list[dict[int, str]]:
        found = super().find(request)
        if request.level == "STUDY":
            count = len(self.holdings) + self.hidden
            found = [{**match, _STUDY_COUNT: str(count)} for match in found]
        return found


class _Hides(_Counts):
    hidden = 5


@pytest.mark.parametrize(("peer", "verdict"), [(_Counts, "complete"), (_Hides, "unverified")])
def test_the_study_count_is_weighed_without_what_was_left_out(
    peer: type[RawPacs], verdict: str, tmp_path: Path
) -> None:
    holdings = [*_series(_CT, "CT", 40), *_series(_SR, "SR", 30)]
    with peer(holdings) as pacs:
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict == verdict
    assert verdict_of(events).stored == 40


def test_a_study_wide_list_serves_where_little_is_left_out(tmp_path: Path) -> None:
    holdings = [*_series(_CT, "CT", 3), *_series(_PT, "PT", 2), *_series(_SR, "SR", 1)]
    no_sr = SeriesFilter(excluded_modalities=("SR",))
    with RawPacs(holdings) as pacs:
        events = run(_filtered(get_plan(), no_sr), settings(pacs.port, tmp_path))

    assert _listed_series(pacs) == [""]
    assert verdict_of(events).expected == 5
    assert files_in(tmp_path) == _of(i.sop for i in holdings[:5])


def test_a_named_series_has_to_match_as_well(tmp_path: Path) -> None:
    named = [Selection.of(_STUDY, series=_SR)]
    with RawPacs(_mixed()) as pacs:
        plan = replace(get_plan(), selections=tuple(named), series_filter=CT_ONLY)
        events = run(plan, settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert verdict_of(events).reason == "No series matches the filter; 1 left out on purpose."
    assert _inventory(events).absent == ()
    assert not pacs.retrievals


def test_named_instances_of_a_matching_series_stay_as_named(tmp_path: Path) -> None:
    named = Selection.of(_STUDY, series=_CT, instance=f"{_CT}.2")
    with RawPacs(_mixed()) as pacs:
        plan = replace(get_plan(), selections=(named,), series_filter=CT_ONLY)
        events = run(plan, settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert files_in(tmp_path) == _of([f"{_CT}.2"])
    assert [r.level for r in pacs.retrievals] == [Level.IMAGE]


def test_c_move_to_ourselves_asks_for_matching_series_alone(tmp_path: Path) -> None:
    with MovingPacs(_mixed()) as pacs:
        events = run(_filtered(move_plan(), CT_ONLY), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert files_in(tmp_path) == _of(i.sop for i in _series(_CT, "CT", 3))
    assert {request.key(0x0020000E) for request in pacs.retrievals} == {_CT}


class _Delivers(RawPacs):
    """Sends to somebody else, and counts what it sent."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        self.finish(conversation, request, completed=len(wanted))


def _delivering(series_filter: SeriesFilter) -> Plan:
    plan = replace(move_plan(destination="OTHER"), listening=False)
    return _filtered(plan, series_filter)


def test_a_delivery_counts_matching_series_alone(tmp_path: Path) -> None:
    two = SeriesFilter(modalities=("CT", "PT"))
    with _Delivers(_mixed()) as pacs:
        events = run(_delivering(two), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.DELIVERED
    assert verdict_of(events).expected == 5
    assert [request.key(0x0020000E) for request in pacs.retrievals] == [_CT, _PT]


def test_a_delivery_of_nothing_sends_nothing(tmp_path: Path) -> None:
    with _Delivers(_mixed()) as pacs:
        events = run(_delivering(SeriesFilter(modalities=("MG",))), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not pacs.retrievals


def test_a_delivery_with_an_undecided_series_is_unverified(tmp_path: Path) -> None:
    class _SilentDelivers(_Silent, _Delivers):
        pass

    with _SilentDelivers(_mixed()) as pacs:
        events = run(_delivering(CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.UNVERIFIED
    assert f"modality of series {_PT}," in verdict_of(events).reason


def test_a_later_run_without_the_filter_asks_for_the_rest_only(tmp_path: Path) -> None:
    with RawPacs(_mixed()) as pacs:
        run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))
        before = len(pacs.retrievals)
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.expected, finished.stored) == (Verdict.COMPLETE, 6, 6)
    (found,) = verify_folder(tmp_path, deep=True)
    assert (found.proven, found.left_out) == (True, ())
    asked = {uid for r in pacs.retrievals[before:] for uid in r.key(0x00080018).split("\\")}
    assert asked == {i.sop for i in _mixed() if i.series != _CT}


def test_verify_knows_what_was_left_out(tmp_path: Path) -> None:
    with RawPacs(_mixed()) as pacs:
        run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    (found,) = verify_folder(tmp_path, deep=False)
    assert (found.proven, found.whole) == (True, 3)
    assert found.left_out == ((_PT, "PT"), (_SR, "SR"))


def test_verify_knows_the_union_of_two_filters(tmp_path: Path) -> None:
    with RawPacs(_mixed()) as pacs:
        run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))
        pt_only = SeriesFilter(modalities=("PT",))
        events = run(_filtered(get_plan(), pt_only), settings(pacs.port, tmp_path))

    assert verdict_of(events).stored == 2
    (found,) = verify_folder(tmp_path, deep=False)
    assert (found.proven, found.whole) == (True, 5)
    assert found.left_out == ((_SR, "SR"),)


def test_a_file_that_is_gone_of_a_series_that_is_not_wanted_is_not_asked_for(
    tmp_path: Path,
) -> None:
    with RawPacs(_mixed()) as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))
        (tmp_path / f"{_SR}.1.dcm").unlink()
        events = run(_filtered(get_plan(), CT_ONLY), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    (found,) = verify_folder(tmp_path, deep=False)
    assert not found.proven  # it was asked for once
