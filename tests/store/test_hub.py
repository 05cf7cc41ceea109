"""A hub id, through the real client, against a hub on this machine's loopback address."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from genvae.store.folders import fault

COMMIT = "a" * 40
OWNER_NAME = "somebody/tiny"


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as a download needs."""

    folder: Path
    asked: list[str]

    def _files(self) -> dict[str, bytes]:
        files = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        return {**files, "pytorch_model.bin": b"a pickle that nobody wants", "setup.py": b"exit()"}

    def _answer(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{OWNER_NAME}/tree/"):
            listing = [{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in self._files().items()]
            return self._answer(json.dumps(listing).encode(), {"Content-Type": "application/json"})
        if path.startswith(f"/api/models/{OWNER_NAME}"):
            about = {"id": OWNER_NAME, "sha": COMMIT, "siblings": [{"rfilename": name} for name in self._files()],
                     "private": False, "downloads": 0, "likes": 0, "tags": []}  # fmt: skip
            return self._answer(json.dumps(about).encode(), {"Content-Type": "application/json"})
        prefix = f"/{OWNER_NAME}/resolve/{COMMIT}/"
        name = path.removeprefix(prefix)
        if path.startswith(prefix) and name in self._files():
            self.asked.append(name)
            content = self._files()[name]
            tag = hashlib.sha256(content).hexdigest()
            return self._answer(content, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT})
        return self._answer(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)

    do_HEAD = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tiny_model: Path) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = type("TinyHub", (Hub,), {"folder": tiny_model, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def located(name: str, cache: Path, endpoint: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys\nfrom genvae.errors import GenvaeError\nfrom genvae.host import default_host\n"
        "from genvae.store.locate import locate\n"
        "try: print(locate(sys.argv[1], default_host()))\nexcept GenvaeError as error: sys.exit(str(error))"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, "-c", code, name], capture_output=True, text=True, check=False, timeout=60,
        env={**clean, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_TELEMETRY": "1", **environment},
    )  # fmt: skip


def test_a_model_of_the_hub(hub: tuple[str, list[str]], tiny_model: Path, tmp_path: Path) -> None:
    endpoint, asked = hub
    done = located(OWNER_NAME, tmp_path, endpoint)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1])
    for name in ("config.json", "model.safetensors", "tokenizer.json", "README.md", "manifest.json"):
        assert (folder / name).read_bytes() == (tiny_model / name).read_bytes()
    assert fault(folder) == ""
    # nothing that could run code was asked for
    assert set(asked) == {"config.json", "model.safetensors", "tokenizer.json", "README.md", "manifest.json"}

    # a second time, and without the network, from the cache
    offline = located(OWNER_NAME, tmp_path, endpoint, HF_HUB_OFFLINE="1")
    assert Path(offline.stdout.splitlines()[-1]) == folder


def test_a_model_the_hub_does_not_have(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    done = located("somebody/nothing", tmp_path, hub[0])
    assert done.returncode == 1
    assert "'somebody/nothing' is neither a starter, nor a folder here, nor could the hub give it" in done.stderr
    assert "Traceback" not in done.stderr
