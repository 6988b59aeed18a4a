"""Who may talk to the server: hosts, origins, a password; and the headers of every answer."""

import base64

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
from neuroceleb.app.guard import Guard

AUTH = ("kim", "pass:word äöü")


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"seen {request.method}")


def client(host: str = "127.0.0.1", auth: tuple[str, str] | None = None) -> TestClient:
    routes = [Route(path, answer, methods=["GET", "POST"]) for path in ("/", "/healthz")]
    return TestClient(Guard(Starlette(routes=routes), host, auth), base_url="http://127.0.0.1:7860")


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


# Password ----------------------------------------------------------------------------------


def test_with_a_password_nothing_but_the_pulse_is_open() -> None:
    ours = client(auth=AUTH)
    refused = ours.get("/")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert ours.get("/healthz").status_code == 200
    assert ours.post("/").status_code == 401
    assert ours.get("/", headers=basic("kim:pass:word äöü")).text == "seen GET"


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
    ],
)
def test_another_password_is_none(header: dict[str, str]) -> None:
    assert client(auth=AUTH).get("/", headers=header).status_code == 401


@given(st.binary(max_size=60))
def test_no_authorization_header_breaks_it(value: bytes) -> None:
    headers = Headers(raw=[(b"authorization", value)])
    assert guard.knows_password(headers, AUTH) is False


# Headers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Host": "evil.example"}])
def test_every_answer_keeps_other_sites_out(headers: dict[str, str]) -> None:
    answered = client().get("/", headers=headers).headers
    assert answered["X-Frame-Options"] == "DENY"
    assert answered["X-Content-Type-Options"] == "nosniff"
    policy = dict(part.split(" ", 1) for part in answered["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "http" not in answered["Content-Security-Policy"]  # nothing from elsewhere


@pytest.mark.parametrize(
    ("host", "auth", "status"),
    [("127.0.0.1", None, 405), ("0.0.0.0", None, 403), ("0.0.0.0", AUTH, 401)],
)
def test_uploads_are_only_for_those_who_may_change_things(
    host: str, auth: tuple[str, str] | None, status: int
) -> None:
    """A POST that is let through meets the app's route, which has none: 404 or 405."""
    app = Guard(
        Starlette(routes=[Route("/gradio_api/upload", lambda _: PlainTextResponse(""))]), host, auth
    )
    found = TestClient(app, base_url="http://127.0.0.1").post("/gradio_api/upload")
    assert found.status_code == status
