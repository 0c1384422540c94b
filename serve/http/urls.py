"""Addresses that a request names: hosts of a list, public ones only, and only where the name led when it was checked.

    target = await vet("https://media.example.org/talk.mp4", settings.http.urls)
    async with target.asking("GET") as response: ...

A name is resolved once, all its addresses are judged, and the connection goes to the one that was judged: a name that
leads elsewhere a moment later (DNS rebinding) leads nowhere. Redirects are not followed. Machines of one's own network
are reached only where the list names them by number and port (`10.0.0.7:8080`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from urllib.parse import unquote

import httpx

from serve.http.forms import clip_name

PORTS = {"http": 80, "https": 443}
CONNECT, SILENCE = 10.0, 30.0
"""Seconds for a connection, and for the next bytes."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class UrlError(ValueError):
    """An address that cannot be used; the message says why."""


class Sink(Protocol):
    """Where fetched bytes go."""

    async def write(self, data: bytes) -> None:
        """Take some more; raises where it is too much."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was checked, with the number that its name led to."""

    url: httpx.URL
    number: str

    @asynccontextmanager
    async def asking(
        self, method: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Ask it; the body is not read yet. UrlError where nobody answers."""
        told = {"Host": self.url.netloc.decode("ascii"), "Accept-Encoding": "identity", "User-Agent": "twofold"}
        limits = httpx.Timeout(SILENCE, connect=CONNECT)
        # No proxies or credentials from the environment, no redirects: nothing may lead elsewhere.
        async with httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=limits, verify=_trust()
        ) as client:
            request = client.build_request(
                method,
                self.url.copy_with(host=self.number),
                content=content,
                headers={**told, **(headers or {})},
                extensions={"sni_hostname": self.url.raw_host.decode("ascii")},
            )
            try:
                response = await client.send(request, stream=True)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                raise UrlError(f"{self.url.host} does not answer ({type(error).__name__}); try again later") from None
            try:
                yield response
            finally:
                await response.aclose()


async def fetch(url: str, allowed: Sequence[str], sink: Sink) -> str:
    """Fetch a clip; return what it is called. UrlError where it cannot be had."""
    target = await vet(url, allowed)
    async with target.asking("GET") as response:
        host = target.url.host
        if response.is_redirect:
            raise UrlError(f"{host} points elsewhere, and redirects are not followed; give the clip's own address")
        if response.status_code != 200:
            raise UrlError(f"{host} answers with status {response.status_code}, but a clip was expected")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise UrlError(f"{host} sends the clip compressed; it is taken as it is alone")
        try:
            async for data in response.aiter_raw():
                await sink.write(data)
        except (httpx.HTTPError, OSError) as error:
            raise UrlError(f"{host} broke off in the middle ({type(error).__name__}); try again later") from None
    return clip_name(unquote(target.url.path))


async def post(url: str, allowed: Sequence[str], content: bytes, headers: Mapping[str, str], *, seconds: float) -> int:
    """Tell an address something; return the status of its answer. UrlError or TimeoutError where it cannot be told."""
    async with asyncio.timeout(seconds):
        target = await vet(url, allowed)
        async with target.asking("POST", content=content, headers=headers) as response:
            return response.status_code


async def vet(url: str, allowed: Sequence[str]) -> Target:
    """Check an address and resolve its name; UrlError where it may not be used."""
    checked = named(url, allowed)
    host, port = _host(checked), _port(checked)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UrlError(f"there is no host {host}; check the address") from None
    numbers = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not _literally(checked, allowed) and (not numbers or not all(map(public, numbers))):
        raise UrlError(f"{host} is no public address; a clip is fetched from public hosts only")
    # Of both kinds, the older one is reached from more machines.
    return Target(checked, str(min(numbers, key=lambda number: number.version)))


def named(url: str, allowed: Sequence[str]) -> httpx.URL:
    """Check what an address says, asking nobody; UrlError where it is none, or its host is not on the list."""
    try:
        parsed = httpx.URL(url)
        host = _host(parsed)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise UrlError("this is no address; give one such as https://media.example.org/talk.mp4") from None
    if parsed.scheme not in PORTS or not host:
        raise UrlError("an address begins with https:// or http:// and a host; give one such")
    if parsed.userinfo:
        raise UrlError("an address may not hold a user or password; leave it out")
    if not any(_fits(host, parsed, entry.lower()) for entry in allowed):
        raise UrlError(f"{host} is not among the hosts that this server may ask; send the clip itself")
    return parsed


def public(address: Address) -> bool:
    """Whether an address belongs to the internet at large, and so does what it may stand for."""
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    if address.is_site_local:
        return False
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return all(public(one) for one in inner if one is not None)


@cache
def _trust() -> ssl.SSLContext:
    """Return whom to believe; it takes a while to read."""
    return httpx.create_ssl_context(trust_env=False)


def _fits(host: str, url: httpx.URL, entry: str) -> bool:
    """Whether an entry of the list names this host; without a port, it means the usual one."""
    if entry in (host, f"[{host}]"):
        return _port(url) == PORTS[url.scheme]
    if entry in (f"{host}:{_port(url)}", f"[{host}]:{_port(url)}"):
        return True
    return entry.startswith("*.") and host.endswith(entry[1:]) and _port(url) == PORTS[url.scheme]


def _literally(url: httpx.URL, allowed: Sequence[str]) -> bool:
    """Whether the list names exactly this number and port."""
    host = _host(url)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(entry.lower() in (f"{host}:{_port(url)}", f"[{host}]:{_port(url)}") for entry in allowed)


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").lower().rstrip(".")


def _port(url: httpx.URL) -> int:
    return url.port or PORTS[url.scheme]
