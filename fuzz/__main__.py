"""One target, under atheris: `python -m fuzz TARGET [libFuzzer's flags]`; `fuzz/run` calls it."""

import sys

import atheris

# The fuzzer sees what texts are compared with, and tries that. Its hook into expressions takes no
# position to match from, which tomllib gives.
atheris.enabled_hooks.add("str")

with atheris.instrument_imports(include=["dicom_retrieve_tui"]):
    from fuzz.targets import TARGETS, corpus_of


def main() -> None:
    """Fuzz until a flag says that it is enough, or something breaks."""
    name, flags = sys.argv[1], sys.argv[2:]
    if all(flag.startswith("-") for flag in flags):
        flags.append(str(corpus_of(name)))
    atheris.Setup([sys.argv[0], *flags], TARGETS[name])
    atheris.Fuzz()


main()
