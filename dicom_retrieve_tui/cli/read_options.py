"""Flags into a plan and settings: every contradiction that needs no network to see is told here.

Nothing is written and nothing is sent; the messages are one plain sentence each.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.cli.check_paths import check_output, file_to_write
from dicom_retrieve_tui.cli.parser_base import UsageError
from dicom_retrieve_tui.cli.read_selections import select
from dicom_retrieve_tui.cli.security_args import read_tls, read_user
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import PeerAE, parse_listen, parse_pacs_url
from dicom_retrieve_tui.model.allowed_callers import parse_callers
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.options import (
    DEFAULT_KEEP_FREE,
    KEYS,
    parse_ae_title,
    parse_keep_free,
    parse_layout_text,
    parse_method,
    parse_query_model,
    parse_timeout_s,
    parse_umask,
)
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.series_filter import parse_series_filter
from dicom_retrieve_tui.model.settings import (
    DEFAULT_CALLED_AE_TITLE,
    DEFAULT_CALLING_AE_TITLE,
    DEFAULT_TIMEOUT_S,
    FLAT_LAYOUT,
    HIERARCHICAL_LAYOUT,
    PRIVATE_UMASK,
    Settings,
)
from dicom_retrieve_tui.model.study_lookup import Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One retrieval as the user ordered it."""

    plan: Plan
    settings: Settings
    duplicates: int = 0
    """UIDs that stood in the list more than once."""
    lookups: tuple[Lookup, ...] = ()
    """Lines of the list whose studies are still to be looked up; see `lookups.resolve`."""
    left_out: tuple[str, ...] = ()
    """Lines of the list that cannot be asked for: the run cannot be a success."""
    list_flag: str = "--uid-list"
    """The flag that named the list."""
    notes: tuple[str, ...] = ()
    """What the user should know of what is asked for: reported once the run has started."""
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
        """True if a path may stand in a report."""
        return self.log_patient_data or parse_layout(self.settings.layout).names_uids_alone

    @property
    def resumable(self) -> bool:
        """True if the same command, run again, asks only for what this run did not get.

        With a move destination that is not ours, nobody knows what has arrived there.
        """
        ours = self.plan.move_destination is None or self.plan.listening
        return self.lasting and ours and not self.dry_run

    @property
    def delivering(self) -> bool:
        """True if the instances go to somebody else's SCP, and we see none of them."""
        return self.plan.method is Method.C_MOVE and not self.plan.listening


def read_options(args: argparse.Namespace, read_stdin: Callable[[], str]) -> Options:
    """Turn the flags into a plan and settings.

    Args:
        args: From `parser.parse_command_line`.
        read_stdin: Called once, and only if the UID list is `-`.

    Raises:
        ConfigError: They cannot be meant; the message is for the user.
    """
    if args.target is None:
        raise UsageError("No PACS was named; give it as pacs://HOST[:PORT] or @PROFILE.")
    settings = read_settings(args)
    report = file_to_write("--report", args.report, about_to_exist=settings.output)
    log_file = file_to_write("--log-file", args.log_file)
    selected = select(args, read_stdin)
    plan = _plan(args, selected.selections)
    return Options(
        plan=plan,
        settings=settings,
        duplicates=selected.duplicates,
        lookups=selected.lookups,
        left_out=selected.left_out,
        list_flag=selected.list_flag,
        notes=selected.notes,
        json=args.json,
        report=report,
        dry_run=args.dry_run,
        verbose=args.verbose,
        log_file=log_file,
        log_patient_data=args.log_patient_data,
    )


def read_settings(args: argparse.Namespace) -> Settings:
    """With whom to talk and where the files go.

    Raises:
        ConfigError: The flags cannot be meant.
    """
    return Settings(
        peer=PeerAE(
            ae_title=_ae_title("--called-aet", args.called_aet) or DEFAULT_CALLED_AE_TITLE,
            endpoint=parse_pacs_url(args.target),
        ),
        calling_ae_title=_ae_title("--aet", args.aet) or DEFAULT_CALLING_AE_TITLE,
        output=check_output(args.output),
        layout=_layout(args),
        timeout_s=DEFAULT_TIMEOUT_S
        if args.timeout is None
        else parse_timeout_s("--timeout", args.timeout),
        query_model=parse_query_model("--query-model", _given(args.query_model, QueryModel.AUTO)),
        max_pdu_bytes=_number(args, "max_pdu"),
        listen=None if args.listen is None else parse_listen(args.listen),
        umask=PRIVATE_UMASK if args.umask is None else parse_umask("--umask", args.umask),
        keep_free=DEFAULT_KEEP_FREE
        if args.keep_free is None
        else parse_keep_free("--keep-free", args.keep_free),
        accept_from=()
        if args.accept_from is None
        else parse_callers("--accept-from", args.accept_from),
        tls=read_tls(args),
        user=read_user(args),
    )


def _plan(args: argparse.Namespace, selections: tuple[Selection, ...]) -> Plan:
    method, move_destination = _method(args)
    return Plan(
        selections=selections,
        method=method,
        move_destination=move_destination,
        listening=args.listen is not None,
        parallel=_number(args, "parallel"),
        retries=_number(args, "retries"),
        series_filter=parse_series_filter(
            args.modality, args.exclude_modality, args.series_description
        ),
    )


def read_way(args: argparse.Namespace) -> tuple[Method, str | None]:
    """The method and the move destination, whether or not they go together.

    Raises:
        ConfigError: One of them is none.
    """
    method = parse_method("--method", Method.C_MOVE if args.method is None else args.method)
    return method, _ae_title("--move-dest", args.move_dest)


def _method(args: argparse.Namespace) -> tuple[Method, str | None]:
    """The method, and the move destination unless the method is C-GET, which has none."""
    method, move_destination = read_way(args)
    if args.accept_from is not None and args.listen is None:
        raise ConfigError(
            "--accept-from says who may send to our own Storage SCP, and needs --listen."
        )
    if method is Method.C_GET:
        if args.listen is not None:
            raise ConfigError(
                "--listen has no use with --method c-get, which brings the files over our own "
                "association; leave it out."
            )
        return method, None
    if move_destination is None:
        _require_move_destination(args, method)
    return method, move_destination


def _require_move_destination(args: argparse.Namespace, method: Method) -> None:
    if method is Method.C_MOVE:
        raise ConfigError(
            "C-MOVE needs --move-dest, the AE title that the PACS shall send to; to fetch the "
            "files directly, use --method c-get."
        )
    if args.listen is not None:
        raise ConfigError("--listen needs --move-dest, the AE title under which the PACS knows us.")


def _ae_title(flag: str, text: str | None) -> str | None:
    return None if text is None else parse_ae_title(flag, text)


def _layout(args: argparse.Namespace) -> str:
    if args.layout is None:
        return HIERARCHICAL_LAYOUT if args.hierarchical else FLAT_LAYOUT
    if args.hierarchical:
        raise ConfigError("--hierarchical and --layout exclude each other; give one of them.")
    return parse_layout_text("--layout", args.layout)


def _number(args: argparse.Namespace, key: str) -> int:
    option = KEYS[key]
    return int(option.parse(option.flag, _given(getattr(args, key), option.default)))


def _given(text: str | None, default: object) -> str:
    return str(default) if text is None else text
