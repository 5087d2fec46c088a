"""Random studies and filters: what is on disk is what the definition says, and nothing else."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.model.series_filter import SeriesFilter
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers.raw_pacs import Instance, RawPacs
from tests.runs import files_in, get_plan, run, verdict_of
from tests.runs import settings as run_settings

_STUDY = "1.2.3"
_MODALITIES = ["CT", "PT", "SR", "KO"]
_WORDS = ["head", "head T1", "thorax", ""]
_PATTERNS = {"head*": lambda text: text.startswith("head"), "*T1": lambda text: text.endswith("T1"),
             "THORAX": lambda text: text == "thorax"}  # fmt: skip


def _several(of: list[str], most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(of), max_size=most, unique=True)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    series=st.lists(
        st.tuples(
            st.sampled_from(_MODALITIES),
            st.sampled_from(_WORDS),
            st.integers(min_value=1, max_value=4),
        ),
        min_size=1,
        max_size=6,
    ),
    wanted=_several(_MODALITIES, 2),
    excluded=_several(_MODALITIES, 2),
    patterns=_several(list(_PATTERNS), 2),
    parallel=st.sampled_from([1, 3]),
)
def test_the_series_that_match_are_retrieved_and_no_others(
    series: list[tuple[str, str, int]],
    wanted: list[str],
    excluded: list[str],
    patterns: list[str],
    parallel: int,
) -> None:
    holdings = [
        Instance(_STUDY, f"1.2.3.{s}", f"1.2.3.{s}.{n}", modality=modality, description=words)
        for s, (modality, words, count) in enumerate(series, start=1)
        for n in range(1, count + 1)
    ]
    chosen = SeriesFilter(
        modalities=tuple(wanted), excluded_modalities=tuple(excluded), descriptions=tuple(patterns)
    )

    with tempfile.TemporaryDirectory() as folder, RawPacs(holdings) as pacs:
        plan = replace(get_plan(parallel=parallel), series_filter=chosen)
        events = run(plan, run_settings(pacs.port, Path(folder)))
        kept = files_in(Path(folder))

    matching = [
        each.sop
        for each in holdings
        if (not wanted or each.modality in wanted)
        and each.modality not in excluded
        and (not patterns or any(_PATTERNS[p](each.description or "") for p in patterns))
    ]
    assert kept == sorted(f"{uid}.dcm" for uid in matching)
    finished = verdict_of(events)
    assert (finished.verdict, finished.expected) == (Verdict.COMPLETE, len(matching))
