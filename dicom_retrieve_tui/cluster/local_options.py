"""The options of a run as they hold on one worker."""

from dataclasses import replace

from distributed import Worker

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage.lock import host_name


def options_here(options: RetrieveOptions, worker: Worker, place: int) -> RetrieveOptions:
    """Return the options for this worker: its part of the folder and its move destination.

    Args:
        options: As the client has them.
        worker: This worker.
        place: A number that no other slot has now; a slot that comes later writes on where it was.

    Raises:
        ConfigError: The table of destinations has no line for this worker.
    """
    writer = Writer(f"worker-{place}", claims=True)
    options = replace(options, between=None, cluster="", on_finish=None, writer=writer, listed=())
    if not options.worker_destinations:
        return options
    name, host = str(worker.name), host_name()
    for destination in options.worker_destinations:
        if destination.matches(name, host):
            return replace(
                options,
                move_destination=destination.title_on(host),
                listen=(None, destination.port),
                worker_destinations=(),
            )
    raise ConfigError(f"--worker-dest has no line for the worker {name!r} on {host}.")
