from tests.reference import COMMAND, DOCUMENT, render


def test_the_reference_is_what_the_parsers_say() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")

    assert written == render(), f"docs/cli.md is of the past: {COMMAND} writes it anew"
