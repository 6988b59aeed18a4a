"""The options of `neuroceleb serve` (and `python app.py`), and what it serves beside the page."""

import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from neuroceleb import __version__
from neuroceleb.cli import main, serve
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace
from tests import helpers


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """`serve` sets a handler of SIGTERM: restore that of the test runner."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


# Options -----------------------------------------------------------------------------------


def exit_code(*options: str) -> int:
    """The exit code of `neuroceleb serve` with these options, in this process."""
    with pytest.raises(SystemExit) as left:
        main.main(["serve", *options])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "x"], "Invalid value for '--port': 'x' is not a valid integer"),
        (["--port", "65536"], "--port 65536 is no port"),
        (["--port", "-1"], "--port -1 is no port"),
        (["--colour"], "No such option '--colour'"),
        (["--auth", "kim"], "--auth must be written USER:PASSWORD"),
        (["--auth", ":secret"], "--auth must be written USER:PASSWORD"),
        (["--auth", "kim:"], "--auth must be written USER:PASSWORD"),
        (["--workspace", "/no/such/folder"], "The workspace /no/such/folder is not a folder"),
        (["--host", "256.1.1.1"], "256.1.1.1:7860 cannot be listened on"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if "--workspace" in arguments else ["--workspace", str(tmp_path)]
    assert exit_code(*arguments, *where) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith(words)
    assert "Traceback" not in said.err


def test_a_port_in_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert exit_code("--port", port, "--workspace", str(tmp_path)) == 2
    assert f"127.0.0.1:{port} cannot be listened on (Address already in use)" in (
        capsys.readouterr().err
    )


def test_by_default_only_this_machine_can_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROCELEB_WORKSPACE", raising=False)
    with serve.serve.make_context("serve", []) as context:
        options = context.params
    assert (options["host"], options["port"], options["auth"]) == ("127.0.0.1", 7860, None)
    assert options["workspace"].root == helpers.ROOT


def test_a_password_may_hold_a_colon() -> None:
    assert serve.parse_auth("kim:a:b") == ("kim", "a:b")
    assert serve.parse_auth(None) is None


def test_whoever_opens_it_to_others_without_a_password_is_warned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "run_server", lambda *_: None)
    for more, warned in (([], True), (["--auth", "kim:secret"], False)):
        arguments = ["--host", "0.0.0.0", "--port", "0", "--workspace", str(tmp_path), *more]
        assert exit_code(*arguments) == 0
        assert ("add --auth USER:PASSWORD" in capsys.readouterr().err) is warned


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:{}"),
        ("localhost", "http://localhost:{}"),
        ("0.0.0.0", "http://127.0.0.1:{}"),
        ("::1", "http://[::1]:{}"),
        ("[::1]", "http://[::1]:{}"),
    ],
)
def test_the_address_it_prints(host: str, address: str) -> None:
    try:
        listener = serve.listen(host, 0)
    except UserError:
        pytest.skip("no such address here")
    with listener:
        port = listener.getsockname()[1]
        assert serve.url_of(host, listener) == address.format(port)


def test_a_workspace_one_may_not_write_is_said(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("a file in the way")
    with pytest.raises(UserError, match="could not be made"):
        serve.prepare_gradio(Workspace(tmp_path))


def test_it_ends_when_asked_to_and_leaves_with_0(tmp_path: Path) -> None:
    began = time.monotonic()
    served = helpers.App(tmp_path)
    assert ask(served.url, "GET", "/healthz")[0] == 200
    assert time.monotonic() - began < helpers.PATIENCE_S
    with served.process as process:
        process.terminate()
        assert process.wait(helpers.PATIENCE_S) == 0


def test_help_is_not_slowed_down_by_what_serving_needs() -> None:
    loaded = (
        "import sys\n"
        "from neuroceleb.cli import serve\n"
        "print({'torch', 'gradio', 'plotly', 'numpy', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=helpers.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


# What it serves ----------------------------------------------------------------------------


def ask(
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer, with the path sent as it stands."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(
        str(address.hostname), address.port, timeout=helpers.PATIENCE_S
    )
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_all_is_well(app_url: str) -> None:
    status, _, body = ask(app_url, "GET", "/healthz")
    assert status == 200
    assert json.loads(body) == {"status": "ok", "version": __version__}


def test_faces_as_a_zip(app_url: str) -> None:
    question = "model=celeba-mini-classic&epoch=29&seed=42&count=2&truncation=1"
    status, headers, body = ask(app_url, "GET", f"/faces.zip?{question}")
    assert status == 200
    assert headers["content-disposition"] == (
        "attachment; filename*=UTF-8''celeba-mini-classic_epoch_029_seeds_42-43.zip"
    )
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == ["seed_0042.png", "seed_0043.png"]


def test_a_sheet_of_an_epoch(app_url: str) -> None:
    status, headers, body = ask(app_url, "GET", "/sheets/celeba-mini-classic/29")
    assert (status, headers["content-type"]) == (200, "image/webp")
    shipped = helpers.ROOT / "checkpoints/celeba-mini-classic/fake_samples_epoch_029.webp"
    assert body == shipped.read_bytes()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/faces.zip?model=celeba-mini-classic&epoch=29&seed=42&count=100000", "1 to 256"),
        ("/faces.zip?model=..&epoch=29&seed=42&count=1&truncation=1", "'..' is not a name"),
        ("/sheets/celeba-mini-classic/30", "no sample sheet of epoch 30"),
        ("/sheets/nobody/0", "There is no run 'nobody'"),
        ("/training?run=..%2f..", "'../..' is not a name"),
        ("/training?run=" + "a" * 5_000, "is not a name"),
        ("/training?run=%00", "is not a name"),
    ],
)
def test_what_does_not_exist_is_refused_in_a_sentence(path: str, words: str, app_url: str) -> None:
    status, _, body = ask(app_url, "GET", path)
    assert status == 400
    assert words in json.loads(body)["error"]
    assert len(body) < 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"[1, 2]", "no JSON object"),
        (b"[" * 60_000, "not JSON"),
        (b" " * (2**20 + 1), "too much"),
        (b'{"name": "one", "dataset": "\\ud800", "settings": {}}', "There is no dataset"),
        (b'{"name": "one", "dataset": "' + b"a" * 9_000 + b'", "settings": {}}', "no dataset"),
        (b'{"name": "one", "dataset": "x", "settings": {"seed": 1%s}}' % (b"0" * 400), "--seed"),
        (b'{"name": "one", "dataset": "x", "settings": {"lr": NaN}}', "--lr"),
    ],
)
def test_whatever_is_posted_is_bounded_and_refused_in_a_sentence(
    body: bytes, words: str, app_url: str
) -> None:
    headers = {"Content-Type": "application/json"}
    status, _, answer = ask(app_url, "POST", "/training/start", body, headers)
    assert status == 400
    assert words in json.loads(answer)["error"]


@pytest.mark.parametrize("path", ["/photos/look", "/progress/seed", "/faces/picked", "/walk"])
@pytest.mark.parametrize(
    ("body", "words"), [(b"[1]", "no JSON object"), (b" " * (2**20 + 1), "too much")]
)
def test_every_tab_refuses_what_is_no_wish(
    path: str, body: bytes, words: str, app_url: str
) -> None:
    status, _, answer = ask(app_url, "POST", path, body, {"Content-Type": "application/json"})
    assert status == 400
    assert words in json.loads(answer)["error"]


def test_nothing_else_of_the_machine_is_served(app_url: str, app_workspace: Path) -> None:
    inside = app_workspace / "checkpoints" / "celeba-mini-classic" / "config.json"
    not_allowed, not_found = (403, "File not allowed: {}."), (404, "Not Found")
    for path, file, (status, detail) in (
        ("/checkpoints/celeba-mini-classic/config.json", "", not_found),
        (f"/gradio_api/file={inside}", inside, not_allowed),
        ("/gradio_api/file=/etc/passwd", "/etc/passwd", not_allowed),
        ("/..%2f..%2fetc/passwd", "", not_found),
        ("/sheets/..%2f..%2fetc/0", "", not_found),
        ("/tasks/..%2F..%2Fetc", "", not_found),
    ):
        found, _, body = ask(app_url, "GET", path)
        assert found == status, path
        assert json.loads(body) == {"detail": detail.format(file)}
