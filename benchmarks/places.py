"""Where things are."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
PACKAGE = ROOT / "dicom_retrieve_tui"
CACHE = BENCHMARKS / ".cache"
"""The corpus, which is kept, and what runs write, which is not."""
RESULTS = BENCHMARKS / "results.json"
CHART = ROOT / "docs" / "benchmark.svg"

PYTHON = sys.executable
DICOM_RETRIEVE = str(Path(sys.executable).parent / "dicom-retrieve")
"""The console script of the environment that runs the benchmark."""
