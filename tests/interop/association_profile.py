"""Writes association negotiation profiles for DCMTK's tools. Source: DCMTK's asconfig.txt."""

from collections.abc import Iterable

from tests.interop.corpus import Study


def syntaxes_by_class(studies: Iterable[Study]) -> dict[str, tuple[str, ...]]:
    """The transfer syntaxes that the studies have of each SOP class, in their order."""
    found: dict[str, dict[str, None]] = {}
    for study in studies:
        for instance in study.instances:
            found.setdefault(instance.sop_class_uid, {})[instance.transfer_syntax_uid] = None
    return {sop_class_uid: tuple(syntaxes) for sop_class_uid, syntaxes in found.items()}


def association_profile(name: str, studies: Iterable[Study]) -> str:
    """A profile that takes each class of the studies in just their transfer syntaxes.

    Both roles: the requestor of an association that loads a PACS is SCU of a storage class, the
    requestor of one that retrieves by C-GET its SCP.
    """
    classes = syntaxes_by_class(studies)
    lines = ["[[TransferSyntaxes]]"]
    for number, syntaxes in enumerate(classes.values(), start=1):
        lines.append(f"[Syntaxes{number}]")
        lines += [f"TransferSyntax{i} = {uid}" for i, uid in enumerate(syntaxes, start=1)]
    lines += ["[[PresentationContexts]]", "[Contexts]"]
    lines += [rf"PresentationContext{i} = {uid}\Syntaxes{i}" for i, uid in enumerate(classes, 1)]
    lines += ["[[SCPSCURoleSelection]]", "[Roles]"]
    lines += [rf"Role{i} = {uid}\BOTH" for i, uid in enumerate(classes, start=1)]
    lines += ["[[Profiles]]", f"[{name}]"]
    lines += ["PresentationContexts = Contexts", "SCPSCURoleSelection = Roles"]
    return "\n".join(lines) + "\n"
