"""A model as a folder for Hugging Face, pushed to a local stand-in of its HTTP interface."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.export import space
from neuroceleb.export.card import Card
from neuroceleb.model import checkpoint
from neuroceleb.runs.run import Run
from tests import helpers

hub = pytest.importorskip("neuroceleb.export.hub")


class StandIn(BaseHTTPRequestHandler):
    """As much of the interface of Hugging Face as an upload needs; keeps what it is sent."""

    requests: list[tuple[str, Any]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.reply(body)

    def do_GET(self) -> None:
        self.reply(b"")

    def reply(self, body: bytes) -> None:
        type(self).requests.append((self.path, self.headers.get("Authorization"), body))  # type: ignore[arg-type]
        path = self.path.split("?")[0]
        address = f"http://{self.headers['Host']}/spaces/somebody/faces"
        value: dict[str, Any] = {}
        if path == "/api/repos/create":
            value = {"url": address, "name": "somebody/faces"}
        elif "/preupload/" in path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            keys = {"uploadMode": "regular", "shouldIgnore": False}
            value = {"files": [{"path": name, **keys} for name in paths]}
        elif "/commit/" in path:
            value = {"success": True, "commitUrl": f"{address}/commit/1", "commitOid": "1"}
        content = json.dumps(value).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[StandIn]]]:
    handler = type("Handler", (StandIn,), {"requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
        yield f"http://127.0.0.1:{listening.server_port}", handler
        listening.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    weights = tmp_path / "netG.safetensors"
    checkpoint.save_weights(weights, helpers.random_generator(), {"run": "mine", "epoch": 3})
    space.save(tmp_path / "made" / "space", weights)
    return tmp_path / "made" / "space"


def test_the_folder_holds_page_weights_and_card(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(space.FILES)
    network, config = checkpoint.load_generator(folder / "model.safetensors")
    expected = helpers.random_generator().state_dict()
    assert all(torch.equal(network.state_dict()[name], value) for name, value in expected.items())
    assert (config["run"], config["epoch"]) == ("mine", 3)
    text = (folder / "README.md").read_text("utf-8")
    assert text.startswith('---\ntitle: "mine"\nsdk: "static"\napp_file: "index.html"\n')
    assert 'license: "unknown"' in text
    assert "None are recorded" in text
    assert "window.neuroceleb" in (folder / "index.html").read_text("utf-8")


def test_the_card_of_a_shipped_run_has_terms_and_figures() -> None:
    run = Run(helpers.ROOT / "checkpoints" / "celeba-mini")
    config = {"run": run.name, "epoch": 12}
    card = space.card_of(run.weights(), helpers.random_generator(100, 64), config, run)
    text = space.readme(card)
    assert "**Terms.** Non-commercial research only: trained on CelebA." in text
    assert 'license: "other"' in text
    assert "| well-formed faces | 92.7 % (91.5 % to 93.8 %) | 98.3 % |" in text


def test_names_cannot_add_to_the_front_matter_or_the_page() -> None:
    name = 'x"\n---\n<script>|'
    card = Card(name, None, "", "", "", None, None, "", "", {}, ())
    text = space.readme(card)
    assert text.splitlines()[1] == 'title: "x\\"\\n---\\n<script>|"'
    assert "\n# x" in text
    assert "<script>" not in text.split("---", 3)[-1].replace("\\<script\\>", "")


def test_a_folder_with_something_in_it_is_not_touched(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not an empty folder"):
        space.save(folder, tmp_path / "netG.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    with pytest.raises(UserError, match="not a complete"):
        space.save(tmp_path / "new", tmp_path / "bad.safetensors")
    assert not (tmp_path / "new").exists()


def test_a_push_creates_a_private_space_with_these_files(
    folder: Path, server: tuple[str, type[StandIn]]
) -> None:
    address, handler = server
    found = hub.push(folder, "somebody/faces", endpoint=address)
    assert found == f"{address}/spaces/somebody/faces"
    path, token, body = handler.requests[0]  # type: ignore[misc]
    created = json.loads(body)
    assert (path, token) == ("/api/repos/create", "Bearer hf_stand_in")
    assert "private" in (created.get("visibility"), created.get("private") and "private")
    assert (created["type"], created["sdk"], created["name"]) == ("space", "static", "faces")
    (commit,) = [entry[-1] for entry in handler.requests if "/commit/" in entry[0]]
    lines = [json.loads(line)["value"] for line in commit.splitlines()]
    sent = {line["path"]: base64.b64decode(line["content"]) for line in lines if "path" in line}
    assert sent == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_of_the_server_is_one_sentence(
    status: int, folder: Path, server: tuple[str, type[StandIn]]
) -> None:
    address, handler = server
    handler.status = status
    with pytest.raises(UserError, match=f"status {status}"):
        hub.push(folder, "somebody/faces", endpoint=address)


def test_a_server_that_is_not_there_is_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
    with pytest.raises(UserError, match="cannot be reached"):
        hub.push(folder, "somebody/faces", endpoint="http://127.0.0.1:9")


def test_names_that_are_none_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="is not a repository"):
        hub.push(folder, "../x/y", endpoint="http://127.0.0.1:9")


def test_push_asks_before_anything_leaves_the_machine(
    here: helpers.Here, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: list[str] = []
    monkeypatch.setattr(hub, "push", lambda *_, **options: pushed.append(str(options)) or "there")
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    arguments = ("push", finished.path, "--to", "somebody/faces")
    outcome = here(*arguments)
    assert (outcome.code, pushed) == (2, [])
    assert "Nothing was uploaded." in outcome.err
    outcome = here(*arguments, "--yes")
    assert (outcome.code, outcome.out.strip()) == (0, "there")
    assert pushed == ["{'private': True}"]
