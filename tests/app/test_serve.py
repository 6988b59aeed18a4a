"""The options of `neuroceleb serve` (and `python app.py`), and what it serves beside the page."""

import base64
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from neuroceleb import __version__
from neuroceleb.app.api import ENDPOINTS
from neuroceleb.app.components import module_html
from neuroceleb.app.server import ServerOptions
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
        (["--auth", "a:b", "--auth-file", "x"], "--auth and --auth-file exclude each other"),
        (["--auth-file", "/no/such/file"], "/no/such/file cannot be read"),
        (["--allowed-host", "http://x/"], "--allowed-host 'http://x/' is no name of a machine"),
        (["--frame-ancestor", "x.org"], "--frame-ancestor 'x.org' is no origin"),
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


def test_the_password_comes_from_a_file_as_well(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("kim:secret\n")
    assert serve.read_auth(None, str(file)) == ("kim", "secret")
    file.write_text("")
    with pytest.raises(UserError, match="--auth must be written"):
        serve.read_auth(None, str(file))


def test_it_can_be_set_as_gradio_apps_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(serve, "run_server", lambda _, options, __: given.update(options))
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "0")
    monkeypatch.setenv("GRADIO_ROOT_PATH", "/faces")
    assert exit_code("--workspace", str(tmp_path), "--allowed-host", "NAS.local") == 0
    assert (given["host"], given["root_path"]) == ("0.0.0.0", "/faces")
    assert given["allowed_hosts"] == ["nas.local"]


def test_a_shared_link_is_allowed_and_its_visitors_may_only_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gradio import networking

    given: dict[str, object] = {}
    monkeypatch.setattr(serve, "run_server", lambda _, options, __: given.update(options))
    monkeypatch.setattr(networking, "setup_tunnel", lambda **_: "https://abc.gradio.live")
    assert exit_code("--workspace", str(tmp_path), "--port", "0", "--share") == 0
    assert given["allowed_hosts"] == ["abc.gradio.live"]
    assert "anyone who has the link" in capsys.readouterr().err
    assert not ServerOptions(is_shared=True).access.is_open
    assert not ServerOptions(allowed_hosts=("faces.example.org",)).access.is_open
    assert ServerOptions(is_shared=True, auth=("kim", "secret")).access.is_open


def test_a_shared_link_that_cannot_be_made_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gradio import networking

    def fail(**_: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr(networking, "setup_tunnel", fail)
    assert exit_code("--workspace", str(tmp_path), "--port", "0", "--share") == 2
    assert "could not be made (no network)" in capsys.readouterr().err


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


@pytest.mark.slow
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


def test_modules_are_cached_for_good_under_the_hash_of_their_content(app_url: str) -> None:
    page = ask(app_url, "GET", "/")[2].decode()
    found = re.search(r"modules/[0-9a-f]{12}/page\.js", page)
    assert found
    status, headers, body = ask(app_url, "GET", f"/{found[0]}")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert "immutable" in headers["cache-control"]
    assert body == (module_html.FOLDER / "page.js").read_bytes()
    old = ask(app_url, "GET", "/modules/000000000000/page.js")
    assert old[1]["cache-control"] == "no-cache"
    styles = ask(app_url, "GET", f"/{found[0].replace('page.js', 'all.css')}")
    assert styles[1]["content-type"].startswith("text/css")
    for name in ("nobody.js", "module_html.py", "..%2Ftheme.py", "__init__.py"):
        assert ask(app_url, "GET", f"/modules/x/{name}")[0] == 404


def test_the_texts_of_the_scripts_come_in_korean(app_url: str) -> None:
    status, _, body = ask(app_url, "GET", f"/modules/{module_html.version()}/ko.json")
    assert status == 200
    assert json.loads(body)["Close"] == "닫기"
    assert json.loads(ask(app_url, "GET", "/modules/x/en.json")[2]) == {}
    assert ask(app_url, "GET", "/modules/x/fr.json")[0] == 404


def test_nothing_else_of_the_machine_is_served(app_url: str, app_workspace: Path) -> None:
    inside = app_workspace / "checkpoints" / "celeba-mini-classic" / "config.json"
    not_allowed, not_found = (403, "File not allowed: {}."), (404, "Not Found")
    for path, file, (status, detail) in (
        ("/checkpoints/celeba-mini-classic/config.json", "", not_found),
        (f"/gradio_api/file={inside}", inside, not_allowed),
        ("/gradio_api/file=/etc/passwd", "/etc/passwd", not_allowed),
        ("/..%2f..%2fetc/passwd", "", not_found),
    ):
        found, _, body = ask(app_url, "GET", path)
        assert found == status, path
        assert json.loads(body) == {"detail": detail.format(file)}


# Behind a password -------------------------------------------------------------------------


@pytest.mark.slow
def test_programs_log_in_as_gradios_client_does_or_send_the_password(tmp_path: Path) -> None:
    from gradio_client import Client

    served = helpers.App(tmp_path, "--auth", "kim:secret")
    basic = {"Authorization": "Basic " + base64.b64encode(b"kim:secret").decode()}
    try:
        options = {"verbose": False, "httpx_kwargs": {"timeout": helpers.PATIENCE_S}}
        client = Client(served.url, auth=("kim", "secret"), **options)
        assert client.predict(api_name="/runs") == []
        with pytest.raises(ValueError, match=r"[Ll]ogin|auth|credential|401"):
            Client(served.url, auth=("kim", "guess"), **options)
        assert ask(served.url, "GET", "/gradio_api/info")[0] == 401
        assert ask(served.url, "GET", "/gradio_api/info", headers=basic)[0] == 200
        page = json.loads(ask(served.url, "GET", "/config")[2])
        assert "components" not in page
    finally:
        served.kill()


# As tools of language models ---------------------------------------------------------------


@pytest.mark.slow
def test_the_endpoints_are_mcp_tools_and_nothing_else_is(tmp_path: Path) -> None:
    pytest.importorskip("mcp", reason="the extra for --mcp is not installed")
    served = helpers.App(tmp_path, "--mcp")
    try:
        tools = json.loads(ask(served.url, "GET", "/gradio_api/mcp/schema")[2])
    finally:
        served.kill()
    assert {tool["name"] for tool in tools} == set(ENDPOINTS)
    assert all(tool["description"] for tool in tools)


# Requests for what the page does not have --------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("queue/join", {"fn_index": 10**6, "data": [], "session_hash": "a"}, 404),
        ("queue/join", {"fn_index": -1, "data": [], "session_hash": "a"}, 404),
        ("queue/join", [], 422),
        ("queue/join/", {"session_hash": "a"}, 404),
        ("run/predict", {"fn_index": "x", "data": []}, 404),
        ("run/nothing", {"data": []}, 404),
        ("api/nothing/", {"data": []}, 404),
        ("call/nothing", {"data": []}, 404),
        ("call/generate", {"data": ["celeba-mini-classic"]}, 422),
        ("component_server", {"component_id": 10**6, "fn_name": "sheets"}, 404),
        ("component_server", None, 422),
        ("deep_link", {}, 404),
    ],
)
def test_what_the_page_does_not_have_is_refused(
    app_url: str, path: str, body: Any, expected: int
) -> None:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    status, _, answer = ask(app_url, "POST", f"/gradio_api/{path}", data, headers)
    assert status == expected
    assert json.loads(answer)["error"]
