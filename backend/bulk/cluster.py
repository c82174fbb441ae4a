"""An existing Ray cluster: where actors can be, and how one is started there."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from backend.bulk.actor import Actor
from backend.inference.model_loader import EngineProtocol
from backend.settings import Settings
from model.errors import Misconfigured, Unavailable

IN_FLIGHT = 4  # orders at an actor: while its models work, the next pictures are fetched; ours
CONNECTING = 5.0  # seconds for the head to answer: Ray itself would try for minutes, and then end the process
JOINING = 60.0  # seconds for this process to join the cluster
ANSWERING = 10.0  # seconds for the head to name its nodes; without it Ray waits a minute and then ends the process
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # RFC 9113, section 3.4
SETTINGS_FRAME = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ActorPlace:
    """Where an actor can be: a node by its id, its address and CPUs, and which of its GPUs is meant (0 without).

    `threads`: its share of the node's CPUs.
    """

    node: str
    address: str
    cpus: int
    number: int
    threads: int = 1


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A cluster that this process is connected to. With `gpus` an actor has one GPU, else all CPUs of a node."""

    settings: Settings
    load: Callable[[], EngineProtocol] | None
    gpus: bool

    def places(self) -> list[ActorPlace]:
        """Where there can be an actor now; a node that comes back has another id."""
        return [place for node in _nodes() if node["Alive"] for place in _places(node, self.gpus)]

    def hire(self, place: ActorPlace) -> Any:
        """Start an actor; where the place is taken by others, it waits. It never moves: its place may be gone."""
        wanted: dict[str, Any] = {"num_cpus": place.cpus}
        if self.gpus:  # without CPUs of its own an actor would compute on one thread
            threads = {"env_vars": {"OMP_NUM_THREADS": str(place.threads)}}
            wanted = {"num_gpus": 1, "num_cpus": 0, "runtime_env": threads}
        strategy = NodeAffinitySchedulingStrategy(place.node, soft=False)
        started = ray.remote(Actor).options(max_concurrency=IN_FLIGHT, scheduling_strategy=strategy, **wanted)
        return started.remote()

    def objection(self, place: ActorPlace) -> str:
        """Why an actor could do nothing there; empty where it can."""
        host = urlsplit(self.settings.label_studio_url).hostname or self.settings.label_studio_url.partition(":")[0]
        if place.address == ray.util.get_node_ip_address() or not _loopback(host):
            return ""
        return f"{host} means each node itself: set ANYWORD_LABEL_STUDIO_URL to an address that every node reaches"


@contextmanager
def connected(address: str, settings: Settings, load: Callable[[], EngineProtocol] | None) -> Iterator[RayCluster]:
    """The cluster at an address ("auto": the one of this machine), for as long as the block lasts.

    Raises Misconfigured for settings that no cluster can serve, and Unavailable where the cluster does not answer.
    """
    if settings.device.startswith("cuda:"):
        raise Misconfigured(f"ANYWORD_DEVICE is {settings.device}, but with --cluster each actor has a GPU of its own")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send statistics to its makers
    try:
        _reach(os.environ.get("RAY_ADDRESS") or address if address == "auto" else address)
        _within(JOINING, partial(ray.init, address=address, log_to_driver=False, logging_level=logging.ERROR))
    except (OSError, RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise Unavailable(f"--cluster {address}: {said}; run this on a machine of the cluster") from error
    try:
        nodes = [node for node in _nodes() if node["Alive"]]
        gpus = settings.device == "cuda" or (settings.device == "" and any(_places(node, True) for node in nodes))
        yield RayCluster(_sent(settings), load, gpus)
    finally:
        with suppress(OSError):  # the head is gone, and the actors with it
            _within(ANSWERING, ray.shutdown)  # actors end with it


def _places(node: dict[str, Any], gpus: bool) -> list[ActorPlace]:
    cpus = int(node["Resources"].get("CPU", 0))
    count = int(node["Resources"].get("GPU", 0)) if gpus else min(cpus, 1)
    threads = max(1, cpus // max(count, 1))
    return [ActorPlace(node["NodeID"], node["NodeManagerAddress"], cpus, number, threads) for number in range(count)]


def _nodes() -> list[dict[str, Any]]:
    """The cluster's nodes. Raises Unavailable where its head does not tell them in time."""
    try:
        return _within(ANSWERING, ray.nodes)
    except (OSError, RuntimeError) as error:
        raise Unavailable(
            "the cluster's head does not answer any more; start it, and run this again to go on"
        ) from error


def _within(seconds: float, ask: Callable[[], T]) -> T:
    """What a call into Ray gives; TimeoutError where that takes longer.

    Ray's own code neither keeps time nor notices Ctrl+C, so it runs in a thread that nothing waits for.
    """
    outcome: Future[T] = Future()

    def call() -> None:
        try:
            outcome.set_result(ask())
        except Exception as error:  # raised where the outcome is read
            outcome.set_exception(error)

    threading.Thread(target=call, name="ray", daemon=True).start()
    try:
        return outcome.result(seconds)
    except FutureTimeout:
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def _sent(settings: Settings) -> Settings:
    """What actors are told: no secret that they do not need, and room in the queue for all that they are given."""
    return replace(
        settings,
        database="",
        webhook_secret="",
        basic_auth_user="",
        basic_auth_password="",
        queue_size=max(settings.queue_size, IN_FLIGHT),
    )


def _reach(address: str) -> None:
    """Raises OSError where no Ray head answers at "host:port", and ValueError for another form.

    A head speaks gRPC, which begins as HTTP/2 does: its first frame is one of settings.
    """
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        raise ValueError("the address has to be host:port, as `ray status` and `ray start` name it")
    with socket.create_connection((host.strip("[]"), int(port)), CONNECTING) as connection:
        connection.sendall(PREFACE)
        frame = connection.recv(9)
    if len(frame) < 4 or frame[3] != SETTINGS_FRAME:
        raise OSError("what answers there is no Ray head; `ray status` on its machine names the address")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
