"""The page below a path of a reverse proxy that runs in a process of its own."""

import io
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import FilePayload, Page, Request, Response, expect

from tests import helpers
from tests.app.browser import await_quiet
from tests.data.faces.faces_helpers import portrait

PREFIX = "/faces"
FACES = "#faces .nc-frame img"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(app_workspace: Path) -> Iterator[str]:
    """The address of the app behind the proxy, without a slash at its end."""
    app = helpers.App(app_workspace, "--root-path", PREFIX)
    port = helpers.free_port()
    script = [sys.executable, str(helpers.ROOT / "tests" / "reverse_proxy.py"), str(port)]
    proxy = subprocess.Popen([*script, str(app.port), PREFIX], stdout=subprocess.PIPE, text=True)
    try:
        assert proxy.stdout is not None
        assert proxy.stdout.readline() == "Serving\n"
        yield f"http://127.0.0.1:{port}{PREFIX}"
    finally:
        with proxy:
            proxy.kill()
        app.kill()


def test_everything_stays_below_the_prefix(page: Page, url: str) -> None:
    paths: list[str] = []
    failed: list[tuple[int, str]] = []

    def on_request(request: Request) -> None:
        if request.url.startswith("http"):
            paths.append(urlsplit(request.url).path)

    def on_response(response: Response) -> None:
        if response.status >= 400:
            failed.append((response.status, response.url))

    page.on("request", on_request)
    page.on("response", on_response)
    page.set_default_timeout(helpers.PATIENCE_S * 1_000)
    expect.set_options(timeout=helpers.PATIENCE_S * 1_000)
    page.goto(url)  # which the proxy answers with the address that ends in a slash
    expect(page.locator(FACES)).to_have_count(18)
    before = page.locator(FACES).first.get_attribute("src")
    page.locator("#dice").click()
    expect(page.locator(FACES).first).not_to_have_attribute("src", before or "")
    assert urlsplit(page.url).path == f"{PREFIX}/"

    # Charts with their library, previews of sheets from a function of the server, an upload.
    page.get_by_role("tab", name="Progress").click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.locator("#reel canvas[data-epoch]").first).to_be_visible()
    page.get_by_role("tab", name="Photos").click()
    data = io.BytesIO()
    portrait().save(data, "PNG")
    photo = FilePayload(name="a.png", mimeType="image/png", buffer=data.getvalue())
    page.locator("#photo-files").set_input_files([photo])
    expect(page.locator("#photo-drop")).to_contain_text("1 file is here")
    page.locator("#photo-clear").click()

    # A file that is made and then saved; another language; an address that is opened again.
    page.get_by_role("tab", name="Generate").click()
    with page.expect_download() as saved:
        page.locator("#save-all").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"PK")
    await_quiet(page)  # Gradio reports streams that a reload ends
    page.locator(".nc-languages button[lang=ko]").click()
    expect(page.locator("#tabs")).to_contain_text("생성")
    expect(page.locator(FACES)).to_have_count(18)

    outside = [path for path in paths if not path.startswith(f"{PREFIX}/") and path != PREFIX]
    assert outside == []
    assert failed == []


def test_the_proxy_itself_answers_nothing_else(url: str) -> None:
    root = url.removesuffix(PREFIX)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{root}/theme.css", timeout=helpers.PATIENCE_S)
    with urllib.request.urlopen(f"{url}/healthz", timeout=helpers.PATIENCE_S) as answer:
        assert answer.status == 200
