"""Whatever a profile holds, it is read again as it was put."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.config.profiles_file import ProfileBook

_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_TEXTS = st.fixed_dictionaries(
    {"host": st.just("pacs.test")},
    optional={
        "port": st.integers(1, 65535).map(str),
        "notes": st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
        "timeout": st.integers(1, 86400).map(str),
        "aet": st.from_regex(r"[A-Z_]{1,16}", fullmatch=True),
    },
)


@settings(
    deadline=None, max_examples=60, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.dictionaries(_NAMES, _TEXTS, max_size=4))
def test_what_is_put_is_read_again(tmp_path: Path, profiles: dict[str, dict[str, str]]) -> None:
    path = tmp_path / "profiles.toml"
    path.unlink(missing_ok=True)
    written = ProfileBook.load(path)
    for name, texts in profiles.items():
        written.put(name, texts)
    written.save()

    read = ProfileBook.load(path)

    assert read.faults() == []
    for name, texts in profiles.items():
        said = read.profile(name)
        assert {**said, "timeout": float(said.get("timeout", 0))} == {
            **texts,
            "timeout": float(texts.get("timeout", 0)),
        }
