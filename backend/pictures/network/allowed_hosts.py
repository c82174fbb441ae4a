"""Which hosts pictures may be fetched from: whoever makes tasks names them, and is not to look around the network."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from model.errors import Misconfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Kind = Literal["public", "private", "special"]
Lookup = Callable[[str, bool], Sequence[Address]]

HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
NAT64 = ip_network("64:ff9b::/96")  # RFC 6052; its local-use relative of RFC 8215 counts as reserved
THIS_NETWORK = ip_network("0.0.0.0/8")  # RFC 1122
# Where clouds tell a machine its secrets. Most are link-local; these (Alibaba, Azure, Oracle, Amazon, Google) are not.
METADATA = frozenset(
    map(ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
WHERE: dict[Kind, str] = {
    "special": "a link-local, reserved or metadata address; only its number in ANYWORD_IMAGE_HOSTS would allow it",
    "private": "a private address; add {host} to ANYWORD_IMAGE_HOSTS to allow it",
    "public": "no host in ANYWORD_IMAGE_HOSTS; add {host} to allow it",
}


def look_up(host: str, numeric: bool) -> Sequence[Address]:
    """The addresses of a host, in the order in which to try them; with `numeric`, DNS is not asked.

    Raises OSError where there is none, UnicodeError for what cannot be a host's name.
    """
    flags = socket.AI_NUMERICHOST if numeric else 0
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return tuple(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the server reaches for pictures.

    `kinds` are open to every host; a host in `names` may be at a public or private address, and what lies in `networks`
    is open whatever it is. Names are in lower case, `*.example.org` stands for all names below that one. `look_up` asks
    DNS.
    """

    kinds: frozenset[Kind] = frozenset({"public"})
    names: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    look_up: Lookup = look_up

    def refusal(self, host: str, addresses: Sequence[Address], trusted: bool) -> str:
        """Why nothing is fetched from a host with these addresses; empty where it is.

        Each of the addresses has to be open. Without any (a proxy looks the name up), the host counts as public.
        `trusted` hosts, which is Label Studio's, may be private.
        """
        unlisted = {kind_of(address) for address in addresses if not self._lists(address)}
        kinds: set[Kind] = unlisted if addresses else {"public"}
        allowed: set[Kind] = {"public", "private"} if trusted or self._names(host) else {*self.kinds}
        return next((where.format(host=host) for kind, where in WHERE.items() if kind in kinds - allowed), "")

    def _lists(self, address: Address) -> bool:
        return any(form in network for form in (address, plain(address)) for network in self.networks)

    def _names(self, host: str) -> bool:
        name = host.lower().rstrip(".")
        return any(name == one or (one.startswith("*.") and name.endswith(one[1:])) for one in self.names)


def reach_of(text: str) -> Reach:
    """Read a list with commas: `public`, `private`, hosts and networks. Raises Misconfigured for anything else."""
    entries = {entry.strip().lower().rstrip(".") for entry in text.split(",")} - {""}
    kinds: frozenset[Kind] = frozenset(kind for kind in ("public", "private") if kind in entries)
    networks = {entry: network for entry in entries if (network := _network(entry)) is not None}
    names = entries - kinds - networks.keys()
    if wrong := sorted(name for name in names if not HOST.fullmatch(name)):
        raise Misconfigured(
            f"ANYWORD_IMAGE_HOSTS has {wrong[0]!r}, but takes `public`, `private`, hosts such as images.example.org or "
            "*.example.org, and networks such as 10.0.0.0/8"
        )
    return Reach(kinds, tuple(sorted(names)), tuple(networks[entry] for entry in sorted(networks)))


def kind_of(address: Address) -> Kind:
    """What an address is for. Special ones are never a picture's unless the operator says so."""
    seen = plain(address)
    if seen.is_loopback:
        return "private"
    if seen.is_link_local or seen.is_multicast or seen.is_reserved or seen.is_unspecified:
        return "special"
    if seen in METADATA or seen in THIS_NETWORK:
        return "special"
    return "public" if seen.is_global and not (isinstance(seen, IPv6Address) and seen.is_site_local) else "private"


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, where it does: mapped, 6to4 or NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _network(text: str) -> Network | None:
    try:
        return ip_network(text.strip("[]"))
    except ValueError:  # the library has no other way to say no
        return None
