"""Run `doctor` with the real layers."""

from collections.abc import Generator
from functools import partial

from dicom_retrieve_tui.doctor.request_checks import OurListener
from dicom_retrieve_tui.doctor.result import Finding, OurSide, administrator_lines
from dicom_retrieve_tui.doctor.run import run_checks
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.network.timeouts import Timeouts
from dicom_retrieve_tui.wiring.calling import association_parameters
from dicom_retrieve_tui.wiring.listening import listen, our_address
from dicom_retrieve_tui.wiring.retrieval import retrieve


def diagnose(plan: Plan, settings: Settings, cancel: CancelToken) -> Generator[Finding, None, None]:
    """Check step by step whether a retrieval would work, and advise where it would not.

    Where the plan names a study, one instance of it is retrieved by each method that the PACS
    offers: by C-MOVE to our own Storage SCP only. It goes into a temporary folder; the output
    folder is not touched. The last finding is the conclusion, unless the user stops.
    """
    timeouts = Timeouts.from_timeout(settings.timeout_s)
    listener = None
    if settings.listen is not None:
        bind = partial(listen, timeouts, settings, plan, cancel)
        listener = OurListener(settings.listen[1], bind)
    parameters = association_parameters(settings, timeouts, cancel)
    return run_checks(parameters, plan, settings, listener, retrieve)


def tell_administrator(plan: Plan, settings: Settings) -> tuple[str, ...]:
    """Return what the administrator of the PACS needs to know of us, a sentence each."""
    host, port = settings.listen or (None, None)
    try:
        timeouts = Timeouts.from_timeout(settings.timeout_s)
        address = host or our_address(timeouts, settings, CancelToken())
    except ConfigError:
        address = ""
    us = OurSide(calling_ae_title=settings.calling_ae_title, address=address, listening_port=port)
    return tuple(administrator_lines(plan, us))
