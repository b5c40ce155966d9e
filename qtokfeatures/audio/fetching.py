"""Downloads over http and https, with every limit enforced while they arrive."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import io
import ipaddress
import socket
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, BinaryIO, cast

from qtokfeatures.exceptions import AudioError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052

_MAX_REDIRECTS = 5
_PIECE = 2**16


def fetch(
    url: str, *, timeout_s: float, max_bytes: int, allow_private: bool | None = None
) -> tuple[BinaryIO, str]:
    """Fetch a URL into a temporary file, which the caller closes; return also its media type."""
    source = public_url(url)
    deadline = time.monotonic() + timeout_s
    body = tempfile.TemporaryFile()  # noqa: SIM115
    with contextlib.ExitStack() as on_error:
        on_error.callback(body.close)
        try:
            with _open(url, deadline, _Addresses(source, allow_private)) as response:
                content_type = _printable(response.headers.get_content_type())
                _copy(response, body, deadline, max_bytes, source)
        except AudioError:
            raise
        except urllib.error.HTTPError as error:
            error.close()
            raise AudioError(
                f"{source}: the server answered {error.code} {_printable(error.reason)}",
                source=source,
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unreachable(error, source, timeout_s) from error
        body.seek(0)
        on_error.pop_all()
    return body, content_type


def public_url(url: str) -> str:
    """Return a URL without the user and password it may hold, for errors and labels."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit(parts._replace(netloc=host))


def _printable(text: object) -> str:
    """Escape what a server sends for an error message, which a terminal may print."""
    return str(text)[:200].encode("unicode_escape").decode("ascii")


def _unreachable(error: Exception, source: str, timeout_s: float) -> AudioError:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, TimeoutError):
        text = f"not complete after timeout_s={timeout_s:g} seconds; allow more, or fetch it first"
    elif isinstance(error, (http.client.InvalidURL, ValueError)):
        text = f"is not a usable URL ({error})"
    elif isinstance(reason, ssl.SSLError):
        text = f"no secure connection ({reason})"
    else:
        text = f"cannot be reached or breaks off ({reason or type(error).__name__})"
    return AudioError(f"{source}: {text}", source=source)


def _copy(
    response: http.client.HTTPResponse, body: BinaryIO, deadline: float, max_bytes: int, source: str
) -> None:
    declared = response.length
    if declared is not None and declared > max_bytes:
        raise _too_large(source, max_bytes, f"{declared} bytes announced")
    received = 0
    while piece := response.read1(min(_PIECE, max_bytes + 1 - received)):
        received += len(piece)
        if received > max_bytes:
            raise _too_large(source, max_bytes, "more arrived")
        body.write(piece)
        if time.monotonic() > deadline:
            raise TimeoutError
    if declared is not None and received < declared:
        raise AudioError(
            f"{source}: truncated, the server announced {declared} bytes and sent {received}; "
            "try again",
            source=source,
        )


def _too_large(source: str, max_bytes: int, how: str) -> AudioError:
    return AudioError(
        f"{source}: larger than max_bytes={max_bytes} ({how}); allow more, or fetch it first",
        source=source,
    )


def _open(url: str, deadline: float, addresses: _Addresses) -> http.client.HTTPResponse:
    opener = urllib.request.OpenerDirector()  # bare: knows no file:, ftp: or data:
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _HTTPHandler(deadline, addresses),
        _HTTPSHandler(deadline, addresses),
        _Redirects(addresses.source),
    ):
        opener.add_handler(handler)
    request = _request(url)
    return cast(http.client.HTTPResponse, opener.open(request, timeout=_left(deadline)))


def _request(url: str) -> urllib.request.Request:
    parts = urllib.parse.urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    escaped = urllib.parse.urlunsplit(parts._replace(netloc=ascii_host, fragment=""))
    escaped = urllib.parse.quote(escaped, safe="%/:=&?~+!$,;'@()*[]")
    request = urllib.request.Request(  # noqa: S310  (the opener knows http and https only)
        escaped,
        headers={"User-Agent": "qtokfeatures", "Accept": "*/*", "Accept-Encoding": "identity"},
    )
    if credentials:
        token = base64.b64encode(urllib.parse.unquote(credentials).encode()).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = max_repeats = _MAX_REDIRECTS + 1  # counted below

    def __init__(self, source: str) -> None:
        self._source = source

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        target = urllib.parse.urljoin(req.full_url, headers.get("location") or "")
        if urllib.parse.urlsplit(target).scheme not in ("http", "https"):
            raise self._refused(f"redirects to {_printable(target)}, which is not http or https")
        if sum(getattr(req, "redirect_dict", {}).values()) >= _MAX_REDIRECTS:
            raise self._refused(f"redirects more than {_MAX_REDIRECTS} times")
        known = 307 if code == 308 else code  # the same; Python 3.10 does not know 308
        return super().http_error_302(req, fp, known, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def _refused(self, why: str) -> AudioError:
        return AudioError(f"{self._source}: {why}; not followed", source=self._source)


class _Addresses:
    """Decides which addresses one download, with its redirects, may connect to."""

    def __init__(self, source: str, allow_private: bool | None) -> None:
        self.source, self._allow_private = source, allow_private
        self._first: _Address | None = None

    def connect(self, host_and_port: tuple[str, int], timeout: float, _: Any) -> socket.socket:
        """Connect as :func:`socket.create_connection` does, to addresses checked before."""
        host, port = host_and_port
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for *_, address in found:
            self.check(str(address[0]))
        error: OSError = OSError(f"no address of {host}")
        for family, kind, protocol, _, address in found:
            connected = socket.socket(family, kind, protocol)
            connected.settimeout(timeout / len(found))
            try:
                connected.connect(address)
            except OSError as refused:
                connected.close()
                error = refused
            else:
                connected.settimeout(timeout)
                return connected
        raise error

    def check_literal(self, host: str) -> None:
        """Check the host of a URL that a proxy fetches, where it is an address itself."""
        literal = "127.0.0.1" if host == "localhost" else host
        try:
            ipaddress.ip_address(literal)
        except ValueError:
            return  # a name, which the proxy looks up
        self.check(literal)

    def check(self, host: str) -> None:
        """Raise where an address is private and may not be connected to."""
        address = ipaddress.ip_address(host.partition("%")[0])
        address = _inner(address)
        first = self._first = self._first or address
        if self._allow_private or address.is_global:
            return
        if self._allow_private is False:
            raise AudioError(
                f"{self.source}: is at {address}, a private address, which allow_private=False "
                "refuses",
                source=self.source,
            )
        # Someone who can only reach this machine must not read from hosts that only it can reach.
        if address != first and (first.is_global or address.is_link_local):
            raise AudioError(
                f"{self.source}: redirects to {address}, a private address; not followed, unless "
                "allow_private=True",
                source=self.source,
            )


def _inner(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 address leads to, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class _DeadlineReader(io.RawIOBase):
    """A socket's bytes, each wait limited by what is left until the deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._socket, self._deadline = connection, deadline
        self._raw = cast(io.RawIOBase, connection.makefile("rb", buffering=0))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(_left(self._deadline))
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_DeadlineReader(sock, deadline))


class _HTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, deadline: float, addresses: _Addresses) -> None:
        super().__init__()
        self._deadline, self._addresses = deadline, addresses

    def http_open(self, req: urllib.request.Request) -> Any:
        connect = _connect(http.client.HTTPConnection, req, self._deadline, self._addresses)
        return self.do_open(connect, req)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, deadline: float, addresses: _Addresses) -> None:
        super().__init__()
        self._deadline, self._addresses = deadline, addresses

    def https_open(self, req: urllib.request.Request) -> Any:
        connect = _connect(http.client.HTTPSConnection, req, self._deadline, self._addresses)
        return self.do_open(connect, req)


def _connect(kind: Any, request: Any, deadline: float, addresses: _Addresses) -> Any:
    """Return a factory of connections that keep to the deadline and to allowed addresses."""
    is_proxied = request.has_proxy() or getattr(request, "_tunnel_host", None)

    def connection(host: str, *, timeout: float, **options: Any) -> Any:
        made = kind(host, timeout=_left(deadline), **options)
        made.response_class = functools.partial(_Response, deadline=deadline)
        if is_proxied:
            addresses.check_literal(urllib.parse.urlsplit(request.full_url).hostname or "")
        else:
            made._create_connection = addresses.connect  # noqa: SLF001  (since Python 2.7)
        return made

    return connection
