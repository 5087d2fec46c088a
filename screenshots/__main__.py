"""Draw every picture, or those that are named."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Draw."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"  # before textual is imported
    from screenshots.draw import PICTURES, draw  # noqa: PLC0415

    for name in sys.argv[1:] or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            picture = asyncio.run(draw(name))
            os.chdir(HERE)
        (HERE / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
