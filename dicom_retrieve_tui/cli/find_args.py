"""Turn the flags of `find` into a search; contradictions are errors before anything is sent."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dicom_retrieve_tui.cli.check_paths import file_to_write
from dicom_retrieve_tui.cli.parser_base import UsageError
from dicom_retrieve_tui.cli.read_options import read_retrieval
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange, parse_dates, parse_last
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.person_name import name_key
from dicom_retrieve_tui.model.search import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class FindOptions:
    """One search as the user requested it."""

    search: Search
    pacs: RetrieveOptions
    split_until: date | None = None
    json: bool = False
    uids: bool = False
    log_file: Path | None = None


def read_find_options(
    args: argparse.Namespace, environ: Mapping[str, str], today: date
) -> FindOptions:
    """Turn the flags, and the profile if one is named, into a search.

    Raises:
        ConfigError: The flags are invalid, or contradict each other.
    """
    if args.target is None:
        raise UsageError("No PACS was named; give it as pacs://HOST[:PORT] or @PROFILE.")
    if args.json and args.uids:
        raise ConfigError("--json and --uids cannot be combined.")
    search = _search(args, today)
    split_until = _split_until(args, search, today)
    return FindOptions(
        search=search,
        pacs=read_retrieval(args, environ),
        split_until=split_until,
        json=args.json,
        uids=args.uids,
        log_file=file_to_write("--log-file", args.log_file),
    )


def _search(args: argparse.Namespace, today: date) -> Search:
    if args.series_uid and not args.study_uid:
        raise ConfigError("--series-uid requires --study-uid.")
    search = Search(
        level=_level(args),
        patient_id=args.patient_id or "",
        patient_name=name_key(args.patient_name or ""),
        accession_number=args.accession or "",
        study_date=_dates(args, today),
        modality=(args.modality or "").upper(),
        study_description=args.description or "",
        study_instance_uid=args.study_uid or "",
        series_instance_uid=args.series_uid or "",
    )
    if not search.selective and not args.all:
        raise UsageError(
            "No search key was given. Give one, such as --patient-id or --date, or --all for "
            "everything that the PACS has."
        )
    return search


def _level(args: argparse.Namespace) -> Level:
    if args.level is None:
        return Level.SERIES if args.series_uid else Level.STUDY
    if args.level.upper() not in set(Level):
        raise ConfigError(f"--level {args.level!r}: choose study, series or image.")
    level = Level(args.level.upper())
    if level is Level.STUDY and args.series_uid:
        raise ConfigError("--series-uid cannot be combined with --level study.")
    return level


def _dates(args: argparse.Namespace, today: date) -> DateRange | None:
    if args.last is not None:
        if args.date is not None:
            raise ConfigError("--date and --last cannot be combined.")
        return parse_last("--last", args.last, today)
    return None if args.date is None else parse_dates("--date", args.date, today)


def _split_until(args: argparse.Namespace, search: Search, today: date) -> date | None:
    if not args.split:
        return None
    if search.study_date is None or search.study_date.first is None:
        raise ConfigError("--split requires a range of dates: give --last, or --date with a start.")
    return today
