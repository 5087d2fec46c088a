"""A TCP proxy that stands in for distance: `python -m benchmarks.delay_proxy PORT TARGET MS`.

It holds every byte back for MS milliseconds in each direction, so the round trip is twice that.
Only data is delayed: the proxy acknowledges at once on both sides, so what a tool would lose to
delayed acknowledgements on a real line does not show, and every tool is measured at its best. A
process for each connection, a thread for each direction and end.
"""

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
import time

_PIECE_BYTES = 1 << 18
_PIECES_MAX = 64
"""Under way in one direction: more than any window that a tool opens here."""
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


def _read(source: socket.socket, line: "queue.Queue[tuple[float, bytes]]", delay_s: float) -> None:
    """Put what comes on the line, with the time at which it may leave it; empty is the end."""
    piece = b"-"
    while piece:
        try:
            piece = source.recv(_PIECE_BYTES)
            if _QUICKACK is not None:
                source.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        except OSError:
            piece = b""
        line.put((time.monotonic() + delay_s, piece))


def _write(target: socket.socket, line: "queue.Queue[tuple[float, bytes]]") -> None:
    while True:
        due_s, piece = line.get()
        if (left_s := due_s - time.monotonic()) > 0:
            time.sleep(left_s)
        with contextlib.suppress(OSError):
            if not piece:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(piece)


def _carry(near: socket.socket, target_port: int, delay_s: float) -> None:
    """Carry one connection to its end, both ways."""
    far = socket.create_connection(("127.0.0.1", target_port))
    threads = []
    for source, target in ((near, far), (far, near)):
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line: queue.Queue[tuple[float, bytes]] = queue.Queue(_PIECES_MAX)
        threads.append(threading.Thread(target=_read, args=(source, line, delay_s)))
        threads.append(threading.Thread(target=_write, args=(target, line)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """Listen for ever."""
    port, target_port, delay_ms = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children are not waited for
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    while True:
        near, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _carry(near, target_port, delay_ms / 1000)
            os._exit(0)
        near.close()


if __name__ == "__main__":
    main()
