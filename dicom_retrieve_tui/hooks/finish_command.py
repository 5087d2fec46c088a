"""`--on-finish`: one command when a run has ended."""

import logging

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.hooks.process import find_program, keep_output, run_process, with_output
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.hook_command import FinishHook
from dicom_retrieve_tui.model.options import RetrieveOptions

STOPPED = "not run: the user asked to stop"
_OUTPUT_NAME = "on-finish"

logger = logging.getLogger(__name__)


def run_finish_command(options: RetrieveOptions, hook: FinishHook, cancel: CancelToken) -> str:
    """Run the command to its end; return why it failed, or an empty text.

    Args:
        options: The command, how long it may take, and the folder for the output of a failure.
        hook: What it is told.
        cancel: Ends it.
    """
    command = options.on_finish
    if command is None:
        return ""
    if cancel.requested:
        return STOPPED
    try:
        program = find_program("--on-finish", command)
    except ConfigError as error:
        return str(error)
    outcome = run_process(
        [program, *command.argv(hook.values)[1:]],
        hook.environment,
        limit_s=options.command_timeout_s,
        cancel=cancel,
        stdin=hook.summary,
    )
    kept = keep_output(options.output, _OUTPUT_NAME, outcome, options.umask)
    reason = with_output(outcome, kept)
    logger.info("--on-finish: %s after %.1f s", reason or "done", outcome.seconds)
    return reason
