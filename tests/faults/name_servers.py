"""Name servers that do not answer as they should."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest


@contextmanager
def silent_name_server(
    monkeypatch: pytest.MonkeyPatch, when_asked: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """One that never answers, and says when it was asked."""
    over = threading.Event()

    def silent(*_args: object, **_named: object) -> NoReturn:
        when_asked()
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    try:
        yield
    finally:
        over.set()
