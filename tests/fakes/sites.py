"""Sites of the open internet, for tests: real TLS and HTTP between two ends of a socket pair, without a network."""

import datetime
import ipaddress
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hashcart.public_web import PublicWeb

HOSTS = ("amzn.to", "a.co", "amzn.eu", "amzn.asia", "amzn.in", "sho.rt", "long.sho.rt", "pages.example")
PUBLIC = "93.184.215.14"

type Reply = bytes | Callable[[ssl.SSLSocket], None]


@cache
def certificate() -> str:
    """The path of a certificate for all `HOSTS`, with its key; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sites")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([*map(x509.DNSName, HOSTS), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = Path(tempfile.mkdtemp()) / "site.pem"
    pkcs8 = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())
    )
    return str(path)


@cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    return context


@cache
def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate())


def redirect(location: str, status: int = 301) -> bytes:
    return b"HTTP/1.1 %d Moved\r\nSet-Cookie: a=b\r\nLocation: %s\r\n\r\n" % (status, location.encode())


def answer(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d Answer\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


class Sites:
    """Replies by `METHOD host/path`; `addresses` are what a look-up of a host finds, one answer after the other."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.addresses: dict[str, list[Sequence[str] | OSError]] = {}
        self.unreachable: set[str] = set()
        self.lookups: list[str] = []
        self.connections: list[str] = []
        self.requests: list[str] = []
        self.heads: list[str] = []

    def web(self, seconds: Callable[[], float] = time.monotonic) -> PublicWeb:
        """The internet with these sites and no others."""
        return PublicWeb(
            addresses_of=self._addresses_of, connect=self.connect, context=client_context(), seconds=seconds
        )

    def site(self, path: str, head: Reply, get: Reply | None = None) -> None:
        """`path` with its host. `get` is what GET answers, where HEAD answers something else."""
        self.replies[f"HEAD {path}"] = head
        self.replies[f"GET {path}"] = head if get is None else get

    def _addresses_of(self, host: str) -> Sequence[str]:
        self.lookups.append(host)
        found = self.addresses.get(host, [[PUBLIC]])
        answered = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answered, OSError):
            raise answered
        return answered

    def connect(self, address: str, timeout: float) -> socket.socket:
        """A connection to the site at an address, whichever that is."""
        assert timeout > 0
        self.connections.append(address)
        if address in self.unreachable:
            raise ConnectionRefusedError
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return ours

    def _serve(self, plain: socket.socket) -> None:
        try:
            with server_context().wrap_socket(plain, server_side=True) as secure:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += secure.recv(4096)
                self._reply(secure, head.decode("ascii"))
        except OSError:
            plain.close()  # the client refused the certificate, or did not wait

    def _reply(self, secure: ssl.SSLSocket, head: str) -> None:
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        host = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("host: "))
        request = f"{method} {host}{target}"
        self.heads.append(head)
        self.requests.append(request)
        reply = self.replies[request]
        if callable(reply):
            reply(secure)
        else:
            secure.sendall(reply)
