"""The pictures of README and guide show the application as it is."""

import re
from pathlib import Path

import pytest

from screenshots.draw import PICTURES, draw
from screenshots.svg import lines_of
from tests.documents import PAGES

HERE = Path(__file__).parents[2] / "screenshots"


def words(svg: str) -> list[list[str]]:
    """What is no number, UID or bar: the words of each line."""
    return [re.findall(r"(?<![\w…])[A-Za-z?⏎✓▶!]+(?!\w)", line) for line in lines_of(svg)]


@pytest.mark.parametrize("name", ["finished", "help"])
async def test_a_picture_drawn_anew_says_what_the_kept_one_says(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = (HERE / f"{name}.svg").read_text(encoding="utf-8")

    drawn = await draw(name)

    assert words(drawn) == words(kept), "python -m screenshots draws them anew; look at each"


def test_every_picture_is_kept_and_shown() -> None:
    assert {path.stem for path in HERE.glob("*.svg")} == set(PICTURES)
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"screenshots/([\w-]+)\.svg\)", text)) == set(PICTURES)
