"""`dicom-retrieve doctor TARGET [STUDY_UID]`: would a retrieval work, and what to do if not."""

import argparse
from contextlib import closing

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.cli.console import Surroundings
from dicom_retrieve_tui.cli.output.diagnosis import Telling, TellingJson, TellingPeople
from dicom_retrieve_tui.cli.parser_base import UsageError, names_profile
from dicom_retrieve_tui.cli.read_options import read_settings, read_way
from dicom_retrieve_tui.cli.security_args import unlocked
from dicom_retrieve_tui.cli.signals import Interruption
from dicom_retrieve_tui.doctor.result import Conclusion
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.exit_codes import INTERRUPTED, NOT_OK, OK
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.uids import uid_fault


def run_doctor(args: argparse.Namespace, around: Surroundings) -> int:
    """Look, and tell of each step as it holds; returns the exit code.

    Raises:
        ConfigError: What was asked for cannot be meant.
    """
    if args.target is None:
        raise UsageError("doctor needs the PACS to look at: pacs://HOST[:PORT] or @PROFILE.")
    if names_profile(args.target):
        from dicom_retrieve_tui.cli.profile_args import fill_in, open_book  # noqa: PLC0415

        fill_in(args, open_book(args, around.environ))
    settings = unlocked(read_settings(args), around)
    for words in settings.dangers:
        around.stderr.say(words)
    method, move_destination = read_way(args)
    plan = Plan(
        selections=_study(args.uids),
        method=method,
        move_destination=move_destination,
        listening=settings.listen is not None,
    )
    telling: Telling = TellingJson(around) if args.json else TellingPeople(around)
    telling.begin(peer=str(settings.peer), method=str(method))
    cancel = CancelToken()
    conclusion: Conclusion | None = None
    with (
        Interruption(on_first=cancel.request, on_second=telling.abandon),
        closing(wiring.diagnose(plan, settings, cancel)) as findings,
    ):
        for finding in findings:
            telling.tell(finding)
            if isinstance(finding, Conclusion):
                conclusion = finding
    if conclusion is None:
        telling.abandon()
        around.stderr.say("stopped")
        return INTERRUPTED
    if around.stdout.lost:
        around.stderr.say(f"stdout could not be written: {around.stdout.lost}")
        return NOT_OK
    return OK if conclusion.works else NOT_OK


def _study(uids: list[str]) -> tuple[Selection, ...]:
    if len(uids) > 1:
        raise UsageError("doctor tries one study at most.")
    for uid in uids:
        if (fault := uid_fault(uid)) is not None:
            raise ConfigError(f"Study Instance UID {uid!r} {fault}.")
    return tuple(Selection(study_instance_uid=uid) for uid in uids)
