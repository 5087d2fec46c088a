"""The Dask cluster as a run uses it: its workers, tasks for slots, and messages both ways.

Every method returns at once or within a bounded time; what comes is put into `inbox`.
"""

import asyncio
import contextlib
import logging
import queue
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import dask.config

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.errors import ConfigError

_OFF = logging.CRITICAL + 1
_LOGGERS = ("distributed", "distributed.client", "bokeh", "tornado", "tornado.application")
# Before distributed is loaded, which reads it then: our messages say what its lines would.
dask.config.set({"logging": dict.fromkeys(_LOGGERS, _OFF)})

import distributed  # noqa: E402 - see above
from distributed import Client, Future, LocalCluster  # noqa: E402
from distributed.security import Security  # noqa: E402

from dicom_retrieve_tui.cluster.messages import (  # noqa: E402
    Order,
    our_versions,
    packed,
)
from dicom_retrieve_tui.cluster.slot import OPERATION, run_slot  # noqa: E402
from dicom_retrieve_tui.model.workers import local_workers  # noqa: E402

_CONNECT_S = 5.0
_CALL_S = 20.0
"""For a question to every worker."""
_START_S = 60.0
"""For the processes of local workers."""
_BEAT_S = 1.0
"""A slot that is told nothing else hears from us so often."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SlotReport:
    """Bytes that came from a slot."""

    slot: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A worker has left the cluster, or died."""

    address: str


@dataclass(frozen=True, slots=True)
class WorkerCame:
    """A worker has joined."""

    address: str


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """The task of a slot has ended, and why if it failed."""

    slot: str
    failure: str


Arrival = SlotReport | WorkerLost | WorkerCame | TaskEnded


class DaskLink:
    """A connection to a scheduler, with workers of our own if the address says so."""

    def __init__(self, client: Client, cluster: LocalCluster | None, run: str) -> None:
        self._client = client
        self._cluster = cluster
        self.run = run
        """A name that no other run has."""
        self._topic = f"dicom-retrieve-{run}"
        self._futures: dict[str, Future] = {}
        self._addresses: dict[str, str] = {}
        self._outgoing: dict[str, deque[bytes]] = defaultdict(deque)
        self._sending: set[str] = set()
        self._heard: set[str] = set()
        """Slots that take messages."""
        self._closed = False
        self.inbox: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        client.subscribe_topic(self._topic, self._take_report)
        client.subscribe_topic("all", self._take_news)
        client.loop.add_callback(self._beat)

    @classmethod
    def open(cls, address: str, run: str) -> Self:
        """Connect to a scheduler, or start one with workers on this machine.

        Raises:
            ConfigError: There is none, it does not answer, or its version is another one.
        """
        cluster = _start_local(count) if (count := local_workers(address)) else None
        try:
            client = _connect(cluster or address)
        except BaseException:
            if cluster is not None:
                cluster.close()
            raise
        link = cls(client, cluster, run)
        try:
            link._check_versions()
        except BaseException:
            link.close()
            raise
        return link

    @property
    def is_up(self) -> bool:
        """True while the scheduler is connected."""
        return bool(self._client.status == "running")

    def workers(self) -> Mapping[str, str]:
        """Return the workers that take tasks: their names, by address."""

        async def ask() -> Any:
            return await self._client.scheduler.identity(n_workers=-1)

        try:
            found = self._client.sync(ask, callback_timeout=_CONNECT_S)["workers"]
        except (OSError, TimeoutError, RuntimeError):
            return {}
        return {
            address: str(each.get("name", address))
            for address, each in found.items()
            if each.get("status", "running") == "running"
        }

    def ask_workers(self, function: Any, *args: Any) -> dict[str, Any]:
        """Call a function on each worker; return what it returns or raises, by address.

        Raises:
            ConfigError: The workers do not answer in time.
        """

        async def ask() -> dict[str, Any]:
            found: dict[str, Any] = await self._client.run(function, *args, on_error="return")
            return found

        try:
            return self._client.sync(ask, callback_timeout=_CALL_S)  # type: ignore[no-any-return]
        except (OSError, TimeoutError) as error:
            raise ConfigError(
                "--cluster: the workers did not answer within "
                f"{_CALL_S:.0f} s. Look at the log of the scheduler."
            ) from error

    def start_slot(self, slot: str, address: str) -> None:
        """Submit the task of a slot, bound to one worker."""
        future = self._client.submit(
            run_slot,
            self._topic,
            slot,
            key=f"dicom-retrieve-slot-{slot}",
            pure=False,
            workers=[address],
            allow_other_workers=False,
            retries=0,
        )
        self._futures[slot], self._addresses[slot] = future, address
        future.add_done_callback(partial(self._note_end, slot))

    def send(self, slot: str, orders: Sequence[Order]) -> None:
        """Send orders to a slot, behind those that were sent before."""
        self._post(slot, packed(orders))

    def release_slot(self, slot: str) -> None:
        """Forget a slot and its task."""
        self._addresses.pop(slot, None)
        self._outgoing.pop(slot, None)
        if (future := self._futures.pop(slot, None)) is not None:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                future.cancel()
                future.release()

    def close(self) -> None:
        """Disconnect, and end the workers that were started here."""
        self._closed = True
        for slot in list(self._futures):
            self.release_slot(slot)
        with contextlib.suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=3)
        if self._cluster is not None:
            with contextlib.suppress(Exception):  # its processes end with this one at the latest
                self._cluster.close(timeout=10)

    # In the thread of Dask's event loop

    def _take_report(self, event: tuple[float, tuple[str, bytes]]) -> None:
        slot, payload = event[1]
        self._heard.add(slot)
        self.inbox.put(SlotReport(slot, payload))

    def _take_news(self, event: tuple[float, Any]) -> None:
        news = event[1]
        if not isinstance(news, dict):
            return
        if news.get("action") == "remove-worker":
            self.inbox.put(WorkerLost(news["worker"]))
        elif news.get("action") == "add-worker":
            self.inbox.put(WorkerCame(news["worker"]))

    def _note_end(self, slot: str, future: Future) -> None:
        failure = ""
        if future.status == "error":
            failure = repr(future.exception())
        elif future.status != "finished":
            failure = str(future.status)
        self.inbox.put(TaskEnded(slot, failure))

    def _post(self, slot: str, payload: bytes) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended with the scheduler
            self._client.loop.add_callback(self._enqueue, slot, payload)

    async def _enqueue(self, slot: str, payload: bytes) -> None:
        self._outgoing[slot].append(payload)
        if slot in self._sending:
            return
        self._sending.add(slot)
        try:
            while self._outgoing.get(slot):
                await self._deliver(slot, self._outgoing[slot].popleft())
        finally:
            self._sending.discard(slot)

    async def _deliver(self, slot: str, payload: bytes) -> None:
        if (address := self._addresses.get(slot)) is None or self._closed:
            return
        message = {"op": OPERATION, "slot": slot, "payload": payload}
        try:
            await self._client.scheduler.broadcast(
                msg=message, workers=[address], on_error="return_pickle"
            )
        except Exception as error:  # noqa: BLE001 - the slot is missed by its silence
            _LOG.debug("could not reach slot %s: %s", slot, error)

    async def _beat(self) -> None:
        """Let every slot hear from us now and then."""
        while not self._closed:
            for slot in self._heard & self._addresses.keys():
                if slot not in self._sending:
                    self._client.loop.add_callback(self._enqueue, slot, packed(()))
            await asyncio.sleep(_BEAT_S)

    # Versions

    def _check_versions(self) -> None:
        """Refuse a cluster whose versions differ from ours.

        Raises:
            ConfigError: They differ, or the package is missing on a worker.
        """
        ours = our_versions()
        scheduler = self._client.scheduler_info(n_workers=0).get("version")
        if scheduler is None:
            info = self._client.get_versions(check=False).get("scheduler") or {}
            scheduler = info.get("packages", {}).get("distributed")
        if scheduler and scheduler != ours["distributed"]:
            raise _differs("the scheduler", "distributed", scheduler, ours["distributed"])
        names = self.workers()
        for address, found in self.ask_workers(our_versions).items():
            where = f"the worker {names.get(address, address)}"
            if not isinstance(found, dict):
                raise ConfigError(
                    f"--cluster: {where} cannot load dicom-retrieve-tui ({found}); install "
                    f"dicom-retrieve-tui[cluster] {__version__} there."
                )
            for package, theirs in found.items():
                if theirs != ours[package]:
                    raise _differs(where, package, theirs, ours[package])


def _differs(where: str, package: str, theirs: str, ours: str) -> ConfigError:
    return ConfigError(
        f"--cluster: {where} has {package} {theirs}, and this computer {ours}; install the same "
        "version on both."
    )


def _start_local(count: int) -> LocalCluster:
    # No web server that others on this machine could read.
    dask.config.set({"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []})
    try:
        return LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            silence_logs=_OFF,
            security=True,  # else every user of this machine could run code as us
            env={"DASK_LOGGING__DISTRIBUTED": str(_OFF)},
        )
    except (OSError, RuntimeError, TimeoutError, ImportError) as error:
        raise ConfigError(f"--cluster local:{count}: the workers did not start: {error}") from error


def _connect(target: LocalCluster | str) -> Client:
    try:
        security = None if isinstance(target, LocalCluster) else Security()
        return Client(
            target, timeout=_CONNECT_S, set_as_default=False, name="dicom-retrieve",
            security=security,
        )  # fmt: skip
    except (OSError, TimeoutError, ValueError, ImportError, TypeError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"--cluster {target}: no Dask scheduler answers there ({reason}). Start one with "
            f"`dask scheduler`, of distributed {distributed.__version__}, or use local:N."
        ) from error
