"""Presentation contexts that the demonstration PACS accepts and proposes.

It never transcodes: a compressed instance goes as it is or not at all, an uncompressed one in
either native syntax, the stored one first.
"""

from collections.abc import Iterable

from pynetdicom.presentation import PresentationContext, build_context

from dicom_retrieve_tui.demo.instances import DemoInstance
from dicom_retrieve_tui.model.sop_classes import NATIVE_SYNTAXES

_VERIFICATION = "1.2.840.10008.1.1"
_PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1."
_STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2."
_FIND, _MOVE, _GET = "1", "2", "3"  # the last component of both roots' SOP Classes


def supported_contexts(instances: Iterable[DemoInstance]) -> list[PresentationContext]:
    """Return what to accept: the services, and each class we hold in the role that C-GET needs.

    Only syntaxes that we can send are accepted, so that a context with a choice of several comes
    out right. Source: PS3.4 section C.4.3.2 for the roles: the requestor is SCP of storage.
    """
    contexts = [build_context(uid, list(NATIVE_SYNTAXES)) for uid in _services()]
    for sop_class_uid, syntaxes in _sendable(instances).items():
        context = build_context(sop_class_uid, list(syntaxes))
        context.scu_role = False
        context.scp_role = True
        contexts.append(context)
    return contexts


def requested_contexts(instances: Iterable[DemoInstance]) -> list[PresentationContext]:
    """Return what to propose to a move destination: a context for each class and syntax.

    Of several syntaxes in one context the destination would pick one for all instances.
    """
    return [
        build_context(sop_class_uid, syntax)
        for sop_class_uid, syntaxes in _sendable(instances).items()
        for syntax in syntaxes
    ]


def query_root(abstract_syntax: str) -> str:
    """Return the highest level of the query model that a SOP class belongs to."""
    return "PATIENT" if abstract_syntax.startswith(_PATIENT_ROOT) else "STUDY"


def _services() -> list[str]:
    roots = (_PATIENT_ROOT, _STUDY_ROOT)
    models = [f"{root}{service}" for root in roots for service in (_FIND, _MOVE, _GET)]
    return [_VERIFICATION, *models]


def _sendable(instances: Iterable[DemoInstance]) -> dict[str, dict[str, None]]:
    """Return syntaxes by SOP class, in order, the stored ones first."""
    sendable: dict[str, dict[str, None]] = {}
    for instance in instances:
        sendable.setdefault(instance.sop_class_uid, {})[instance.transfer_syntax_uid] = None
    for syntaxes in sendable.values():
        if not syntaxes.keys().isdisjoint(NATIVE_SYNTAXES):
            syntaxes.update(dict.fromkeys(NATIVE_SYNTAXES))
    return sendable
