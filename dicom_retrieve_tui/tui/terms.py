"""How and where to retrieve: what is frozen with each entry of the queue. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.options import MAX_PDU_BYTES
from dicom_retrieve_tui.model.security import TlsSettings, UserIdentity
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter
from dicom_retrieve_tui.model.settings import (
    FLAT_LAYOUT,
    HIERARCHICAL_LAYOUT,
    PRIVATE_UMASK,
    Settings,
)
from dicom_retrieve_tui.model.uid_list import list_of

_PROGRAM = "dicom-retrieve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Everything but the UIDs; entries on equal terms share a session."""

    profile: str
    """What the profile is called; empty if there is none."""
    settings: Settings
    method: Method
    move_destination: str | None = None
    parallel: int = 1
    retries: int = 0
    series_filter: SeriesFilter = NO_FILTER

    def plan(self, selections: Sequence[Selection]) -> Plan:
        """The plan that asks for `selections` on these terms."""
        return Plan(
            selections=tuple(selections),
            method=self.method,
            move_destination=self.move_destination,
            listening=self.settings.listen is not None,
            parallel=self.parallel,
            retries=self.retries,
            series_filter=self.series_filter,
        )

    @property
    def delivering(self) -> bool:
        """True if the instances go to somebody else's SCP, and we see none of them."""
        return self.method is Method.C_MOVE and self.settings.listen is None

    def clashes_with(self, other: "Terms") -> bool:
        """True if both cannot run at once: a folder, and a port to listen on, have one user."""
        ours, theirs = self.settings, other.settings
        same_port = ours.listen is not None and ours.listen == theirs.listen
        return same_port or ours.output.absolute() == theirs.output.absolute()

    def headless(self, selection: Selection) -> str:
        """The command that asks for the same, to be pasted into a shell."""
        settings = self.settings
        words = [_PROGRAM, f"pacs://{settings.peer.endpoint}"]
        words += ["--called-aet", settings.peer.ae_title, "--aet", settings.calling_ae_title]
        words += ["--method", str(self.method)]
        if self.move_destination is not None:
            words += ["--move-dest", self.move_destination]
        if settings.listen is not None:
            host, port = settings.listen
            words += ["--listen", f"{host}:{port}" if host else str(port)]
            if settings.accept_from:
                words += ["--accept-from", ",".join(map(str, settings.accept_from))]
        rows = list(selection.rows())
        words += _uid_words(rows[0]) if len(rows) == 1 else ["--uid-list", "-"]
        words += [word for flag in self.series_filter.flags() for word in flag]
        words += ["--output", str(settings.output), *_layout_words(settings.layout)]
        if settings.umask != PRIVATE_UMASK:
            words += ["--umask", f"{settings.umask:03o}"]
        if settings.keep_free.text:
            words += ["--keep-free", settings.keep_free.text]
        words += [*_tls_words(settings.tls), *_user_words(settings.user)]
        if settings.query_model is not QueryModel.AUTO:
            words += ["--query-model", str(settings.query_model)]
        if settings.max_pdu_bytes != MAX_PDU_BYTES:
            words += ["--max-pdu", str(settings.max_pdu_bytes)]
        words += ["--timeout", f"{settings.timeout_s:g}"]
        words += ["--parallel", str(self.parallel), "--retries", str(self.retries)]
        command = shlex.join(words)
        return command if len(rows) == 1 else f"printf '{_table(selection)}' | {command}"


def _uid_words(row: tuple[str, str, str]) -> list[str]:
    flags = zip(("--study-uid", "--series-uid", "--instance-uid"), row, strict=True)
    return [word for flag, uid in flags if uid for word in (flag, uid)]


def _table(selection: Selection) -> str:
    """What no flags can say, for standard input."""
    return list_of([selection]).replace("\n", r"\n")


def _tls_words(tls: TlsSettings | None) -> list[str]:
    if tls is None:
        return []
    files = (("--tls-ca", tls.ca), ("--tls-cert", tls.certificate), ("--tls-key", tls.key))
    words = ["--tls", *(word for flag, path in files if path for word in (flag, str(path)))]
    return words if tls.verify else [*words, "--tls-insecure"]


def _user_words(user: UserIdentity | None) -> list[str]:
    if user is None:
        return []
    passcode = [] if user.passcode_file is None else ["--passcode-file", str(user.passcode_file)]
    return ["--user", user.name, *passcode]


def _layout_words(layout: str) -> list[str]:
    if layout == FLAT_LAYOUT:
        return []
    return ["--hierarchical"] if layout == HIERARCHICAL_LAYOUT else ["--layout", layout]
