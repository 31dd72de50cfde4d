"""A photo from an https URL, fetched so that the URL reaches nothing but the public web.

A URL comes from whoever talks to the model, and the server stands inside a network that they do not. So names are
resolved here and nowhere else, every address must be public, and the connection goes to the address that was checked.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import SOCK_STREAM, gaierror, getaddrinfo
from urllib.parse import unquote

import anyio
import anyio.to_thread
import httpcore2
import httpx2

from tools.errors import InputError

LARGEST = 10_000_000
"""Bytes of a photo."""

SECONDS = 10.0
"""For everything: names, redirects and the photo."""

MOST_REDIRECTS = 3

KEPT_SECONDS, MOST_KEPT = 15 * 60.0, 4
"""Of photos fetched."""

_HEADERS = {b"User-Agent": b"steadface", b"Accept": b"image/*", b"Accept-Encoding": b"identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAT64 = IPv6Network("64:ff9b::/96")

Resolve = Callable[[str], Awaitable[list[str]]]
"""From a host name, or an address in any way of writing it, to addresses."""


async def system_resolver(host: str) -> list[str]:
    """The addresses by the system's resolver; none where there is no such host."""
    try:
        found = await anyio.to_thread.run_sync(
            partial(getaddrinfo, host, None, type=SOCK_STREAM), abandon_on_cancel=True
        )
    except (gaierror, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True)
class Web:
    """How the web is reached."""

    resolve: Resolve = system_resolver
    network: httpcore2.AsyncNetworkBackend = field(default_factory=httpcore2.AnyIOBackend)
    tls: ssl.SSLContext = field(default_factory=httpx2.create_ssl_context)
    seconds: float = SECONDS


def fetch(url: str, web: Web | None = None) -> tuple[bytes, str]:
    """What lies at the URL, undecoded, and its name; ``InputError`` where it cannot be had, or must not be.

    Blocks, in a thread that has no event loop.
    """
    address = _parsed(url)
    return anyio.run(_in_time, address, web or Web()), _name(address)


class Fetched:
    """What was fetched lately: the photo that a user was asked about is the one that is then used.

    A host may answer the same URL with another photo a moment later.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[Hashable, str], tuple[float, tuple[bytes, str]]] = {}
        self._changing = threading.Lock()

    def get(self, whose: Hashable, url: str) -> tuple[bytes, str]:
        """As ``fetch``; within ``KEPT_SECONDS`` what the same caller was given before."""
        with self._changing:
            before = self._kept.get((whose, url))
        if before is not None and time.monotonic() - before[0] < KEPT_SECONDS:
            return before[1]
        found = fetch(url)
        with self._changing:
            self._kept.pop((whose, url), None)
            self._kept[whose, url] = time.monotonic(), found
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return found


def is_public(address: str) -> bool:
    """Whether packets to the address leave for the public internet, and for one machine there."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (carried := _carried(ip)) is not None:
        ip = carried
    elif isinstance(ip, IPv6Address) and ip.is_reserved:
        return False
    return ip.is_global and not ip.is_multicast and not (isinstance(ip, IPv6Address) and ip.is_site_local)


def _carried(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end up at, where they do."""
    return ip.ipv4_mapped or ip.sixtofour or (IPv4Address(ip.packed[-4:]) if ip in _NAT64 else None)


class _PublicNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to public addresses alone: resolves the name once, and connects to what was checked."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._web.resolve(host)
        if not addresses or not all(map(is_public, addresses)):
            raise InputError(
                f"There is no host {host} on the public web, and photos are fetched from nowhere else; give the photo "
                "itself."
            )
        for address in addresses[:-1]:
            try:
                return await self._web.network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._web.network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


async def _in_time(url: httpx2.URL, web: Web) -> bytes:
    try:
        with anyio.fail_after(web.seconds):
            async with httpcore2.AsyncConnectionPool(web.tls, network_backend=_PublicNetwork(web)) as pool:
                return await _followed(url, pool)
    except (TimeoutError, httpcore2.TimeoutException):
        raise InputError(
            f"{url.host} did not send the photo within {web.seconds:g} seconds; give the photo itself."
        ) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError):
        raise InputError(
            f"{url.host} cannot be reached, or does not speak HTTPS as it should; give the photo itself."
        ) from None


async def _followed(url: httpx2.URL, pool: httpcore2.AsyncConnectionPool) -> bytes:
    for _ in range(MOST_REDIRECTS + 1):
        got = await _get(url, pool)
        if isinstance(got, bytes):
            return got
        url = got
    raise InputError(f"The URL was redirected more than {MOST_REDIRECTS} times; give the photo itself.")


async def _get(url: httpx2.URL, pool: httpcore2.AsyncConnectionPool) -> bytes | httpx2.URL:
    """The bytes at the URL, or where it was redirected to."""
    target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=None, target=url.raw_path)
    asked = {**_HEADERS, b"Host": url.netloc}
    async with pool.stream("GET", target, headers=list(asked.items())) as response:
        told = {name.lower(): value for name, value in response.headers}
        if response.status in _REDIRECTS and b"location" in told:
            return _parsed(told[b"location"].decode("latin-1"), url)
        if response.status != 200:
            raise InputError(f"{url.host} answered {response.status} instead of a photo; check the URL.")
        return await _read(response)


async def _read(response: httpcore2.Response) -> bytes:
    data = bytearray()
    async for part in response.aiter_stream():
        data += part
        if len(data) > LARGEST:
            raise InputError(f"The URL leads to more than {LARGEST // 10**6} MB; give a smaller photo.")
    return bytes(data)


def _parsed(text: str, base: httpx2.URL | None = None) -> httpx2.URL:
    """The URL, where it is one that may be asked; ``base`` is what redirected to it."""
    try:
        url = base.join(text) if base else httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError):
        raise InputError("The URL is not well-formed; copy it again, or give the photo itself.") from None
    if url.scheme != "https" or not url.host:
        raise InputError("A photo is fetched by https alone; give an https URL, or the photo itself.")
    if url.userinfo:
        raise InputError("The URL holds a user name or a password; give one without, or the photo itself.")
    if url.port not in (None, 443):
        raise InputError("The URL names a port, and photos are fetched from 443 alone; give the photo itself.")
    return url


def _name(url: httpx2.URL) -> str:
    """The file name at the end of the URL, as people may read it."""
    last = unquote(url.path.rsplit("/", 1)[-1])
    plain = "".join(letter if letter.isprintable() and letter not in "/\\" else "?" for letter in last)
    return plain[:100] or url.host
