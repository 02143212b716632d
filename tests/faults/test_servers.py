"""Servers that drop, lie, trickle, redirect in circles or send pages: what is kept is the right file, or none."""

import hashlib
import http.server
import socket
import struct
import threading
import time

import numpy as np
import pytest

from scarena.base.errors import SourceError
from scarena.datasets import download as downloads
from scarena.datasets.card import parse_card
from scarena.datasets.sources import pull

CONTENT = np.random.default_rng(0).bytes(300_000)
PAGE = b"<html><body>Please sign in</body></html>"


@pytest.fixture
def server(monkeypatch):
    """A server on loopback that answers the n-th request as the n-th of a list of functions, then as the last."""
    monkeypatch.setattr(downloads, "_PAUSES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(downloads, "_TIMEOUT_S", 2)
    monkeypatch.setattr(downloads, "_GRACE_S", 0.5)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            found.asked.append(asked)
            step = found.steps[min(len(found.asked), len(found.steps)) - 1]
            try:
                step(self, int(asked[6:-1]) if asked else 0)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_):
            pass

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads, found.asked, found.steps = True, [], []
    threading.Thread(target=found.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{found.server_port}/data.bin"
    yield found
    found.shutdown()
    found.server_close()


def send(handler, body, code=200, length=None, **headers):
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for key, value in headers.items():
        handler.send_header(key.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def good(handler, start):
    send(handler, CONTENT[start:], 206 if start else 200)


def drop(handler, start):
    send(handler, CONTENT[start : start + 70_000], 206 if start else 200, length=len(CONTENT) - start)
    handler.close_connection = True


def reset(handler, start):
    """Send some of it, then have the kernel tear the connection down."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def trickle(handler, start):
    """Send a byte now and then: never silent long enough for a time-out between bytes."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    for byte in CONTENT[:200]:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.02)


def hang(handler, start):
    time.sleep(4)


def other(handler, start):
    send(handler, bytes(len(CONTENT)))


def longer(handler, start):
    send(handler, CONTENT + b"and more")


def short(handler, start):
    """Say that the file is shorter than it is."""
    send(handler, CONTENT, length=1000)


def wrong_part(handler, start):
    """Answer a range with the beginning of the file, as if it were the part that was asked for."""
    send(handler, CONTENT, 206)


def page(handler, start):
    send(handler, PAGE, Content_Type="text/html")


def circle(handler, start):
    send(handler, b"", 302, Location=handler.path)


def status(code):
    return lambda handler, start: send(handler, b"", code)


def garbage(handler, start):
    handler.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n")
    handler.close_connection = True


def chunked(handler, start):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for first in range(0, len(CONTENT), 50_000):
        part = CONTENT[first : first + 50_000]
        handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def broken_chunks(handler, start):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"zz\r\nwhat is this")
    handler.close_connection = True


RECOVERED = {
    "drops twice": [drop, drop, good],
    "resets": [reset, good],
    "hangs once": [hang, good],
    "trickles, then sends": [trickle, good],
    "busy, then sends": [status(503), status(429), good],
    "not HTTP, then sends": [garbage, good],
    "chunks": [chunked],
    "broken chunks, then whole": [broken_chunks, good],
    "drops, then forgets the range": [drop, lambda handler, start: send(handler, CONTENT)],
}
REFUSED = {
    "always drops": ([reset], "could not be downloaded"),
    "always hangs": ([hang], "could not be downloaded"),
    "always trickles": ([trickle], "could not be downloaded"),
    "another file": ([other], "sha256|checksum"),
    "more than the file": ([longer], "sha256|checksum"),
    "less than the file": ([short], "sha256|checksum"),
    "another part": ([drop, wrong_part], "sha256|checksum"),
    "a page": ([page], "web page"),
    "a page after a part": ([drop, page], "sha256|checksum|web page"),
    "redirects in a circle": ([circle], "could not be downloaded"),
    "forbidden": ([status(403)], "403"),
    "gone": ([status(410)], "410"),
    "always busy": ([status(503)], "503"),
    "not HTTP": ([garbage], "could not be downloaded"),
    "broken chunks": ([broken_chunks], "could not be downloaded"),
}


def pulled(server, cache):
    file = {"key": "data", "url": "https://somewhere/data.bin", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    raw = {"name": "d", "title": "d", "description": "d", "files": [file], "reader": {"name": "tables"}}
    card = parse_card(raw, "test")
    # A card may not name a server without encryption; this one has no certificate.
    here = tuple(file.model_copy(update={"url": server.url}) for file in card.files)
    return pull(card.model_copy(update={"files": here}), cache=cache)["data"]


@pytest.mark.parametrize("steps", RECOVERED.values(), ids=RECOVERED)
def test_a_server_that_comes_round_gives_the_right_file(server, steps, tmp_path):
    server.steps = steps
    assert pulled(server, tmp_path).read_bytes() == CONTENT
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [pulled(server, tmp_path)]


@pytest.mark.parametrize(("steps", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_the_file_is_one_line_and_never_has_its_name(server, steps, said, tmp_path):
    server.steps = steps
    with pytest.raises(SourceError, match=said) as caught:
        pulled(server, tmp_path)
    assert "\n" not in str(caught.value) and server.url in str(caught.value)
    final = hashlib.sha256(CONTENT).hexdigest()
    assert not [path for path in tmp_path.rglob("*") if path.name == final]
    # And it does not stand in the way of the right one.
    server.steps, server.asked = [good], []
    assert pulled(server, tmp_path).read_bytes() == CONTENT
