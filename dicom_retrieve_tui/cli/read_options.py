"""Command lines into options: flags first, then the profile, then its defaults.

Every contradiction that shows without the network is reported here; nothing is written or sent.
"""

import argparse
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_retrieve_tui.cli.parser_base import PROFILE_SIGN, UsageError, names_profile
from dicom_retrieve_tui.cli.paths import check_output, file_to_write
from dicom_retrieve_tui.cli.read_selections import select
from dicom_retrieve_tui.config.precedence import resolve
from dicom_retrieve_tui.config.profiles_file import ProfileBook, profiles_path
from dicom_retrieve_tui.config.user_folders import expanded
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import Endpoint, parse_pacs_url
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.option_values import HIERARCHICAL
from dicom_retrieve_tui.model.options import (
    KEYS,
    MAY_BE_EMPTY,
    PATHS,
    Command,
    RetrieveOptions,
    read_options,
    without_unused,
)
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.shard import Shard, parse_shard, share_of

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.study_lookup import Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveCommand:
    """The command line of one retrieval."""

    selections: tuple[Selection, ...]
    retrieval: RetrieveOptions
    duplicates: int = 0
    """UIDs that the list names more than once."""
    lookups: "tuple[Lookup, ...]" = ()
    """Lines of the list whose studies are still to be looked up; see `lookup.resolve`."""
    left_out: tuple[str, ...] = ()
    """Invalid lines of the list: the run cannot be a success."""
    list_flag: str = "--uid-list"
    """The flag that names the list."""
    notes: tuple[str, ...] = ()
    """What the user should know of the selections; reported once the run has started."""
    shard: Shard | None = None
    """The share of the selections that this run retrieves; see `of_shard`."""
    json: bool = False
    report: Path | None = None
    dry_run: bool = False
    verbose: bool = False
    log_file: Path | None = None
    log_patient_data: bool = False
    """Logs and reports may hold paths that are made of more than UIDs."""
    lasting: bool = True
    """The same command names the same folder again."""

    @property
    def paths_reported(self) -> bool:
        """True if a report may hold paths."""
        return self.log_patient_data or parse_layout(self.retrieval.layout).names_uids_alone

    @property
    def resumable(self) -> bool:
        """True if the same command, run again, requests only what this run did not get.

        What has arrived at a move destination that is not ours is unknown.
        """
        ours = self.retrieval.move_destination is None or self.retrieval.listening
        return self.lasting and ours and not self.dry_run

    @property
    def delivering(self) -> bool:
        """True if the instances go to another SCP, and we see none of them."""
        return self.retrieval.delivering

    def of_shard(self) -> "RetrieveCommand":
        """Return this with the share of its shard alone, once nothing is left to look up."""
        if self.shard is None:
            return self
        share, retrieval = share_of(self.selections, self.retrieval, self.shard)
        number, of = f"{len(share):,}", count(len(self.selections), "study")
        note = f"{self.shard}: {number} of the {of} of the list"
        return replace(self, selections=share, retrieval=retrieval, notes=(note, *self.notes))


def read_command(
    args: argparse.Namespace, environ: Mapping[str, str], read_stdin: Callable[[], str]
) -> RetrieveCommand:
    """Return the retrieval that the flags, and the profile if one is named, describe.

    Args:
        args: From `parser.parse_command_line`.
        environ: May name the file of the profiles.
        read_stdin: Called once, and only if the UID list is `-`.

    Raises:
        ConfigError: They are invalid or contradict each other.
    """
    shard = parse_shard(args.shard, args.shards, environ)
    retrieval = read_retrieval(args, environ)
    if shard is not None and retrieval.cluster:
        raise ConfigError(
            "--shard and --cluster cannot be combined: a cluster shares the whole list itself."
        )
    report = file_to_write("--report", args.report, about_to_exist=retrieval.output)
    log_file = file_to_write("--log-file", args.log_file)
    selected = select(args, read_stdin)
    return RetrieveCommand(
        selections=selected.selections,
        retrieval=retrieval,
        duplicates=selected.duplicates,
        lookups=selected.lookups,
        left_out=selected.left_out,
        list_flag=selected.list_flag,
        notes=selected.notes,
        shard=shard,
        json=args.json,
        report=report,
        dry_run=args.dry_run,
        verbose=args.verbose,
        log_file=log_file,
        log_patient_data=args.log_patient_data,
    )


def read_retrieval(args: argparse.Namespace, environ: Mapping[str, str]) -> RetrieveOptions:
    """Return how and where to retrieve, or with whom to talk for a command that does not retrieve.

    Raises:
        ConfigError: The flags or the profile are invalid or contradict each other.
    """
    if args.target is None:
        raise UsageError("No PACS was named; give it as pacs://HOST[:PORT] or @PROFILE.")
    command = Command(args.command)
    given = {name: text for name, text in flags_given(args).items() if text is not None}
    profile, texts = "", dict(given)
    if names_profile(args.target):
        profile = args.target.removeprefix(PROFILE_SIGN)
        texts = _with_profile(open_book(args, environ), profile, given)
        given = {name: text for name, text in given.items() if text or name not in MAY_BE_EMPTY}
    else:
        endpoint = _endpoint(args, environ)
        texts |= {"host": endpoint.host, "port": str(endpoint.port)}
    if command is Command.FIND:  # the folder and the port of retrievals do not matter
        texts = {name: text for name, text in texts.items() if command in _commands(name)}
    for name in PATHS & texts.keys():
        if texts[name].startswith("~"):  # of a profile, or `--output=~/x`: no shell has replaced it
            texts[name] = str(expanded(texts[name]))
    texts = without_unused(_with_defaults(texts), given)
    options = read_options(texts, profile=profile, to_retrieve=command is Command.RETRIEVE)
    check_output(options.output)
    return options


def _endpoint(args: argparse.Namespace, environ: Mapping[str, str]) -> Endpoint:
    """Return the address of the PACS.

    Raises:
        ConfigError: It is invalid; one that names a profile is told so.
    """
    target = args.target
    try:
        return parse_pacs_url(target)
    except ConfigError:
        names: list[str] = []
        with contextlib.suppress(ConfigError):
            names = open_book(args, environ).names
        if target in names:
            raise UsageError(f"{target!r} is a profile: write {PROFILE_SIGN}{target}.") from None
        raise


def open_book(args: argparse.Namespace, environ: Mapping[str, str]) -> ProfileBook:
    """Return the profiles of the file that the flag or the environment names.

    Raises:
        ConfigError: The file cannot be read.
    """
    return ProfileBook.load(profiles_path(args.config, environ))


def profile_fault(book: ProfileBook, name: str) -> str:
    """Return why a profile alone cannot retrieve; empty if it can."""
    try:
        texts = without_unused(_with_defaults(_with_profile(book, name, {})), {})
        read_options(texts, profile=name)
    except ConfigError as error:
        return str(error)
    return ""


def flags_given(args: argparse.Namespace) -> dict[str, str | None]:
    """Return the flags that a profile could hold, by key; None for a flag that is not given.

    Raises:
        ConfigError: Two of them name a layout.
    """
    given = {
        name: getattr(args, name)
        for name, option in KEYS.items()
        if Command(args.command) in option.commands
    }
    if getattr(args, "hierarchical", False):
        if given["layout"] is not None:
            raise ConfigError("--hierarchical and --layout cannot be combined.")
        given["layout"] = HIERARCHICAL
    return given


def _with_profile(book: ProfileBook, name: str, given: Mapping[str, str]) -> dict[str, str]:
    return {key: value.text for key, value in resolve(book, name, given).items()}


def _with_defaults(texts: Mapping[str, str]) -> dict[str, str]:
    defaults = {name: option.default for name, option in KEYS.items()}
    return {**defaults, **texts}


def _commands(name: str) -> frozenset[Command]:
    return KEYS[name].commands or frozenset(Command)
