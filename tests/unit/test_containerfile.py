"""The Containerfile, as far as it can be checked without an engine."""

import json
import re
import tomllib

from tests.documents import ROOT

_LINES = [
    line.split(maxsplit=1)
    for line in (ROOT / "Containerfile").read_text().splitlines()
    if line and not line.startswith("#")
]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _values(instruction: str) -> list[str]:
    return [value for name, value in _LINES if name == instruction]


def test_every_line_is_an_instruction() -> None:
    known = {"FROM", "COPY", "RUN", "USER", "WORKDIR", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in _LINES} <= known


def test_both_stages_have_one_python_that_the_package_takes() -> None:
    images = {value.split()[0] for value in _values("FROM")}
    assert len(images) == 1
    version = re.fullmatch(r"python:(\d+)\.(\d+)-slim", images.pop())
    assert version is not None
    assert _PROJECT["requires-python"] == ">=3.11"
    assert (int(version[1]), int(version[2])) >= (3, 11)


def test_what_is_installed_is_this_package_and_it_does_not_run_as_root() -> None:
    assert _PROJECT["name"] in " ".join(_values("RUN"))
    (user,) = _values("USER")
    assert all(int(number) > 0 for number in user.split(":"))
    *_, last = [index for index, (name, _) in enumerate(_LINES) if name == "RUN"]
    assert _LINES[last + 1][0] == "USER"


def test_it_starts_the_command_as_process_1_without_a_shell() -> None:
    (entrypoint,) = _values("ENTRYPOINT")
    assert json.loads(entrypoint) == list(_PROJECT["scripts"])
    (arguments,) = _values("CMD")
    assert isinstance(json.loads(arguments), list)
