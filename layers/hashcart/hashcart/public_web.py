"""Single requests to hosts of the open internet that a stranger's link leads to.

Such a link must not reach into the network that a function runs in. So a host is looked up once, all of its addresses
have to be public, and the connection goes to exactly the address that was checked, while the certificate has to be the
host's: a name that changes its address between the check and the connection gains nothing. Only https on its own port
is spoken; nothing is followed, no cookie is kept; time and size are limited as a whole, however the answer drips.
"""

import io
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

from hashcart.domain.web_addresses import WebAddress
from hashcart.http import USER_AGENT, Answer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HTTPS_PORT = 443
MAX_HEAD_BYTES = 64 * 1024
MAX_ADDRESSES = 4
"""How many addresses of a host are tried, if the first do not answer."""

_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_KEPT_IN_TARGET = "/%-._~!$&'()*+,;=:@?"


class RefusedError(Exception):
    """The address must not be asked, or the host is not who it says; asking again would not help."""


class NoAnswerError(Exception):
    """There was no complete answer in time; there may be one later."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet: not private, local, reserved, multicast or unknown."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        ip = _inner(ip)
    is_unicast = ip in _UNICAST if isinstance(ip, IPv6Address) else not (ip.is_multicast or ip.is_reserved)
    return ip.is_global and is_unicast


def _inner(ip: IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip


def addresses_of(host: str) -> list[str]:
    """The addresses of a host, looked up now. Raises OSError."""
    found = socket.getaddrinfo(host, HTTPS_PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect(address: str, timeout: float) -> socket.socket:
    """A connection to an IP address. Raises OSError."""
    return socket.create_connection((address, HTTPS_PORT), timeout=timeout)


class PublicWeb:
    """Asks hosts of the open internet. The parameters are for tests; `seconds` is a monotonic clock."""

    def __init__(
        self,
        *,
        addresses_of: Callable[[str], Sequence[str]] = addresses_of,
        connect: Callable[[str, float], socket.socket] = connect,
        context: ssl.SSLContext | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._addresses_of = addresses_of
        self._connect = connect
        self._context = context
        self._seconds = seconds

    def ask(self, method: str, address: WebAddress, *, deadline: float, max_bytes: int = 0) -> Answer:
        """One request, without its body unless `max_bytes` allows one. `deadline` is a moment of the clock.

        Raises RefusedError and NoAnswerError.
        """
        if address.scheme != "https" or address.port is not None:
            raise RefusedError("not https")
        try:
            with self._open(address.host, deadline) as secure:
                connection = HTTPConnection(address.host)
                connection.sock = _TimedSocket(secure, lambda: self._left(deadline), MAX_HEAD_BYTES + max_bytes)
                connection.request(method, _target(address), headers=_HEADERS)
                response = connection.getresponse()
                body = response.read(max_bytes + 1) if max_bytes else b""
        except ssl.SSLCertVerificationError as error:
            raise RefusedError("bad certificate") from error
        except (OSError, HTTPException) as error:
            raise NoAnswerError(type(error).__name__) from error
        if len(body) > max_bytes:
            raise RefusedError("too long")
        return Answer(response.status, {name.lower(): value for name, value in reversed(response.getheaders())}, body)

    def _open(self, host: str, deadline: float) -> ssl.SSLSocket:
        errors = []
        for address in self._checked_addresses(host)[:MAX_ADDRESSES]:
            try:
                plain = self._connect(address, self._left(deadline))
            except OSError as error:
                errors.append(error)
                continue
            try:
                plain.settimeout(self._left(deadline))
                return self._ssl_context().wrap_socket(plain, server_hostname=host)
            except OSError:
                plain.close()
                raise
        raise errors[-1]

    def _checked_addresses(self, host: str) -> Sequence[str]:
        try:
            addresses = self._addresses_of(host)
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME:
                raise RefusedError("no such host") from error
            raise
        if not addresses or not all(map(is_public, addresses)):
            raise RefusedError("not a public address")
        return addresses

    def _ssl_context(self) -> ssl.SSLContext:
        # Loading the system's certificates takes a while, and most invocations need none.
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context

    def _left(self, deadline: float) -> float:
        left = deadline - self._seconds()
        if left <= 0:
            raise TimeoutError
        return left


_HEADERS = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity", "connection": "close"}


def _target(address: WebAddress) -> str:
    query = f"?{address.query}" if address.query else ""
    return quote((address.path or "/") + query, safe=_KEPT_IN_TARGET)


class _TimedSocket:
    """What `http.client` needs of a socket, with one time limit and one size limit for all that it reads."""

    def __init__(self, secure: ssl.SSLSocket, left: Callable[[], float], max_bytes: int) -> None:
        self._secure = secure
        self._left = left
        self._max_bytes = max_bytes

    def sendall(self, data: bytes) -> None:
        self._secure.settimeout(self._left())
        self._secure.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._secure, self._left, self._max_bytes))

    def close(self) -> None:
        """Nothing yet: `http.client` closes before the body is read, and `PublicWeb` when it was."""


class _TimedReader(io.RawIOBase):
    def __init__(self, secure: ssl.SSLSocket, left: Callable[[], float], max_bytes: int) -> None:
        super().__init__()
        self._secure = secure
        self._left = left
        self._unread = max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if self._unread <= 0:
            raise HTTPException("the answer is too long")
        self._secure.settimeout(self._left())
        length = self._secure.recv_into(buffer)
        self._unread -= length
        return length
