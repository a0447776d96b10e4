"""Fetch from the network what a source needs, and nothing that it should not reach.

Only http and https; an address whose host is, or resolves to, one that is not public (loopback, private, link-local, reserved) is
refused, and so is a redirect to one. The connection goes to the very address that was looked at, so that a name cannot resolve
twice in two ways. Replies are bounded in size and time, and requests to a host are spaced.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from emendo import __version__
from emendo.errors import SourceFailed

_AGENT = f"emendo/{__version__} (fact checking)"
_MOST_REDIRECTS = 3


@dataclass(frozen=True, kw_only=True)
class Fetcher:
    """How to fetch.

    Attributes:
        timeout: Seconds for a reply.
        most_bytes: A longer reply is refused.
        pause: Seconds between requests to a host.
        may_be_private: Whether addresses that are not public may be reached: only for a server that the user named.
        last: When each host was asked last.
    """

    timeout: float = 10.0
    most_bytes: int = 3_000_000
    pause: float = 0.2
    may_be_private: bool = False
    last: dict[str, float] = field(default_factory=dict, repr=False, compare=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def json(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """The JSON at an address; where there is a body, what is answered to it.

        Raises:
            SourceFailed: It cannot be fetched, or is none.
        """
        text = self.text(url, params, headers, body)
        try:
            return json.loads(text)
        except ValueError as error:
            raise SourceFailed(f"{_host(url)} answered with something that is no JSON.") from error

    def text(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> str:
        """The text at an address; where there is a body, what is answered to it.

        Raises:
            SourceFailed: The address may not be reached, or the reply is an error, too long or too late.
        """
        target = str(httpx.URL(url, params=dict(params))) if params else url
        for _ in range(_MOST_REDIRECTS + 1):
            # The user named one server; where it redirects to is a stranger's choice.
            is_named = _host(target) == _host(url)
            may_be_private = self.may_be_private and is_named
            status, location, answer = self._ask(target, headers or {}, body, may_be_private=may_be_private)
            if status in (301, 302, 303, 307, 308) and location:
                target = urljoin(target, location)
                # What was meant for one host is not for another.
                headers, body = (headers, body) if _host(target) == _host(url) else ({}, None)
                continue
            if status != 200:
                raise SourceFailed(f"{_host(target)} answered with status {status}.")
            return answer
        raise SourceFailed(f"{_host(url)} redirects more than {_MOST_REDIRECTS} times.")

    def _ask(
        self, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None, *, may_be_private: bool
    ) -> tuple[int, str, str]:
        parts = urlsplit(url)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            raise SourceFailed(f"'{parts.scheme}:' addresses are not fetched; only http and https are.")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            address = self._resolve(host, port, may_be_private=may_be_private)
        except (OSError, ValueError) as error:
            raise SourceFailed(f"{host} cannot be found ({error}).") from error
        self._wait(host)
        shown = f"[{address}]" if ":" in address else address
        direct = urlunsplit((parts.scheme, f"{shown}:{port}", parts.path or "/", parts.query, ""))
        sent = {"user-agent": _AGENT, **headers, "host": parts.netloc.rpartition("@")[2]}
        try:
            with (
                httpx.Client(timeout=self.timeout, trust_env=False, follow_redirects=False) as client,
                client.stream(
                    "GET" if body is None else "POST", direct, headers=sent, json=body, extensions={"sni_hostname": host}
                ) as answer,
            ):
                return answer.status_code, answer.headers.get("location", ""), self._read(answer, host)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceFailed(f"{host} does not answer ({type(error).__name__}).") from error

    def _read(self, answer: httpx.Response, host: str) -> str:
        held, started = bytearray(), time.monotonic()
        for piece in answer.iter_bytes():
            held += piece
            if len(held) > self.most_bytes:
                raise SourceFailed(f"{host} answered with more than {self.most_bytes:,} bytes.")
            if time.monotonic() - started > self.timeout:
                raise SourceFailed(f"{host} did not end its answer within {self.timeout:g} seconds.")
        return held.decode(answer.encoding or "utf-8", "replace")

    @staticmethod
    def _resolve(host: str, port: int, *, may_be_private: bool) -> str:
        """An address of the host that may be reached; every one must be."""
        found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if not may_be_private:
            closed = [address for address in found if not _is_public(address)]
            if closed:
                raise SourceFailed(f"{host} is at {closed[0]}, which is no public address; it is not fetched.")
        return found[0]

    def _wait(self, host: str) -> None:
        with self.lock:
            due = self.last.get(host, 0.0) + self.pause
            now = time.monotonic()
            self.last[host] = max(due, now)
        time.sleep(max(0.0, due - now))


def today() -> str:
    """The day, in UTC: what a live source finds may differ on another one."""
    return datetime.now(UTC).date().isoformat()


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    return bool(mapped.is_global) and not mapped.is_multicast


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the address"
