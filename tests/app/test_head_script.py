"""The script at the very top of the page, and what it is there for."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from neuroceleb.app.head_script import ICON, HeadScript

PAGE = "<html><head><title>é</title></head><body><head></body></html>"
EARLY = f"<head><script>early()</script>{ICON}"
WANTED = PAGE.replace("<head>", EARLY, 1)


def client(response: Response) -> TestClient:
    async def answer(_: Request) -> Response:
        return response

    routes = [Route(path, answer, methods=["GET", "POST"]) for path in ("/", "/other")]
    return TestClient(HeadScript(Starlette(routes=routes), "early()"))


def test_it_comes_first_in_the_head_of_the_page() -> None:
    answered = client(HTMLResponse(PAGE)).get("/", headers={"Accept-Encoding": "br, gzip;q=0"})
    assert answered.text == WANTED
    assert int(answered.headers["content-length"]) == len(answered.content)
    assert "content-encoding" not in answered.headers


def test_the_page_is_compressed() -> None:
    long = PAGE + 100_000 * " "
    for accepted in ("gzip", "deflate, gzip, br"):
        answered = client(HTMLResponse(long)).get("/", headers={"Accept-Encoding": accepted})
        assert answered.text == WANTED + 100_000 * " "
        assert answered.headers["content-encoding"] == "gzip"
        assert answered.headers["vary"] == "Accept-Encoding"
        assert int(answered.headers["content-length"]) < 2_000


def test_the_icon_and_the_manifest_are_beside_the_page() -> None:
    page = '<head><link rel="manifest" href="/manifest.json" /></head>'
    assert client(HTMLResponse(page)).get("/").text == (
        f'{EARLY}<link rel="manifest" href="manifest.json" /></head>'
    )


def test_a_page_that_comes_in_pieces_is_put_together() -> None:
    pieces = [PAGE[:9], PAGE[9:30], "", PAGE[30:]]
    assert client(StreamingResponse(iter(pieces), media_type="text/html")).get("/").text == WANTED


@pytest.mark.parametrize(
    "response",
    [PlainTextResponse(PAGE), HTMLResponse(PAGE, headers={"Content-Encoding": "identity"})],
)
def test_what_is_no_plain_html_stays_as_it_is(response: Response) -> None:
    assert client(response).get("/").text == PAGE


def test_other_addresses_and_methods_stay_as_they_are() -> None:
    assert client(HTMLResponse(PAGE)).get("/other").text == PAGE
    assert client(HTMLResponse(PAGE)).post("/").text == PAGE
