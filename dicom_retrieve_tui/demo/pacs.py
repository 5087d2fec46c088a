"""A PACS in this process, on a loopback port: pynetdicom's AE over synthetic studies.

pynetdicom is an implementation independent of our network layer, which makes it a peer worth
trying against. What it needs to stop in time is in `sockets`.
"""

import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from pynetdicom import AE, _config

from dicom_retrieve_tui.demo.instances import DemoStudy
from dicom_retrieve_tui.demo.service import QueryRetrieveService, supported_contexts
from dicom_retrieve_tui.demo.sockets import AssociationSockets, Server
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.errors import ConfigError, reason_of

_ASSOCIATIONS_MAX = 64
_CONNECT_S = 1.0
_ACSE_S = 10.0
_DIMSE_S = 30.0
_IDLE_S = 300.0
_POLL_S = 0.05


class DemoPacs:
    """The demonstration PACS: C-ECHO, C-FIND, C-GET and C-MOVE while its context lasts.

    It accepts every calling and called AE title. It sends each instance in the transfer syntax in
    which it is stored.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ae_title: str = "DEMO",
        studies: Sequence[DemoStudy] | None = None,
        busy_once: Iterable[str] = (),
        pace_s: float = 0.0,
    ) -> None:
        """Take where to listen and what to hold.

        Args:
            host: An address of this computer.
            port: Where to listen; 0 is any free one.
            ae_title: Its AE title.
            studies: Its studies; the invented ones if None.
            busy_once: Study Instance UIDs that are refused (0xA701) until a client retries them,
                to show a failure.
            pace_s: Seconds before each instance, so that a user sees them arrive.
        """
        self.host = host
        self.port = port
        """The port; the actual one after the start, also where 0 was given."""
        self.ae_title = ae_title
        self.studies = tuple(demo_studies() if studies is None else studies)
        self._stop = threading.Event()
        instances = [instance for study in self.studies for instance in study.instances]
        self._service = QueryRetrieveService(
            instances, ae_title=ae_title, stop=self._stop, busy_once=busy_once, pace_s=pace_s
        )
        self._ae = AE(ae_title=ae_title)
        self._contexts = supported_contexts(instances)
        self._ae.maximum_associations = _ASSOCIATIONS_MAX
        self._ae.connection_timeout = _CONNECT_S
        self._ae.acse_timeout = _ACSE_S
        self._ae.dimse_timeout = _DIMSE_S
        self._ae.network_timeout = _IDLE_S
        self._sockets = AssociationSockets(self._ae)

    def register_destination(self, ae_title: str, host: str, port: int) -> None:
        """Make `ae_title` a move destination at this address; any other one is refused (0xA801)."""
        self._service.register_destination(ae_title, host, port)

    def __enter__(self) -> Self:
        """Start listening.

        Raises:
            ConfigError: The address cannot be listened on.
        """
        # Identifiers hold patient names. These switches of pynetdicom hold for all its AEs.
        _config.LOG_REQUEST_IDENTIFIERS = False
        _config.LOG_RESPONSE_IDENTIFIERS = False
        handlers = self._sockets.handlers()
        try:
            self._server = self._ae.make_server(
                (self.host, self.port),
                contexts=self._contexts,
                evt_handlers=[*handlers, *self._service.handlers(handlers)],
                server_class=Server,
            )
        except OSError as error:
            reason = reason_of(error)
            raise ConfigError(
                f"The demonstration PACS cannot listen on {self.host} port {self.port}: {reason}."
            ) from error
        self.port = self._server.server_address[1]
        self._acceptor = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="demo-pacs"
        )
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening, close all connections and wait for every thread to end."""
        self._stop.set()
        self._server.shutdown()
        self._acceptor.join()
        self._sockets.close_all()
