"""An existing Ray cluster: where actors can be, and how one is started there."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from backend.bulk.actor import Actor
from backend.loading import Engine
from backend.settings import Settings
from model.errors import Misconfigured, Unavailable

IN_FLIGHT = 4  # orders at an actor: while its models work, the next pictures are fetched; ours
CONNECTING = 5.0  # seconds for the head to answer: Ray itself would try for minutes, and then end the process


@dataclass(frozen=True, slots=True)
class Place:
    """Where an actor can be: a node by its id, its address and CPUs, and which of its GPUs is meant (0 without)."""

    node: str
    address: str
    cpus: int
    number: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that this process is connected to. With `gpus` an actor has one GPU, else all CPUs of a node."""

    settings: Settings
    load: Callable[[], Engine] | None
    gpus: bool

    def places(self) -> list[Place]:
        """Where there can be an actor now; a node that comes back has another id."""
        return [place for node in ray.nodes() if node["Alive"] for place in _places(node, self.gpus)]

    def hire(self, place: Place) -> Any:
        """Start an actor; where the place is taken by others, it waits. It never moves: its place may be gone."""
        wanted: dict[str, Any] = {"num_gpus": 1, "num_cpus": 0} if self.gpus else {"num_cpus": place.cpus}
        strategy = NodeAffinitySchedulingStrategy(place.node, soft=False)
        started = ray.remote(Actor).options(max_concurrency=IN_FLIGHT, scheduling_strategy=strategy, **wanted)
        return started.remote()

    def objection(self, place: Place) -> str:
        """Why an actor could do nothing there; empty where it can."""
        host = urlsplit(self.settings.label_studio_url).hostname or self.settings.label_studio_url.partition(":")[0]
        if place.address == ray.util.get_node_ip_address() or not _loopback(host):
            return ""
        return f"{host} means each node itself: set ANYWORD_LABEL_STUDIO_URL to an address that every node reaches"


@contextmanager
def connected(address: str, settings: Settings, load: Callable[[], Engine] | None) -> Iterator[Cluster]:
    """The cluster at an address ("auto": the one of this machine), for as long as the block lasts.

    Raises Misconfigured for settings that no cluster can serve, and Unavailable where the cluster does not answer.
    """
    if settings.device.startswith("cuda:"):
        raise Misconfigured(f"ANYWORD_DEVICE is {settings.device}, but with --cluster each actor has a GPU of its own")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send statistics to its makers
    try:
        _reach(os.environ.get("RAY_ADDRESS") or address if address == "auto" else address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise Unavailable(f"--cluster {address}: {said}; run this on a machine of the cluster") from error
    try:
        nodes = [node for node in ray.nodes() if node["Alive"]]
        gpus = settings.device == "cuda" or (settings.device == "" and any(_places(node, True) for node in nodes))
        yield Cluster(_sent(settings), load, gpus)
    finally:
        ray.shutdown()  # actors end with it


def _places(node: dict[str, Any], gpus: bool) -> list[Place]:
    cpus = int(node["Resources"].get("CPU", 0))
    count = int(node["Resources"].get("GPU", 0)) if gpus else min(cpus, 1)
    return [Place(node["NodeID"], node["NodeManagerAddress"], cpus, number) for number in range(count)]


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
    """Raises OSError where nobody answers at "host:port", and ValueError for another form."""
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        raise ValueError("the address has to be host:port, as `ray status` and `ray start` name it")
    socket.create_connection((host.strip("[]"), int(port)), CONNECTING).close()


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
