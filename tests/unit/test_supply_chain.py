"""The lock holds what pyproject.toml asks for, and the audit says what it could not look up."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.audit import KNOWN, NO_ANSWER, NONE_KNOWN, judge

_TOP = Path(__file__).parent.parent.parent
_PROJECT = tomllib.loads((_TOP / "pyproject.toml").read_text())
_REQUIREMENTS = [
    Requirement(text)
    for text in (
        *_PROJECT["project"]["dependencies"],
        *_PROJECT["project"]["optional-dependencies"]["dev"],
        *_PROJECT["build-system"]["requires"],
    )
]
_LOCKED = dict(
    re.findall(r"^([\w.-]+)==(\S+)", (_TOP / "requirements-dev.lock").read_text(), re.MULTILINE)
)

SOUND = {"name": "fine", "version": "1", "vulns": []}
UNSOUND = {"name": "holey", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "new", "skip_reason": "not found"}


@pytest.mark.parametrize("requirement", _REQUIREMENTS, ids=str)
def test_the_lock_has_what_is_asked_for(requirement: Requirement) -> None:
    version = _LOCKED.get(canonicalize_name(requirement.name), "none")

    assert requirement.specifier.contains(version), f"locked is {version}: run tests/lock"


@pytest.mark.parametrize("requirement", _REQUIREMENTS, ids=str)
def test_every_dependency_is_bounded_below_and_above(requirement: Requirement) -> None:
    operators = {each.operator for each in requirement.specifier}

    assert {">=", "<"} <= operators, "a new major version may break what we build on"


def test_a_known_vulnerability_is_named_with_its_mend() -> None:
    code, lines = judge([SOUND, UNSOUND, UNKNOWN])

    assert code == KNOWN
    assert lines == ["holey 2: CVE-1, mended in 3", "2 of 3 packages looked up"]


def test_nothing_known_of_some_is_good_news() -> None:
    assert judge([SOUND, UNKNOWN])[0] == NONE_KNOWN


def test_nothing_known_of_all_is_no_news() -> None:
    code, lines = judge([UNKNOWN])

    assert code == NO_ANSWER
    assert "1 packages, and its data has none of them" in lines[0]
