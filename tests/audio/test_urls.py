"""Audio over http, from a server of our own on 127.0.0.1."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from qtokfeatures.audio import iter_blocks, load_audio, load_many
from qtokfeatures.exceptions import AudioError, InputError

Request = http.server.BaseHTTPRequestHandler


class Server(http.server.ThreadingHTTPServer):
    """Answers each path by what `routes` has for it, and keeps what was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes: dict[str, Callable[[Request], None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(Request):
    server: Server

    def do_GET(self):  # noqa: N802  (the name is http.server's)
        self.server.asked.append((self.path, dict(self.headers)))
        route = self.server.routes.get(self.path.partition("?")[0])
        with contextlib.suppress(ConnectionError):
            route(self) if route else self.send_error(404)

    def log_message(self, *_args):
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def body(data: bytes, *, length: int | None = None, kind: str = "audio/wav"):
    """Return a route that answers with `data`, announcing `length`, by default the true one."""

    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data) if length is None else length))
        request.end_headers()
        request.wfile.write(data)

    return answer


def unannounced(data: bytes, *, times: int = 1):
    """Return a route that sends `data` so many times, without saying how long it is."""

    def answer(request: Request) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(times):
            request.wfile.write(data)

    return answer


def chunked(data: bytes, *, ends: bool = True):
    def answer(request: Request) -> None:
        request.protocol_version = "HTTP/1.1"
        request.close_connection = True
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for start in range(0, len(data), 5000):
            piece = data[start : start + 5000]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        request.wfile.write(b"0\r\n\r\n" if ends else b"")

    return answer


def redirect(target: str, code: int = 302):
    def answer(request: Request) -> None:
        request.send_response(code)
        request.send_header("Location", target)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def dripping(first: bytes, drop: bytes, *, every_s: float = 0.05):
    """Return a route that never ends, and never leaves a read waiting for long."""

    def answer(request: Request) -> None:
        request.wfile.write(first)
        for _ in range(200):
            request.wfile.write(drop)
            time.sleep(every_s)

    return answer


def fails(url: str, match: str, **options) -> AudioError:
    with pytest.raises(AudioError, match=match) as caught:
        load_audio(url, **{"timeout_s": 10, **options})
    assert str(caught.value).startswith(caught.value.source)
    return caught.value


# ---------------------------------------------------------------------------- what works


def test_url(server, wav_bytes, sound):
    server.routes["/sound.wav"] = body(wav_bytes)
    clip = load_audio(server.url("/sound.wav"))
    np.testing.assert_array_equal(clip.y, sound)
    assert clip.source == server.url("/sound.wav")
    [(_, headers)] = server.asked
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"] == "qtokfeatures"


@pytest.mark.parametrize("answer", [unannounced, chunked])
def test_url_of_unannounced_length(answer, server, wav_bytes, sound):
    server.routes["/sound"] = answer(wav_bytes)
    np.testing.assert_array_equal(load_audio(server.url("/sound")).y, sound)


def test_url_with_spaces_letters_query_and_fragment(server, wav_bytes, sound):
    server.routes["/a%20%C3%BC.wav"] = body(wav_bytes)
    assert load_audio(server.url("/a ü.wav?key=a/b+c%20d&x=[1]#part")).n_samples == sound.size
    assert server.asked[0][0] == "/a%20%C3%BC.wav?key=a/b+c%20d&x=[1]"


def test_password_is_sent_and_not_shown(server, wav_bytes, encoded):
    server.routes["/sound.wav"] = body(wav_bytes)
    server.routes["/away"] = redirect("/sound.wav")
    url = server.url("/away").replace("http://", "http://me:se%40cret@")
    clip = load_audio(url)
    assert clip.source == server.url("/away")
    asked = dict(server.asked)
    assert asked["/away"]["Authorization"] == "Basic bWU6c2VAY3JldA=="
    assert "Authorization" not in asked["/sound.wav"]
    error = fails(url.replace("/away", "/nowhere"), "answered 404")
    assert "cret" not in str(error)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed(code, server, wav_bytes, sound):
    server.routes["/old"] = redirect("/older", code)
    server.routes["/older"] = redirect(server.url("/sound"), code)
    server.routes["/sound"] = body(wav_bytes)
    clip = load_audio(server.url("/old"))
    assert (clip.n_samples, clip.source) == (sound.size, server.url("/old"))


def test_blocks_of_a_url(server, wav_bytes, sound):
    server.routes["/sound"] = body(wav_bytes)
    blocks = list(iter_blocks(server.url("/sound"), block_s=0.1))
    np.testing.assert_array_equal(np.concatenate(blocks), sound)


def test_urls_in_a_batch(server, wav_bytes):
    server.routes["/sound"] = body(wav_bytes)
    loaded = dict(load_many([server.url("/no"), server.url("/sound")], on_error="skip"))
    assert isinstance(loaded[0], AudioError)
    assert loaded[1].duration_s == 0.3


# ---------------------------------------------------------------------------- what the server says


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 500, 503])
def test_http_status(code, server):
    server.routes["/x"] = lambda request: request.send_error(code)
    fails(server.url("/x"), rf"/x: the server answered {code} \w+")


def test_reason_of_a_server_is_escaped(server):
    server.routes["/x"] = lambda request: request.send_error(404, "\x1b[31mred\x07")
    error = fails(server.url("/x"), r"answered 404 \\x1b\[31mred\\x07")
    assert str(error).isprintable()


def test_page_instead_of_audio(server):
    server.routes["/x"] = body(b"<html>Please log in</html>" * 20, kind="text/html; charset=utf-8")
    fails(server.url("/x"), "not audio .* the server calls it text/html")


def test_empty_answer(server):
    server.routes["/x"] = body(b"")
    fails(server.url("/x"), r"is empty \(0 bytes\)")


def test_too_many_redirects(server):
    server.routes.update({f"/{n}": redirect(f"/{n + 1}") for n in range(9)})
    fails(server.url("/0"), "redirects more than 5 times; not followed")
    assert len(server.asked) == 6


def test_redirect_in_a_circle(server):
    server.routes["/x"] = redirect("/x")
    fails(server.url("/x"), "redirects more than 5 times; not followed")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a.wav", "data:,x"])
def test_redirect_to_something_else(target, server):
    server.routes["/x"] = redirect(target)
    fails(server.url("/x"), f"redirects to {target}, which is not http or https; not followed")


def test_redirect_to_nowhere(server):
    def answer(request: Request) -> None:
        request.send_response(302)
        request.end_headers()

    server.routes["/x"] = answer
    fails(server.url("/x"), "the server answered 302 Found")


# ---------------------------------------------------------------------------- private addresses

PUBLIC, PRIVATE = "93.184.216.34", "10.1.2.3"


@pytest.fixture
def network(server, monkeypatch):
    """Give names addresses, all of which are answered by `server`."""
    names = {"public.test": PUBLIC, "inner.test": PRIVATE, "meta.test": "169.254.169.254",
             "mapped.test": "::ffff:10.1.2.3", "translated.test": "64:ff9b::a01:203",
             "tunnel.test": "2002:a01:203::1"}  # fmt: skip
    reached = []
    connect = socket.socket.connect

    def getaddrinfo(host, port, *_args, **_options):
        address = names.get(host, host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def reroute(self, address):
        reached.append(address[0])
        connect(self, ("127.0.0.1", server.server_port))

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", reroute)
    return reached


@pytest.mark.parametrize(
    "target",
    [
        "inner.test",
        "meta.test",
        "mapped.test",
        "translated.test",
        "tunnel.test",
        "127.0.0.1",
        "[fe80::1]",
    ],
)
def test_redirect_from_public_to_private_is_not_followed(target, server, network, wav_bytes):
    server.routes["/x"] = redirect(f"http://{target}/y")
    server.routes["/y"] = body(wav_bytes)
    fails("http://public.test/x", r"redirects to \S+, a private address; not followed, unless")
    assert network == [PUBLIC]
    assert load_audio("http://public.test/x", allow_private=True).n_samples == 14_400


def test_redirect_to_a_metadata_service_is_never_followed(server, network, wav_bytes):
    server.routes["/x"] = redirect("http://meta.test/y")
    fails("http://inner.test/x", r"redirects to 169\.254\.169\.254, a private address")
    assert network == [PRIVATE]


def test_redirect_among_public_or_among_private_hosts_is_followed(server, network, wav_bytes):
    server.routes["/x"] = redirect("http://public.test/y")
    server.routes["/y"] = body(wav_bytes)
    assert load_audio("http://public.test/x", allow_private=False).n_samples == 14_400
    server.routes["/x"] = redirect("http://inner.test/y")
    assert load_audio("http://127.0.0.1/x").n_samples == 14_400


@pytest.mark.parametrize("host", ["inner.test", "127.0.0.1", "mapped.test", "translated.test"])
def test_server_refuses_private_addresses(host, network):
    options = {"allow_private": False}
    expected = r"is at \S+, a private address, which allow_private=False refuses"
    fails(f"http://{host}/x", expected, **options)
    with pytest.raises(AudioError, match=expected):
        list(iter_blocks(f"http://{host}/x", **options))
    [(_, error)] = load_many([f"http://{host}/x"], on_error="skip", **options)
    assert isinstance(error, AudioError)
    assert network == []


def test_server_refuses_file_urls(wav):
    fails(wav.as_uri(), r"file:// is not read with allow_private=False", allow_private=False)
    assert load_audio(wav, allow_private=False).n_samples == 14_400


@pytest.mark.parametrize("target", ["http://10.1.2.3/y", "http://localhost/y"])
def test_redirect_through_a_proxy(target, server, monkeypatch, wav_bytes):
    monkeypatch.setenv("http_proxy", server.url("").rstrip("/"))
    server.routes["http://93.184.216.34/x"] = redirect(target)
    server.routes["http://93.184.216.34/y"] = body(wav_bytes)
    fails("http://93.184.216.34/x", "a private address; not followed")
    assert load_audio("http://93.184.216.34/y").n_samples == 14_400


def test_wrong_allow_private():
    with pytest.raises(InputError, match="allow_private is True, False or None, got 'no'"):
        load_audio("http://public.test/x", allow_private="no")


# ---------------------------------------------------------------------------- sizes


def test_download_of_hours_is_refused(server, encoded):
    flac = bytearray(encoded(np.zeros(480), "FLAC"))
    flac[21:26] = bytes([flac[21] & 0xF0]) + (0xFFFF_FFFF).to_bytes(4, "big")
    server.routes["/x"] = body(bytes(flac))
    fails(server.url("/x"), r"89478\.49 s or more is longer than max_duration_s=7200")
    fails(server.url("/x"), "truncated|decoding fails", max_duration_s=float("inf"))


def test_announced_too_large(server, wav_bytes):
    server.routes["/x"] = body(wav_bytes)
    expected = rf"larger than max_bytes=1000 \({len(wav_bytes)} bytes announced\)"
    fails(server.url("/x"), expected, max_bytes=1000)
    assert load_audio(server.url("/x"), max_bytes=len(wav_bytes)).n_samples == 14_400


def test_too_large_without_announcement(server):
    server.routes["/x"] = unannounced(bytes(100_000), times=1000)
    fails(server.url("/x"), r"larger than max_bytes=250000 \(more arrived\)", max_bytes=250_000)


def test_more_than_announced_is_not_read(server, wav_bytes):
    server.routes["/x"] = body(wav_bytes, length=10_000)
    fails(server.url("/x"), "truncated, its header promises 28800 bytes of data and 9956 are there")


def test_less_than_announced(server, wav_bytes):
    server.routes["/x"] = body(wav_bytes[:20_000], length=len(wav_bytes))
    fails(server.url("/x"), "truncated, the server announced 28844 bytes and sent 20000")


def test_broken_off_between_chunks(server, wav_bytes):
    server.routes["/x"] = chunked(wav_bytes, ends=False)
    fails(server.url("/x"), "cannot be reached or breaks off")


@pytest.mark.parametrize("length", ["many", "-5", ""])
def test_senseless_length(length, server, wav_bytes, sound):
    server.routes["/x"] = body(wav_bytes, length=length)
    assert load_audio(server.url("/x")).n_samples == sound.size


# ---------------------------------------------------------------------------- time

TIMEOUT = "not complete after timeout_s=0.4 seconds"


def in_time(url: str, match: str = TIMEOUT) -> None:
    start = time.monotonic()
    fails(url, match, timeout_s=0.4)
    assert time.monotonic() - start < 3


def test_silent_server(server):
    server.routes["/x"] = lambda request: time.sleep(5)
    in_time(server.url("/x"))


def test_body_that_drips(server):
    """Each read is answered soon; only the whole takes too long."""
    server.routes["/x"] = dripping(b"HTTP/1.0 200 OK\r\n\r\n", b"R")
    in_time(server.url("/x"))


def test_headers_that_drip(server):
    server.routes["/x"] = dripping(b"HTTP/1.0 200 OK\r\n", b"X-More: 1\r\n")
    in_time(server.url("/x"))


def test_header_line_that_drips(server):
    server.routes["/x"] = dripping(b"HTTP/1.0 200 OK\r\nX-Long: ", b"x")
    in_time(server.url("/x"))


def test_chunks_that_drip(server):
    first = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.routes["/x"] = dripping(first, b"1\r\nR\r\n")
    in_time(server.url("/x"))


def test_redirects_share_the_time(server):
    def slow(request: Request) -> None:
        time.sleep(0.15)
        redirect("/x")(request)

    server.routes["/x"] = slow
    in_time(server.url("/x"))


# ---------------------------------------------------------------------------- no server


def test_nobody_listens():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        fails(f"http://127.0.0.1:{port}/a.wav", r"cannot be reached or breaks off \(.*refused")


def test_no_http_behind_the_port(server):
    server.routes["/x"] = lambda request: request.wfile.write(b"220 mail.example.org\r\n")
    fails(server.url("/x"), "cannot be reached or breaks off")


def test_connection_closed_at_once(server):
    server.routes["/x"] = lambda request: None
    fails(server.url("/x"), "cannot be reached or breaks off")


def test_https_that_is_none(server):
    fails(server.url("/x").replace("http:", "https:"), "no secure connection")


@pytest.mark.parametrize(
    "url",
    ["http://", "http:///a.wav", "http://127.0.0.1:port/a.wav", "http://127.0.0.1:99999/a.wav",
     "http://[::1/a.wav", "http://a\nb/c.wav", "http://" + "a" * 70 + ".invalid/a.wav"],
    ids=lambda url: repr(url)[:24],
)  # fmt: skip
def test_url_without_sense(url):
    fails(url, "is not a usable URL|cannot be reached")


def test_unknown_host(monkeypatch):
    def unknown(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    fails("http://nowhere.invalid/a.wav", r"cannot be reached .*Name or service not known")
