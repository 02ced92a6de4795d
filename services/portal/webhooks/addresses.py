"""Where webhooks may go: to the public internet, and never to what is inside.

An account chooses the URL, so it is looked at twice: when it is given, and when it is connected to,
by the very address that the connection then uses, so that a name that leads elsewhere by then leads
nowhere.
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

import httpcore
import httpx

_URL_LENGTH: Final = 2_000
_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""Addresses behind which a translator has IPv4 ones (RFC 6052, RFC 8215)."""
_INSIDE: Final = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")
SocketOption: TypeAlias = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)


class AddressRefused(Exception):
    """A webhook was to go where none may go."""


def checked_url(url: str, *, anywhere: bool) -> str:
    """A webhook's URL as it is kept, in ASCII.

    Args:
        url: as an account gave it.
        anywhere: whether http and private addresses are allowed too.

    Raises:
        AddressRefused: if no webhook may go there; says why.
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii").lower().rstrip(".")
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise AddressRefused("that is no URL") from None
    if parsed.scheme != "https" and not (anywhere and parsed.scheme == "http"):
        raise AddressRefused("only https goes out")
    if not host:
        raise AddressRefused("it has no host")
    if parsed.userinfo:
        raise AddressRefused("it has a name or a password in it")
    if parsed.fragment:
        raise AddressRefused("it has a fragment")
    if len(str(parsed)) > _URL_LENGTH:
        raise AddressRefused(f"it is longer than {_URL_LENGTH} characters")
    if not anywhere:
        if parsed.port not in (None, 443):
            raise AddressRefused("only port 443 goes out")
        _must_be_outside(host)
    return str(parsed)


def _must_be_outside(host: str) -> None:
    literal = host.strip("[]")
    try:
        address = ip_address(literal)
    except ValueError:
        if host == _INSIDE[0] or host.endswith(_INSIDE[1:]) or "." not in host:
            raise AddressRefused("that host is not on the internet") from None
        if host.rpartition(".")[2].isdecimal() or host.startswith("0x"):
            raise AddressRefused("that is an address in disguise") from None
        return
    if not is_public(address):
        raise AddressRefused("that address is not on the internet")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to somebody on the internet, and so to nobody inside."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None and not is_public(inner):
            return False
        if address.teredo or any(address in network for network in _TRANSLATED):
            return False
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class PublicOnly(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, by the address that was looked at."""

    def __init__(self, *, anywhere: bool) -> None:
        self._backend = httpcore.AnyIOBackend()
        self._anywhere = anywhere

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore has it
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """
        Raises:
            AddressRefused: if one of the name's addresses is not public.
            httpcore.ConnectError: if none answers.
        """
        trouble: Exception = httpcore.ConnectError("the name has no address")
        for address in await self._addresses(host, port):
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble

    async def _addresses(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"the name is not known: {error}") from error
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        for address in addresses:
            if not self._anywhere and not is_public(ip_address(address.partition("%")[0])):
                raise AddressRefused("the name leads to an address that is not on the internet")
        return addresses

    async def sleep(self, seconds: float) -> None:
        """Between tries to connect."""
        await self._backend.sleep(seconds)
