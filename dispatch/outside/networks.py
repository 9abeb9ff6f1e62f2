"""Which addresses may be reached from here: the open internet, and private networks only where the settings name them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = ["Network", "is_reachable", "literal", "parse_networks"]

Network = IPv4Network | IPv6Network


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return networks written as `10.0.0.0/8` or as single addresses. Raises `ValueError` with what is allowed."""
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise ValueError(f"{error}; allowed: networks like 10.0.0.0/8") from None


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is when it is written as one, None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def is_reachable(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    """Tell whether messages may go to this address.

    >>> from ipaddress import ip_address
    >>> [is_reachable(ip_address(text), ()) for text in ("119.29.29.29", "10.1.2.3", "127.0.0.1", "169.254.169.254", "::1")]
    [True, False, False, False, False]
    >>> is_reachable(ip_address("::ffff:10.1.2.3"), ()), is_reachable(ip_address("10.1.2.3"), parse_networks(["10.0.0.0/8"]))
    (False, True)
    """
    plain = getattr(address, "ipv4_mapped", None) or address
    if any(plain in network for network in networks if network.version == plain.version):
        return True
    return bool(plain.is_global and not plain.is_multicast)
