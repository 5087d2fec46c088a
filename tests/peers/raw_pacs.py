"""A PACS on a raw socket that tests script: polite as it stands, rude where one overrides it."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Self

from tests.peers import wire
from tests.peers.wire import CT_IMAGE, EXPLICIT, IMPLICIT, PENDING, SUCCESS

_PATIENCE_S = 20.0
"""A test that hangs fails by this."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance that a raw PACS holds, its data set in Implicit VR Little Endian."""

    study: str
    series: str
    sop: str
    sop_class: str = CT_IMAGE
    padding_bytes: int = 100
    modality: str = "CT"
    """What the PACS says of its series."""
    description: str | None = None
    """The same; None is not returned."""

    @property
    def data(self) -> bytes:
        return wire.data_set(
            {
                0x00080016: self.sop_class,
                0x00080018: self.sop,
                0x00100020: "T-0001",
                0x0020000D: self.study,
                0x0020000E: self.series,
                0x00204000: "x" * self.padding_bytes,
            }
        )


def instances(count: int, *, study: str = "1.2.3", series: str = "1.2.3.1") -> list[Instance]:
    return [Instance(study, series, f"{series}.{number}") for number in range(1, count + 1)]


@dataclass
class Request:
    """One message that came to a raw PACS."""

    context_id: int
    command: dict[int, bytes]
    identifier: dict[int, bytes] = field(default_factory=dict)

    def number(self, element: int) -> int:
        value: int = struct.unpack("<H", self.command[element])[0]
        return value

    def key(self, tag: int) -> str:
        return self.identifier.get(tag, b"").decode().strip("\0 ")

    @property
    def level(self) -> str:
        return self.key(0x00080052)

    def matches(self, instance: Instance) -> bool:
        """Single value and list of UID matching on the unique keys."""
        pairs = ((0x0020000D, instance.study), (0x0020000E, instance.series),
                 (0x00080018, instance.sop))  # fmt: skip
        return all(not self.key(tag) or value in self.key(tag).split("\\") for tag, value in pairs)


class Released(Exception):
    """The other side released the association."""


class NoContext(Exception):
    """No storage context for what is to be sent."""


class Conversation:
    """One association, on the PACS's side."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(_PATIENCE_S)
        self.contexts: dict[int, tuple[str, list[str]]] = {}
        """Abstract syntax and transfer syntaxes of each proposed context."""

    def read_associate(self) -> bytes:
        kind, body = wire.receive_pdu(self.sock)
        assert kind == 1
        at = 68
        while at < len(body):
            item, length = struct.unpack_from(">BxH", body, at)
            if item == 0x20:
                self._note_context(body[at + 4 : at + 4 + length])
            at += 4 + length
        return body

    def _note_context(self, item: bytes) -> None:
        context_id, at, abstract, syntaxes = item[0], 4, "", []
        while at < len(item):
            kind, length = struct.unpack_from(">BxH", item, at)
            value = item[at + 4 : at + 4 + length].decode()
            if kind == 0x30:
                abstract = value
            else:
                syntaxes.append(value)
            at += 4 + length
        self.contexts[context_id] = (abstract, syntaxes)

    def accept(
        self,
        refused: frozenset[str] = frozenset(),
        max_pdu_bytes: int = 16384,
        version_name: bytes = b"",
        instead: Mapping[int, bytes] = MappingProxyType({}),
    ) -> None:
        """Answer with A-ASSOCIATE-AC; contexts for `refused` abstract syntaxes are rejected.

        Args:
            instead: Items to send in the place of the answers to these context IDs.
        """

        def item(kind: int, value: bytes) -> bytes:
            return struct.pack(">BxH", kind, len(value)) + value

        results = b"".join(
            instead.get(number) or
            item(0x21, bytes([number, 0, 3 if abstract in refused else 0, 0])
                 + item(0x40, syntaxes[0].encode()))
            for number, (abstract, syntaxes) in self.contexts.items()
        )  # fmt: skip
        user = item(0x51, struct.pack(">L", max_pdu_bytes)) + item(0x52, b"1.2.3.4")
        if version_name:
            user += item(0x55, version_name)
        body = (
            struct.pack(">H2x16s16s32x", 1, b"RAW".ljust(16), b"DICOMRETRIEVE".ljust(16))
            + item(0x10, b"1.2.840.10008.3.1.1.1")
            + results
            + item(0x50, user)
        )
        self.send(wire.pdu(2, body))

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> Request:
        """Wait for the next message; its data set, if it has one, is read with it."""
        context_id, command = self._read_part()
        request = Request(context_id, wire.read_elements(command))
        if request.number(0x0800) != 0x0101:
            request.identifier = self.read_identifier(self._read_part()[1])
        return request

    def read_identifier(self, data: bytes) -> dict[int, bytes]:
        """The keys of a request."""
        return wire.read_elements(data)

    def _read_part(self) -> tuple[int, bytes]:
        """Fragments up to the last one."""
        whole = b""
        while True:
            kind, body = wire.receive_pdu(self.sock)
            if kind == 5:
                self.send(wire.pdu(6))
                raise Released
            if kind == 7:
                raise EOFError
            assert kind == 4
            at = 0
            while at < len(body):
                size, context_id, flags = struct.unpack_from(">LBB", body, at)
                whole += body[at + 6 : at + 4 + size]
                at += 4 + size
            if flags & 2:
                return context_id, whole

    def respond(
        self, request: Request, status: int, identifier: bytes | None = None, **fields: wire.Value
    ) -> None:
        """Send a response to a C-FIND, C-GET, C-MOVE or C-ECHO request."""
        answer = wire.command(
            sop_class=request.command[0x0002],
            field=request.number(0x0100) | 0x8000,
            responding_to=request.number(0x0110),
            data_set_type=0x0101 if identifier is None else 1,
            status=status,
            **fields,
        )
        self.send(wire.message(request.context_id, answer, identifier))

    def store_request(self, instance: Instance, message_id: int = 7) -> tuple[int, bytes]:
        """The context and command set of a C-STORE for `instance`."""
        fitting = [n for n, (abstract, syntaxes) in self.contexts.items()
                   if abstract == instance.sop_class and IMPLICIT in syntaxes]  # fmt: skip
        if not fitting:
            raise NoContext
        command = wire.command(
            sop_class=instance.sop_class,
            field=1,
            message_id=message_id,
            priority=0,
            data_set_type=1,
            sop_instance=instance.sop,
        )
        return fitting[0], command

    def store(self, instance: Instance, data: bytes | None = None) -> int:
        """Send an instance, or other data in its name; returns the status of the answer."""
        self.send(self.store_message(instance, data))
        return self.read().number(0x0900)

    def store_as(self, instance: Instance, data: bytes, syntax: str) -> int:
        """Send data in the name of an instance on a context of this transfer syntax."""
        fitting = [n for n, context in self.contexts.items()
                   if context == (instance.sop_class, [syntax])]  # fmt: skip
        if not fitting:
            raise NoContext
        command = wire.command(
            sop_class=instance.sop_class, field=1, message_id=7, priority=0, data_set_type=1,
            sop_instance=instance.sop,
        )  # fmt: skip
        self.send(wire.message(fitting[0], command, data))
        return self.read().number(0x0900)

    def store_message(self, instance: Instance, data: bytes | None = None) -> bytes:
        """A whole C-STORE for `instance`, as `store` sends it."""
        context_id, command = self.store_request(instance)
        return wire.message(context_id, command, instance.data if data is None else data)

    def reset(self) -> None:
        """Break the connection with an RST instead of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class RawPacs:
    """Listens on loopback, one thread for each association; tests override what shall be rude."""

    ae_title = "RAW"
    tls: ssl.SSLContext | None = None
    """None: no TLS."""

    def __init__(self, holdings: list[Instance] | None = None) -> None:
        self.holdings = holdings if holdings is not None else instances(3)
        self.requests: list[Request] = []
        """Every request that came, in order."""
        self.associations = 0
        self.errors: list[BaseException] = []
        """What went wrong in a script; checked at the end."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []
        self.stopping = threading.Event()
        """Scripts that stall wait for this."""

    @property
    def retrievals(self) -> list[Request]:
        """The C-GET and C-MOVE requests that came, in order."""
        return [r for r in self.requests if r.number(0x0100) in {0x10, 0x21}]

    def __enter__(self) -> Self:
        acceptor = threading.Thread(target=self._accept, name="raw-pacs")
        self._threads.append(acceptor)
        acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE_S)
            assert not thread.is_alive()
        for sock in self._socks:
            sock.close()
        if kind is None and self.errors:
            raise self.errors[0]

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._socks.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), name="raw-association")
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        self.associations += 1
        sock.settimeout(_PATIENCE_S)
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._socks.append(sock)
            self.on_association(Conversation(sock))
        except (EOFError, OSError, Released):
            pass
        except BaseException as error:  # noqa: BLE001 - shown by the test that scripted it
            self.errors.append(error)
        finally:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def on_association(self, conversation: Conversation) -> None:
        conversation.read_associate()
        self.on_associate(conversation)
        while True:
            request = conversation.read()
            self.requests.append(request)
            self.on_request(conversation, request)

    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept()

    def on_request(self, conversation: Conversation, request: Request) -> None:
        handlers = {0x20: self.on_find, 0x10: self.on_get, 0x21: self.on_move, 0x30: self.on_echo}
        if handler := handlers.get(request.number(0x0100)):
            try:
                handler(conversation, request)
            except NoContext:
                conversation.respond(request, 0xA702)

    def on_echo(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, SUCCESS)

    def on_find(self, conversation: Conversation, request: Request) -> None:
        for match in self.find(request):
            conversation.respond(request, PENDING, wire.data_set(match))
        conversation.respond(request, SUCCESS)

    def find(self, request: Request) -> list[dict[int, str]]:
        """The matches, one for each entity at the level of the request."""
        found: dict[str, dict[int, str]] = {}
        for instance in filter(request.matches, self.holdings):
            match = {0x00080052: request.level, 0x0020000D: instance.study}
            if request.level == "SERIES":
                match |= {0x00080060: instance.modality, 0x0020000E: instance.series}
                if instance.description is not None and 0x0008103E in request.identifier:
                    match |= {0x0008103E: instance.description}
                same = [i for i in self.holdings if i.series == instance.series]
                found[instance.series] = match | {0x00201209: str(len(same))}
            elif request.level == "IMAGE":
                match |= {0x0020000E: instance.series, 0x00080018: instance.sop}
                found[instance.sop] = match | {0x00080016: instance.sop_class}
            else:
                same = [i for i in self.holdings if i.study == instance.study]
                match |= {0x00100020: "T-0001", 0x00201208: str(len(same))}
                found[instance.study] = match
        return list(found.values())

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        failed = 0
        for number, instance in enumerate(wanted, start=1):
            failed += conversation.store(instance) != SUCCESS
            conversation.respond(
                request, PENDING, remaining=len(wanted) - number, completed=number - failed,
                failed=failed, warning=0,
            )  # fmt: skip
        self.finish(conversation, request, completed=len(wanted) - failed, failed=failed)

    def on_move(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, 0xA801)

    def finish(
        self, conversation: Conversation, request: Request, *, completed: int, failed: int = 0
    ) -> None:
        status = 0xB000 if failed else SUCCESS
        conversation.respond(request, status, completed=completed, failed=failed, warning=0)


__all__ = [
    "CT_IMAGE",
    "EXPLICIT",
    "IMPLICIT",
    "Conversation",
    "Instance",
    "RawPacs",
    "Request",
    "instances",
]
