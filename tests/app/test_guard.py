"""Which requests are accepted: hosts, origins, logins; and the headers of every answer."""

import asyncio
import base64
import time
from collections.abc import Coroutine

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from neuroceleb.app import guard
from neuroceleb.app.access import Access
from neuroceleb.app.guard import Guard, Rules
from neuroceleb.app.login import Login

AUTH = ("kim", "pass:word äöü")


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"seen {request.method}")


def client(
    host: str = "127.0.0.1",
    auth: tuple[str, str] | None = None,
    allowed_hosts: tuple[str, ...] = (),
    frame_ancestors: tuple[str, ...] = (),
) -> TestClient:
    paths = ("/", "/healthz", "/photos/1.png", "/gradio_api/upload", "/gradio_api/mcp/")
    routes = [Route(path, answer, methods=["GET", "POST"]) for path in paths]
    login = Login(auth) if auth else None
    if login:
        login.connect({"token-of-kim": "kim"}, "id")
    access = Access.of(host, auth)
    rules = Rules(host, access, allowed_hosts, frame_ancestors, login)
    return TestClient(Guard(Starlette(routes=routes), rules), base_url="http://127.0.0.1:7860")


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


# Host --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "header", "own"),
    [
        ("127.0.0.1", "127.0.0.1:7860", True),
        ("127.0.0.1", "localhost:7860", True),
        ("127.0.0.1", "[::1]:7860", True),
        ("127.0.0.1", "LOCALHOST", True),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example:7860", False),
        ("127.0.0.1", "192.168.1.7:7860", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "[::1", False),
        ("192.168.1.7", "192.168.1.7:80", True),
        ("192.168.1.7", "192.168.1.8", False),
        ("faces.example", "faces.example", True),
        ("0.0.0.0", "192.168.1.7:7860", True),
        ("0.0.0.0", "evil.example", False),
        ("::", "[fe80::1]:7860", True),
    ],
)
def test_only_its_own_names_are_answered(bound: str, header: str, own: bool) -> None:
    assert guard.is_own_host(header, bound) is own
    refused = client(bound).get("/", headers={"Host": header}).status_code == 400
    assert refused is not own
    assert client(bound).get("/healthz", headers={"Host": header}).status_code == 200


def test_an_allowed_host_is_answered_also_behind_a_proxy() -> None:
    ours = client("0.0.0.0", allowed_hosts=("faces.example.org",))
    for headers in (
        {"Host": "faces.example.org", "Origin": "https://faces.example.org"},
        {"Host": "127.0.0.1:7860", "Origin": "https://faces.example.org"},  # Host of the upstream
    ):
        assert ours.post("/", headers=headers).status_code == 200
    assert ours.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert ours.post("/", headers={"Origin": "https://evil.example"}).status_code == 403


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
def test_no_host_header_breaks_it(header: str) -> None:
    assert isinstance(guard.is_own_host(header, "127.0.0.1"), bool)


# Origin ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {}, 200),
        ("POST", {"Origin": "http://127.0.0.1:7860"}, 200),
        ("POST", {"Origin": "http://127.0.0.1:7861"}, 403),
        ("POST", {"Origin": "http://evil.example"}, 403),
        ("GET", {"Origin": "http://evil.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 200),  # a link leads here
    ],
)
def test_other_sites_may_link_here_and_ask_nothing(
    method: str, headers: dict[str, str], status: int
) -> None:
    assert client().request(method, "/", headers=headers).status_code == status


# Login -------------------------------------------------------------------------------------


def test_without_a_login_only_files_of_the_program_are_open() -> None:
    """Gradio's own routes are open here: Gradio asks for the login itself."""
    ours = client(auth=AUTH)
    refused = ours.get("/photos/1.png")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert ours.get("/healthz").status_code == 200
    assert ours.post("/photos/1.png").status_code == 401
    assert ours.post("/gradio_api/mcp/").status_code == 401  # which Gradio leaves open
    assert ours.post("/gradio_api/mcp/", headers=basic("kim:pass:word äöü")).status_code == 200
    assert ours.get("/photos/1.png", headers=basic("kim:pass:word äöü")).text == "seen GET"
    for name in ("access-token-id", "access-token-unsecure-id"):
        headers = {"Cookie": f"{name}=token-of-kim"}
        assert ours.get("/photos/1.png", headers=headers).status_code == 200
    assert ours.get("/photos/1.png", headers={"Cookie": "access-token-id=x"}).status_code == 401


def test_the_password_itself_stands_for_a_login_of_gradio() -> None:
    async def cookie(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.cookies.get("access-token-unsecure-id", ""))

    tokens: dict[str, str] = {}
    login = Login(AUTH)
    login.connect(tokens, "id")
    app = Starlette(routes=[Route("/gradio_api/info", cookie)])
    guarded = Guard(app, Rules("127.0.0.1", Access(is_local=True), login=login))
    found = TestClient(guarded, base_url="http://127.0.0.1")
    token = found.get("/gradio_api/info", headers=basic("kim:pass:word äöü")).text
    assert tokens[token] == "kim"
    assert found.get("/gradio_api/info", headers=basic("kim:wrong")).text == ""
    tokens.clear()  # as Gradio does when the user logs out
    again = found.get("/gradio_api/info", headers=basic("kim:pass:word äöü")).text
    assert tokens[again] == "kim"


@pytest.mark.parametrize(
    "header",
    [
        basic("kim:wrong"),
        basic("lee:pass:word äöü"),
        basic("kim"),
        basic(""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic ???"},
        {"Authorization": "Bearer " + base64.b64encode(b"kim:pass:word").decode()},
        {"Authorization": ""},
        {"Cookie": "access-token-id=" + "x" * 5_000},
        {"Cookie": '=;;="'},
    ],
)
def test_another_password_is_none(header: dict[str, str]) -> None:
    assert client(auth=AUTH).get("/photos/1.png", headers=header).status_code == 401


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_header_breaks_it(authorization: bytes, cookie: bytes) -> None:
    login = Login(AUTH)
    headers = Headers(raw=[(b"authorization", authorization), (b"cookie", cookie)])
    assert login.is_logged_in(headers) is False


def finished(check: Coroutine[None, None, bool]) -> bool:
    """The result of a coroutine that never waits; browser tests have their loop in this thread."""
    with pytest.raises(StopIteration) as ended:
        check.send(None)
    return bool(ended.value.value)


def test_guesses_are_slowed_down_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    login = Login(AUTH)
    for _ in range(14):
        assert not finished(login.check("kim", "guess"))
    assert slept == [0.0] * 10 + [1.0, 2.0, 4.0, 8.0]
    assert finished(login.check(*AUTH))
    assert not finished(login.check("kim", "guess"))
    assert slept[-1] == 0.0
    assert "10 wrong passwords in a row" in caplog.text


def test_programs_that_guess_are_refused_for_a_while() -> None:
    ours = client(auth=AUTH)
    for _ in range(10):
        assert ours.get("/photos/1.png", headers=basic("kim:guess")).status_code == 401
    assert ours.get("/photos/1.png", headers=basic("kim:pass:word äöü")).status_code == 401


def test_others_that_guess_without_end_do_not_keep_the_password_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    login = Login(AUTH)
    guess, right = Headers(basic("kim:guess")), Headers(basic("kim:pass:word äöü"))
    for _ in range(60):
        now += 0.9
        assert not login.is_logged_in(guess)
    found = []
    for _ in range(40):  # once a second, while the guesses go on
        now += 1.0
        found.append(login.is_logged_in(right))
        login.is_logged_in(guess)
    assert True in found


def test_other_sites_do_not_log_anybody_out() -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client().get("/logout", headers=headers).status_code == 403
    assert client().get("/logout/", headers=headers).status_code == 403


# Headers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [("a" * 255, 404), ("a" * 256, 400), ("a/" + "가" * 85, 404), ("a/" + "가" * 86 + "/b", 400)],
)
def test_names_longer_than_those_of_files_are_refused(path: str, status: int) -> None:
    assert client().get(f"/{path}").status_code == status


@pytest.mark.parametrize("headers", [{}, {"Host": "evil.example"}])
def test_every_answer_keeps_other_sites_out(headers: dict[str, str]) -> None:
    answered = client().get("/", headers=headers).headers
    assert answered["X-Frame-Options"] == "DENY"
    assert answered["X-Content-Type-Options"] == "nosniff"
    policy = dict(part.split(" ", 1) for part in answered["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "http" not in answered["Content-Security-Policy"]  # nothing from elsewhere


def test_a_site_may_show_the_app_in_a_frame_where_that_is_allowed() -> None:
    answered = client(frame_ancestors=("https://example.org",)).get("/").headers
    assert "X-Frame-Options" not in answered
    assert answered["Content-Security-Policy"].endswith("frame-ancestors https://example.org")


@pytest.mark.parametrize(
    ("host", "auth", "status"),
    [("127.0.0.1", None, 200), ("0.0.0.0", None, 403), ("0.0.0.0", AUTH, 200)],
)
def test_uploads_are_only_for_those_who_may_change_things(
    host: str, auth: tuple[str, str] | None, status: int
) -> None:
    assert client(host, auth).post("/gradio_api/upload").status_code == status
