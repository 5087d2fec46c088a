"""Whether a retrieval would work, tried for real."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from dicom_retrieve_tui.doctor.checks import Examination
from dicom_retrieve_tui.doctor.requests import Listening
from dicom_retrieve_tui.doctor.result import (
    INSTANCE_BY,
    Check,
    Finding,
    Looking,
    OurSide,
    Step,
    administrator_lines,
    conclude,
    weighed,
)
from dicom_retrieve_tui.doctor.sample import an_instance_of, try_one
from dicom_retrieve_tui.errors import Cancelled, ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.network.timeouts import Timeouts
from dicom_retrieve_tui.wiring.calling import association_parameters
from dicom_retrieve_tui.wiring.listening import listen, our_address
from dicom_retrieve_tui.wiring.retrieval import retrieve


def diagnose(plan: Plan, settings: Settings, cancel: CancelToken) -> Generator[Finding, None, None]:
    """Look step by step whether a retrieval would work, and say what to do where it would not.

    Where the plan names a study, one real instance of it is retrieved by each method that the PACS
    offers: by C-MOVE to our own Storage SCP only. It goes into a folder that is removed; the output
    folder is not touched. The last finding is the conclusion, unless the user stops.
    """
    timeouts = Timeouts.from_timeout(settings.timeout_s)
    listening = None
    if settings.listen is not None:
        bind = partial(listen, timeouts, settings, plan, cancel)
        listening = Listening(settings.listen[1], bind)
    examination = Examination(association_parameters(settings, timeouts, cancel), plan, listening)
    steps: list[Step] = []
    try:
        for finding in chain(examination.steps(), _trials(plan, settings, examination, cancel)):
            if isinstance(finding, Step):
                steps.append(finding)
            yield finding
    except Cancelled:
        return
    yield conclude(steps, examination.method, plan, examination.us)


def _trials(
    plan: Plan, settings: Settings, examination: Examination, cancel: CancelToken
) -> Iterator[Finding]:
    """What `diagnose` tries for real; begun only once the examination is over."""
    works, inventory = examination.works, examination.inventory
    if inventory is None or not inventory.instances:
        return
    one = replace(plan, selections=(an_instance_of(inventory),))
    for method, offered in (
        (Method.C_GET, works.get(Check.GET)),
        (Method.C_MOVE, works.get(Check.MOVE) and settings.listen is not None),
    ):
        if offered:
            yield Looking(INSTANCE_BY[method])
            step = try_one(retrieve, method, one, settings, cancel)
            yield weighed(step, method, examination.method)


def tell_administrator(plan: Plan, settings: Settings) -> tuple[str, ...]:
    """What the administrator of the PACS needs to know of us, a sentence each."""
    host, port = settings.listen or (None, None)
    try:
        timeouts = Timeouts.from_timeout(settings.timeout_s)
        address = host or our_address(timeouts, settings, CancelToken())
    except ConfigError:
        address = ""
    us = OurSide(calling_ae_title=settings.calling_ae_title, address=address, listening_port=port)
    return tuple(administrator_lines(plan, us))
