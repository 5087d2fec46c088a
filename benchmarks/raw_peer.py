"""A PACS that answers at once: `python -m benchmarks.raw_peer PORT HOLDINGS`.

C-FIND at the SERIES and IMAGE levels and C-GET, from computed holdings; a process for each
association, so that it is never the peer that is waited for.
"""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator

from benchmarks import raw_holdings
from benchmarks.raw_association import RawAssociation, Released, Request
from benchmarks.raw_holdings import Holdings
from tests.peers import wire

_BATCH = 200
"""Answers in one `send`."""
_C_FIND, _C_GET, _C_ECHO = 0x20, 0x10, 0x30
_STUDY, _SERIES, _SOP = 0x0020000D, 0x0020000E, 0x00080018
_AT_ONCE_BYTES = 1 << 16


class RawPeer:
    """Answers the requests of one association."""

    def __init__(self, association: RawAssociation, holdings: Holdings) -> None:
        self._association = association
        self._holdings = holdings
        self._head = raw_holdings.data_set_head(holdings)
        self._series_match = wire.data_set(
            {
                0x00080052: "SERIES",
                0x00080060: "CT",
                _STUDY: raw_holdings.study_uid(None),
                _SERIES: raw_holdings.series_uid(None),
                0x00201209: str(holdings.instances),
            }
        )
        self._image_match = wire.data_set(
            {
                0x00080016: holdings.sop_class_uid,
                _SOP: raw_holdings.sop_uid(None, None),
                0x00080052: "IMAGE",
                _STUDY: raw_holdings.study_uid(None),
                _SERIES: raw_holdings.series_uid(None),
            }
        )

    def serve(self) -> None:
        """Answer until the other side goes."""
        services = {_C_FIND: self._find, _C_GET: self._get, _C_ECHO: self._finish}
        self._association.accept()
        while True:
            request = self._association.read()
            services[request.number(0x0100)](request)

    def _find(self, request: Request) -> None:
        pending = self._response(request, wire.PENDING, data_set_type=1)
        batch: list[bytes] = []
        for match in self._matches(request):
            batch.append(wire.message(request.context_id, pending, match))
            if len(batch) == _BATCH:
                self._association.send(b"".join(batch))
                batch.clear()
        final = wire.message(request.context_id, self._response(request, wire.SUCCESS))
        self._association.send(b"".join([*batch, final]))

    def _matches(self, request: Request) -> Iterator[bytes]:
        study = self._holdings.study_number(request.key(_STUDY))
        if study is None:
            return
        if request.key(0x00080052) == "SERIES":
            yield raw_holdings.fill(self._series_match, study)
            return
        for instance in range(self._holdings.instances):
            yield raw_holdings.fill(self._image_match, study, instance)

    def _get(self, request: Request) -> None:
        study = self._holdings.study_number(request.key(_STUDY))
        wanted = self._wanted(request) if study is not None else ()
        for number in wanted:
            self._store(study or 0, number)
        counts = {"completed": len(wanted), "failed": 0, "warning": 0}
        answer = self._response(request, wire.SUCCESS, **counts)
        self._association.send(wire.message(request.context_id, answer))

    def _wanted(self, request: Request) -> range | list[int]:
        if not request.key(_SOP):
            return range(self._holdings.instances)
        return [int(uid.rpartition(".")[2]) - 1_000_000 for uid in request.key(_SOP).split("\\")]

    def _store(self, study: int, instance: int) -> None:
        association, holdings = self._association, self._holdings
        context_id = association.storage_context[holdings.sop_class_uid]
        command = wire.command(
            sop_class=holdings.sop_class_uid,
            field=1,
            message_id=7,
            priority=0,
            data_set_type=1,
            sop_instance=raw_holdings.sop_uid(study, instance),
        )
        if holdings.pixel_bytes < _AT_ONCE_BYTES:
            data_set = b"".join(raw_holdings.data_set(holdings, study, instance))
            association.send(wire.message(context_id, command, data_set))
        else:
            association.send(wire.message(context_id, command))
            pieces = raw_holdings.data_set(holdings, study, instance)
            association.stream(context_id, pieces, holdings.data_set_size())
        association.read()

    def _finish(self, request: Request) -> None:
        answer = self._response(request, wire.SUCCESS)
        self._association.send(wire.message(request.context_id, answer))

    @staticmethod
    def _response(
        request: Request, status: int, data_set_type: int = 0x0101, **counts: int
    ) -> bytes:
        return wire.command(
            sop_class=request.command[0x0002],
            field=request.number(0x0100) | 0x8000,
            responding_to=request.number(0x0110),
            data_set_type=data_set_type,
            status=status,
            **counts,
        )


def main() -> None:
    """Listen for ever."""
    port, holdings = int(sys.argv[1]), Holdings.parse(sys.argv[2])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children are not waited for
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    while True:
        sock, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            with contextlib.suppress(Released, ConnectionError):
                RawPeer(RawAssociation(sock), holdings).serve()
            os._exit(0)
        sock.close()


if __name__ == "__main__":
    main()
