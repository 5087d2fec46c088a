"""Where a Dask cluster is, and the move destinations of its workers."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.uids import ae_title_fault

LOCAL = "local:"
"""Before the number of workers to start on this machine."""
WORKERS_MAX = 64
"""No run has more associations."""
_ADDRESS = re.compile(
    r"((tcp|tls|ucx|ws|wss)://)?[^\s/:]+:[0-9]{1,5}|(tcp|tls)://\[[0-9a-fA-F:.]+\]:[0-9]{1,5}"
)
_ENTRY = re.compile(r"(?P<worker>[^=,]+)=(?P<title>[^=,:]+):(?P<port>[0-9]{1,5})")
_HOST = "{host}"


@dataclass(frozen=True, slots=True)
class WorkerDestination:
    """The move destination of the workers whose name or host matches."""

    worker: str
    """Name or host of a Dask worker, perhaps with the wildcards `*` and `?`."""
    ae_title: str
    """Its AE title for the PACS; `{host}` stands for its host in upper case, without the domain."""
    port: int
    """The port that it listens on."""

    def matches(self, name: str, host: str) -> bool:
        """Return True for a worker of this name on this host."""
        short = host.partition(".")[0]
        return any(fnmatchcase(each, self.worker) for each in (name, host, short))

    def title_on(self, host: str) -> str:
        """Return the AE title on a host.

        Raises:
            ConfigError: The name of the host makes it invalid.
        """
        title = self.ae_title.replace(_HOST, host.partition(".")[0].upper())
        if fault := ae_title_fault(title):
            raise ConfigError(f"--worker-dest: {title!r}, for the host {host}, {fault}.")
        return title

    def __str__(self) -> str:
        return f"{self.worker}={self.ae_title}:{self.port}"


def parse_cluster(where: str, text: str) -> str:
    """Parse the address of a scheduler, or `local:N`. Raises `ConfigError`."""
    text = text.strip()
    if text.startswith(LOCAL):
        number = text.removeprefix(LOCAL)
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= WORKERS_MAX):
            raise ConfigError.of_value(where, text, f"expected local:1 to local:{WORKERS_MAX}")
        return text
    if not _ADDRESS.fullmatch(text):
        problem = "expected the address of a Dask scheduler, such as tcp://host:8786, or local:4"
        raise ConfigError.of_value(where, text, problem)
    return text


def parse_destinations(where: str, text: str) -> tuple[WorkerDestination, ...]:
    """Parse `WORKER=AET:PORT[,..]`. Raises `ConfigError`."""
    return tuple(_destination(where, each.strip()) for each in text.split(",") if each.strip())


def _destination(where: str, text: str) -> WorkerDestination:
    match = _ENTRY.fullmatch(text)
    if match is None:
        raise ConfigError.of_value(
            where, text, "expected WORKER=AET:PORT, such as node1=NODE1:11112"
        )
    title, port = match["title"].strip(), int(match["port"])
    if fault := ae_title_fault(title.replace(_HOST, "H")):
        raise ConfigError.of_value(where, text, f"the AE title {fault}")
    if not 1 <= port <= 65535:
        raise ConfigError.of_value(where, text, "expected a port from 1 to 65535")
    return WorkerDestination(match["worker"].strip(), title, port)


def local_workers(address: str) -> int:
    """Return the number of workers to start here; 0 if `address` is that of a scheduler."""
    return int(address.removeprefix(LOCAL)) if address.startswith(LOCAL) else 0
