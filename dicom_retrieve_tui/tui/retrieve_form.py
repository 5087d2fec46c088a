"""The options of a retrieval as text that a person edits, and the terms that they make. Pure.

The same rules as on the command line, field by field, so that each fault stands beside its field.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.address import PeerAE, parse_listen, parse_pacs_url
from dicom_retrieve_tui.model.allowed_callers import AllowedCaller, parse_callers
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.options import (
    DEFAULT_KEEP_FREE,
    KEYS,
    MAX_PDU_BYTES,
    NO,
    TIMEOUT_MAX_S,
    YES,
    KeepFree,
    parse_keep_free,
    parse_umask,
)
from dicom_retrieve_tui.model.security import TlsSettings, UserIdentity
from dicom_retrieve_tui.model.series_filter import (
    SeriesFilter,
    descriptions_fault,
    modalities_fault,
    modality_conflict,
    parse_series_filter,
)
from dicom_retrieve_tui.model.settings import (
    DEFAULT_CALLED_AE_TITLE,
    DEFAULT_CALLING_AE_TITLE,
    DEFAULT_TIMEOUT_S,
    HIERARCHICAL_LAYOUT,
    PRIVATE_UMASK,
    Settings,
)
from dicom_retrieve_tui.model.uids import ae_title_fault, uid_fault
from dicom_retrieve_tui.tui.terms import Terms

Draft = Mapping[str, str]
"""Text by field name, and what a profile says besides, of which there is no field (`CARRIED`)."""

CARRIED = (
    *("tls", "tls_ca", "tls_cert", "tls_key", "tls_insecure", "user", "passcode_file"),
    *("query_model", "max_pdu"),
)
"""Keys of a profile that go with a draft, and are not changed from one order to the next."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One line of the form."""

    name: str
    label: str
    default: str
    fault: Callable[[str], str | None]
    """What is wrong with a text, as the end of a sentence; None if nothing is."""
    hint: str = ""
    """What stands there while it is empty."""
    choices: tuple[str, ...] = ()
    group: str = ""
    of_study: bool = False
    """It narrows one study down, and is forgotten once that is queued."""


class FormFault(ConfigError):
    """A field that cannot be meant."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _told(parse: Callable[[str], object]) -> Callable[[str], str | None]:
    """The fault that a parser of the command line finds, without the flag's name."""

    def fault(text: str) -> str | None:
        try:
            parse(text)
        except ConfigError as error:
            message = re.sub(r"^(--[a-z-]+ )?('[^']*'|[^':]*):? ", "", str(error))
            return message.rstrip(".")
        return None

    return fault


def _pacs_fault(text: str) -> str | None:
    if not text:
        return "which PACS? give host:port"
    return _told(lambda text: parse_pacs_url(_url(text)))(text)


def _url(text: str) -> str:
    return text if "://" in text else f"pacs://{text}"


def _optional(fault: Callable[[str], str | None]) -> Callable[[str], str | None]:
    return lambda text: fault(text) if text else None


def _number_fault(least: int, most: int) -> Callable[[str], str | None]:
    def fault(text: str) -> str | None:
        number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
        return None if least <= number <= most else f"a whole number from {least} to {most}"

    return fault


def _timeout_fault(text: str) -> str | None:
    seconds = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?", text) else 0.0
    return None if 0 < seconds <= TIMEOUT_MAX_S else f"seconds, up to {TIMEOUT_MAX_S}"


def _folder_fault(text: str) -> str | None:
    if not text.strip():
        return "which folder?"
    path = Path(text).expanduser()
    try:
        place = next(each for each in (path, *path.parents) if each.exists())
        return None if place.is_dir() else f"{place} is a file"
    except (OSError, ValueError) as error:
        return f"cannot be reached: {error}"


_METHODS = tuple(map(str, Method))


def _callers(text: str) -> tuple[AllowedCaller, ...]:
    return parse_callers("--accept-from", text)


def _umask(text: str) -> int:
    return parse_umask("--umask", text)


def _spare(text: str) -> KeepFree:
    return parse_keep_free("--keep-free", text)


FIELDS = (
    FormField("pacs", "PACS", "", _pacs_fault, "host:port"),
    FormField("called_ae_title", "Its AE", DEFAULT_CALLED_AE_TITLE, ae_title_fault),
    FormField("calling_ae_title", "Our AE", DEFAULT_CALLING_AE_TITLE, ae_title_fault),
    FormField("series", "Series", "", _optional(uid_fault), "all of the study", of_study=True),
    FormField("instance", "Instance", "", _optional(uid_fault), "all of them", of_study=True),
    FormField("modality", "Modality", "", _optional(modalities_fault), "all, or such as CT,PT"),
    FormField(
        "exclude_modality", "Without", "", _optional(modalities_fault), "modalities, as SR,KO"
    ),
    FormField(
        *("series_description", "Descr.", "", _optional(descriptions_fault)),
        "any, or *T1*|FLAIR*",
    ),
    FormField("method", "Method", KEYS["method"].default, lambda _: None, choices=_METHODS),
    FormField("destination", "Dest AE", "", _optional(ae_title_fault), "for C-MOVE"),
    FormField("listen", "Listen", "", _optional(_told(parse_listen)), "[host:]port, to be it"),
    FormField("accept_from", "Accept", "", _optional(_told(_callers)), "who else may send here"),
    FormField("folder", "Folder", "~/dicom", _folder_fault),
    FormField("layout", "Layout", HIERARCHICAL_LAYOUT, _told(parse_layout)),
    FormField("umask", "Umask", f"{PRIVATE_UMASK:03o}", _told(_umask), "octal"),
    FormField("keep_free", "Spare", "", _optional(_told(_spare)), "1GiB or 2%, the lesser"),
    FormField("parallel", "Assoc.", "4", _number_fault(1, 64)),
    FormField("timeout", "Timeout", f"{DEFAULT_TIMEOUT_S:g}", _timeout_fault, "seconds"),
    FormField("retries", "Retries", KEYS["retries"].default, _number_fault(0, 100)),
)
_FILTER = ("modality", "exclude_modality", "series_description")
"""The fields that choose among series, by the profile's keys."""
_BY_NAME = {field.name: field for field in FIELDS}


def defaults() -> dict[str, str]:
    """A form that nobody has touched."""
    return {field.name: field.default for field in FIELDS}


def fault_of(name: str, draft: Draft) -> str | None:
    """What is wrong with a field, beside the others as they are; None if nothing is."""
    text = draft[name].strip()
    fault = _BY_NAME[name].fault(text)
    return _fault_beside(name, text, draft) if fault is None else fault


def _fault_beside(name: str, text: str, draft: Draft) -> str | None:
    """What is wrong with a field because of another."""
    match name:
        case "destination" if draft["method"] == Method.C_MOVE and not text:
            return "C-MOVE needs the AE title to send to"
        case "destination" if draft["listen"].strip() and not text and _moves(draft):
            return "under which AE title does the PACS know us?"
        case "listen" if text and _moves(draft) and _tls_without_certificate(draft):
            return "with TLS, the profile must name tls_cert, which we show to the PACS"
        case "instance" if text and not draft["series"].strip():
            return "needs the series, too"
        case "exclude_modality" if text:
            return modality_conflict(draft["modality"], text)
        case _:
            return None


def faults(draft: Draft) -> dict[str, str]:
    """Every field that cannot be meant, and why."""
    found = ((field.name, fault_of(field.name, draft)) for field in FIELDS)
    return {name: fault for name, fault in found if fault is not None}


def read_terms(draft: Draft, profile: str = "") -> Terms:
    """The terms that a form makes.

    Raises:
        FormFault: A field cannot be meant; the first of them.
    """
    for name, fault in faults(draft).items():
        raise FormFault(name, f"{_BY_NAME[name].label}: {fault}")
    text = {name: value.strip() for name, value in draft.items()}
    moves = _moves(text)
    settings = Settings(
        peer=PeerAE(ae_title=text["called_ae_title"], endpoint=parse_pacs_url(_url(text["pacs"]))),
        calling_ae_title=text["calling_ae_title"],
        output=Path(text["folder"]).expanduser(),
        layout=text["layout"],
        timeout_s=float(text["timeout"]),
        query_model=QueryModel(text.get("query_model") or QueryModel.AUTO),
        max_pdu_bytes=int(text.get("max_pdu") or MAX_PDU_BYTES),
        listen=parse_listen(text["listen"]) if text["listen"] and moves else None,
        umask=_umask(text["umask"]),
        keep_free=_spare(text["keep_free"]) if text["keep_free"] else DEFAULT_KEEP_FREE,
        accept_from=_callers(text["accept_from"]) if text["accept_from"] and moves else (),
        tls=_tls(text),
        user=_user(text),
    )
    return Terms(
        profile=profile,
        settings=settings,
        method=Method(text["method"]),
        move_destination=text["destination"] or None if moves else None,
        parallel=int(text["parallel"]),
        retries=int(text["retries"]),
        series_filter=parse_series_filter(*(text[name] or None for name in _FILTER)),
    )


def _tls(draft: Draft) -> TlsSettings | None:
    """The rules of TLS, which are the profile's: no field of the form changes them."""
    if draft.get("tls") != YES:
        return None
    ca, certificate, key = (_path(draft, name) for name in ("tls_ca", "tls_cert", "tls_key"))
    verify = not unverified(draft)
    return TlsSettings(ca=ca, certificate=certificate, key=key, verify=verify)


def unverified(draft: Draft) -> bool:
    """True if TLS believes whoever answers."""
    return draft.get("tls") == YES and draft.get("tls_insecure") == YES


def carried_text(draft: Draft) -> str:
    """What the profile adds to the form, which has no fields for it; empty if that is nothing."""
    parts = []
    if draft.get("tls") == YES:
        parts.append("TLS INSECURE" if unverified(draft) else "TLS")
    if user := draft.get("user"):
        parts.append(f"as {user}")
    if model := draft.get("query_model"):
        parts.append(model)
    if length := draft.get("max_pdu"):
        parts.append(f"PDUs up to {length}")
    return f"From the profile: {', '.join(parts)}" if parts else ""


def _user(draft: Draft) -> UserIdentity | None:
    """In whose name to ask, which is the profile's affair, too."""
    name = draft.get("user")
    if not name:
        return None
    return UserIdentity(name=name, passcode_file=_path(draft, "passcode_file"))


def _path(draft: Draft, name: str) -> Path | None:
    text = draft.get(name)
    return Path(text).expanduser() if text else None


def _tls_without_certificate(draft: Draft) -> bool:
    return draft.get("tls") == YES and not draft.get("tls_cert")


def _carried_texts(settings: Settings) -> dict[str, str]:
    tls, user = settings.tls, settings.user
    texts: dict[str, object] = {}
    if settings.query_model is not QueryModel.AUTO:
        texts["query_model"] = settings.query_model
    if settings.max_pdu_bytes != MAX_PDU_BYTES:
        texts["max_pdu"] = settings.max_pdu_bytes
    if tls is not None:
        texts |= {"tls": YES, "tls_ca": tls.ca, "tls_cert": tls.certificate, "tls_key": tls.key}
        texts |= {"tls_insecure": NO if tls.verify else YES}
    if user is not None:
        texts |= {"user": user.name, "passcode_file": user.passcode_file}
    return {name: str(value) for name, value in texts.items() if value is not None}


def _filter_texts(series_filter: SeriesFilter) -> dict[str, str]:
    """The fields that make a filter."""
    texts = dict(series_filter.flags())
    return {name: texts.get(f"--{name.replace('_', '-')}", "") for name in _FILTER}


def draft_of(terms: Terms) -> dict[str, str]:
    """The form that makes these terms."""
    settings = terms.settings
    listen = ""
    if settings.listen is not None:
        host, port = settings.listen
        listen = f"{host}:{port}" if host else str(port)
    return {
        "pacs": str(settings.peer.endpoint),
        "called_ae_title": settings.peer.ae_title,
        "calling_ae_title": settings.calling_ae_title,
        "series": "",
        "instance": "",
        **_filter_texts(terms.series_filter),
        "method": str(terms.method),
        "destination": terms.move_destination or "",
        "listen": listen,
        "accept_from": ",".join(map(str, settings.accept_from)),
        "folder": str(settings.output),
        "layout": settings.layout,
        "umask": f"{settings.umask:03o}",
        "keep_free": settings.keep_free.text,
        "parallel": str(terms.parallel),
        "timeout": f"{settings.timeout_s:g}",
        "retries": str(terms.retries),
        **_carried_texts(settings),
    }


def summary(draft: Draft) -> str:
    """The form in a few words: `C-MOVE to MYAE, ~/dicom`."""
    method = draft["method"].upper()
    to = f" to {draft['destination']}" if _moves(draft) and draft["destination"] else ""
    return f"{method}{to} → {draft['folder']}"


def _moves(draft: Draft) -> bool:
    return draft["method"] != Method.C_GET
