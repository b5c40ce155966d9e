"""Downloads from a hub, and everything that can go wrong with them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import load, save
from typer.testing import CliRunner

import qtokfeatures as qt
from qtokfeatures.apps.cli import app
from qtokfeatures.exceptions import CodecError

NAME = "Qwen/Qwen3-TTS-Tokenizer-12Hz"

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_PATH = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass
class Hub:
    """What is on the hub, how it misbehaves, and what was asked of it."""

    repository: str
    files: dict[str, bytes]
    cut_after: int | None = None
    cuts_left: int = 0
    status: int | None = None
    error_code: str = ""
    false_hashes: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)

    def got(self, file: str) -> list[str | None]:
        """Return the ranges of `file` that were asked for with GET."""
        return [part for method, name, part in self.asked if (method, name) == ("GET", file)]


class Server(ThreadingHTTPServer):
    """A hub on 127.0.0.1: enough of its protocol to download files, and ways to fail."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def log_message(self, *args):
        pass

    def answer(self, *, with_body):
        hub, match = self.server.hub, _PATH.fullmatch(self.path)
        if hub.status is not None:
            return self.refuse(hub.error_code, hub.status)
        if match is None or match["repository"] != hub.repository:
            return self.refuse("RepoNotFound", 401)
        if match["revision"] not in ("main", COMMIT):
            return self.refuse("RevisionNotFound", 404)
        hub.asked.append((self.command, match["file"], self.headers.get("Range")))
        if match["file"] not in hub.files:
            return self.refuse("EntryNotFound", 404)
        content = hub.files[match["file"]]
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        self.send_head(match["file"], content, start)
        return self.send_body(content[start:], match["file"]) if with_body else None

    def refuse(self, code, status):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_head(self, file, content, start):
        false = self.server.hub.false_hashes
        digest = false.get(file, hashlib.sha256(content).hexdigest())
        git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        self.send_response(206 if start else 200)
        if start:
            end, size = len(content) - 1, len(content)
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{false.get(file, git.hexdigest())}"')
        if file.endswith(".safetensors"):
            self.send_header("X-Linked-Etag", f'"{digest}"')
            self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()

    def send_body(self, body, file):
        hub = self.server.hub
        if hub.cuts_left and file.endswith(".safetensors"):
            hub.cuts_left -= 1
            body = body[: hub.cut_after]
            self.close_connection = True
        self.wfile.write(body)


@pytest.fixture
def hub(golden_folder, monkeypatch, tmp_path):
    """A hub with the small checkpoint under the real one's name, and an empty cache."""
    files = {path.name: path.read_bytes() for path in golden_folder.iterdir()}
    hub = Hub(NAME, files)
    server = Server(hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    yield hub
    server.shutdown()
    server.server_close()


def test_the_name_downloads_what_is_needed_and_nothing_else(hub, qwen, golden):
    codec = qt.load_codec(NAME, device="cpu")
    assert {name for _, name, _ in hub.asked} == {"config.json", "model.safetensors"}
    assert codec.spec.name == NAME
    assert codec.spec.revision == COMMIT
    assert codec.spec.fingerprint == qwen.spec.fingerprint
    np.testing.assert_array_equal(
        codec.encode(golden["wave_0"], sr=24_000), qwen.encode(golden["wave_0"], sr=24_000)
    )


def test_the_second_time_nothing_is_downloaded(hub):
    qt.load_codec("qwen-tts-tokenizer-12hz")
    hub.asked.clear()
    qt.load_codec(NAME)
    assert all(method == "HEAD" for method, _, _ in hub.asked)
    hub.asked.clear()
    assert qt.load_codec(NAME, revision=COMMIT).spec.revision == COMMIT
    assert hub.asked == []


def test_what_was_downloaded_loads_without_a_network(hub, monkeypatch):
    qt.load_codec(NAME)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert qt.load_codec(NAME).spec.revision == COMMIT
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert qt.load_codec(NAME).spec.revision == COMMIT


def test_a_connection_that_is_cut_is_taken_up_again(hub, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)  # 10 MB for real files
    hub.cut_after, hub.cuts_left = 700_000, 2
    assert qt.load_codec(NAME).spec.revision == COMMIT
    assert hub.got("model.safetensors") == [None, "bytes=700000-", "bytes=1400000-"]


def test_a_connection_that_is_always_cut_is_an_error_and_leaves_nothing(hub, tmp_path):
    hub.cut_after, hub.cuts_left = 0, 100
    with pytest.raises(CodecError, match=r"model\.safetensors .* could not be downloaded"):
        qt.load_codec(NAME)
    hub.cuts_left = 0
    assert qt.load_codec(NAME).spec.revision == COMMIT


def test_weights_of_another_hash_are_refused_and_removed(hub, tmp_path):
    hub.false_hashes["model.safetensors"] = "ab" * 32
    with pytest.raises(CodecError, match=f"but the hub states {'ab' * 32}"):
        qt.load_codec(NAME)
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    hub.false_hashes.clear()
    assert qt.load_codec(NAME).spec.revision == COMMIT


def test_weights_that_were_damaged_in_the_cache_are_fetched_again(hub, tmp_path):
    qt.load_codec(NAME)
    (weights,) = (tmp_path / "cache").rglob("model.safetensors")
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.resolve().write_bytes(content)
    with pytest.raises(CodecError, match="damaged in transit or on disk"):
        qt.load_codec(NAME)
    assert qt.load_codec(NAME).spec.revision == COMMIT


def test_a_small_file_that_was_truncated_in_the_cache_is_fetched_again(hub, tmp_path, monkeypatch):
    qt.load_codec(NAME)
    (config,) = (tmp_path / "cache").rglob("config.json")
    content = config.read_bytes()
    config.resolve().write_bytes(content[:100])
    assert qt.load_codec(NAME).spec.revision == COMMIT
    assert config.read_bytes() == content
    config.resolve().write_bytes(content[:100])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CodecError, match=r"config\.json .* was damaged .* removed: .* not in the"):
        qt.load_codec(NAME)


def test_a_full_disk_is_quoted(hub, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    with pytest.raises(CodecError, match=r"could not be downloaded: .*No space left on device"):
        qt.load_codec(NAME)


def test_a_small_file_that_always_differs_is_refused_after_two_downloads(hub, tmp_path):
    hub.false_hashes["config.json"] = "ab" * 20
    with pytest.raises(CodecError, match=f"config.json .*but the hub states {'ab' * 20}"):
        qt.load_codec(NAME)
    assert hub.got("config.json") == [None, None]
    assert not list((tmp_path / "cache").rglob("config.json"))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "refuses it .HTTP 401.: .* give a token"),
        (403, "refuses it .HTTP 403.: .* `hf auth login`, or the variable HF_TOKEN"),
        (429, "too many requests from here .HTTP 429.: wait"),
        (500, "of its own .HTTP 500.: try again later"),
        (503, "of its own .HTTP 503.: try again later"),
    ],
)
def test_a_hub_that_refuses_is_quoted(hub, status, message):
    hub.status = status
    with pytest.raises(CodecError, match=message) as caught:
        qt.load_codec(NAME)
    assert "cannot be reached" not in str(caught.value)


def test_a_gated_repository_is_said(hub):
    hub.status, hub.error_code = 403, "GatedRepo"
    with pytest.raises(CodecError, match=f"{NAME} is not accessible to you: .*HTTP 403.*HF_TOKEN"):
        qt.load_codec(NAME)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(hub, file):
    del hub.files[file]
    with pytest.raises(CodecError, match=rf"{NAME} has no .*{file}"):
        qt.load_codec(NAME)


def test_shards_are_fetched_by_their_index(hub, checkpoint, qwen):
    tensors = load(hub.files.pop("model.safetensors"))
    names = sorted(tensors)
    parts = {"a.safetensors": names[:100], "b.safetensors": names[100:]}
    for file, held in parts.items():
        hub.files[file] = save({name: tensors[name] for name in held})
    index = {name: file for file, held in parts.items() for name in held}
    hub.files["model.safetensors.index.json"] = json.dumps({"weight_map": index}).encode()
    assert qt.load_codec(NAME).spec.fingerprint == qwen.spec.fingerprint


def test_the_tokenizer_of_a_checkpoint_for_speech_synthesis_is_fetched_alone(hub, qwen):
    hub.files = {f"speech_tokenizer/{name}": content for name, content in hub.files.items()}
    hub.files["config.json"] = b'{"model_type": "qwen3_tts"}'
    hub.files["model.safetensors"] = b"not to be touched"
    hub.repository = "Qwen/Qwen3-TTS-12Hz"
    codec = qt.load_codec(hub.repository)
    assert (codec.spec.name, codec.spec.fingerprint) == (hub.repository, qwen.spec.fingerprint)
    assert hub.got("model.safetensors") == []


def test_a_model_of_another_kind_is_refused(hub):
    hub.files["config.json"] = b'{"model_type": "llama"}'
    with pytest.raises(CodecError, match="type 'llama': expected one of"):
        qt.load_codec(NAME)
    assert hub.got("model.safetensors") == []


def test_an_unknown_repository_or_revision_is_said(hub):
    with pytest.raises(
        CodecError, match=r"no codec 'some/thing': no such folder, .* `hf auth login`"
    ):
        qt.load_codec("some/thing")
    with pytest.raises(CodecError, match="has no revision 'v9'"):
        qt.load_codec(NAME, revision="v9")


def test_no_network_is_said(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CodecError, match="not in the cache and the hub cannot be reached"):
        qt.load_codec(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CodecError, match="not in the cache and the hub cannot be reached"):
        qt.load_codec(NAME)


def test_pulling_downloads_without_loading(hub, tmp_path):
    result = CliRunner().invoke(app, ["codec", "pull", "qwen-tts-tokenizer-12hz", "--json"])
    assert result.exit_code == 0, result.output
    pulled = json.loads(result.stdout)
    assert pulled["commit"] == COMMIT
    assert Path(pulled["folder"], "model.safetensors").is_file()
    assert CliRunner().invoke(app, ["codec", "pull", "mini"]).exit_code == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"model.safetensors": b"<!DOCTYPE html><p>moved"}, "begins with b'<!DOCTYPE html>"),
        ({"config.json": b"<!DOCTYPE html><p>moved"}, "not a readable JSON"),
        ({"model.safetensors.index.json": b'{"weight_map": {}}'}, "weight_map is empty"),
        (
            {
                "model.safetensors.index.json": b'{"weight_map": {"x": "a.safetensors"}}',
                "a.safetensors": save({"y": np.zeros(3, np.float32)}),
            },
            "does not hold what",
        ),
    ],
    ids=["page as weights", "page as config", "empty index", "index of other tensors"],
)
def test_pulling_what_is_no_checkpoint_fails(hub, tmp_path, files, message):
    if "model.safetensors.index.json" in files:
        del hub.files["model.safetensors"]
    hub.files.update(files)
    result = CliRunner().invoke(app, ["codec", "pull", NAME])
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())


def test_a_page_that_came_as_weights_does_not_stay(hub, tmp_path):
    weights = hub.files["model.safetensors"]
    hub.files["model.safetensors"] = b"<!DOCTYPE html>"
    with pytest.raises(CodecError, match=r"not a readable safetensors file .* been removed"):
        qt.load_codec(NAME)
    hub.files["model.safetensors"] = weights
    assert qt.load_codec(NAME).spec.revision == COMMIT


def test_the_hub_s_environment_variables_are_honoured(hub, tmp_path):
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    code = f"import qtokfeatures as qt; print(qt.load_codec({NAME!r}).spec.revision)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == COMMIT, done.stderr
    assert list((tmp_path / "home" / "hub").rglob("model.safetensors"))
