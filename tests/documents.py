"""The code blocks of README and guide: what a reader may copy."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md")))

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?```(?P<language>bash|console)\n(?P<text>.*?)```\n",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of shell commands."""

    commands: str
    why_not_run: str
    """The reason that the page gives in a comment before the block; empty if it is run."""


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the blocks of commands, in their order."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        text = match["text"]
        commands = _typed(text) if match["language"] == "console" else text
        yield Block(commands, match["why"] or "")


def _typed(session: str) -> str:
    """Return the commands of a session, without prompts and output."""
    lines, continued = [], False
    for line in session.splitlines():
        if continued or line.startswith("$ "):
            lines.append(line.removeprefix("$ "))
            continued = line.endswith("\\")
    return "\n".join(lines) + "\n"
