"""Other readers of DICOM files, to judge whether one can be read to its end."""

import io
import subprocess
import warnings
from pathlib import Path

from pydicom import config, dcmread

_RUN_S = 60.0


def pydicom_reads(content: bytes) -> bool:
    """True if pydicom finds the end of a file, and each of its elements."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="End of file reached")
        with config.disable_value_validation():
            try:
                elements = list(dcmread(io.BytesIO(content), force=True).iterall())
            except Exception:  # noqa: BLE001 - whatever it stumbles over
                return False
    return bool(elements)


def dcmdump_reads(path: Path, program: str, *options: str) -> bool:
    """True if dcmdump comes to the end of a file.

    Args:
        program: Its path.
        options: `+rd` has it replace wrong delimiters.
    """
    done = subprocess.run(
        [program, "--quiet", *options, str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_RUN_S,
        check=False,
    )
    return done.returncode == 0
