"""Each example of docs/components starts alone, and its component draws."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests import helpers

EXAMPLES = helpers.ROOT / "docs" / "components"
# What has to be drawn: an element, and a condition on it.
HAS_PIXELS = """canvas => canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"""
DRAWN = {
    "contact_sheet": (".nc-contact-sheet .nc-frame img", "one => one.naturalWidth === 64"),
    "frame_scrubber": (".nc-frame-scrubber .nc-stage", HAS_PIXELS),
    "epoch_reel": (".nc-epoch-reel .nc-reel-a[data-epoch]", HAS_PIXELS),
    "live_chart": (".nc-live-chart .js-plotly-plot", "one => one.clientHeight > 100"),
    "layer_maps": (
        ".nc-layer-maps[data-whole] .nc-layer-map",
        "one => one.style.backgroundImage.includes('data:image')",
    ),
    "latent_palette": (
        ".nc-latent-palette .nc-directions .nc-end",
        "one => one.style.backgroundImage.includes('data:image')",
    ),
    "face_picker": (".nc-face-picker .nc-pick img", "one => one.naturalWidth === 64"),
    "photo_grid": (
        ".nc-photo-grid .nc-crop-image",
        "one => one.style.backgroundImage.includes('data:image')",
    ),
    "photo_upload": (".nc-photo-upload .nc-photo-drop", "one => one.querySelector('#photo-pick')"),
    "face_map": (".nc-face-map canvas[data-shows=faces]", HAS_PIXELS),
}


def test_every_example_is_tried() -> None:
    assert sorted(DRAWN) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@contextmanager
def served(name: str, workspace: Path) -> Iterator[str]:
    """The address of an example, started as its docstring says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "NEUROCELEB_WORKSPACE": str(workspace),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(workspace / ".cache" / "gradio"),
    }
    command = ["-m", "uvicorn", f"docs.components.{name}:app", "--port", str(port)]
    with subprocess.Popen([sys.executable, *command], cwd=helpers.ROOT, env=environment) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGKILL)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + helpers.PATIENCE_S
    while time.monotonic() < end:
        assert process.poll() is None
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError("it does not listen")


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_an_example_is_drawn(name: str, page: Page, app_workspace: Path) -> None:
    assert f"-m uvicorn docs.components.{name}:app" in (EXAMPLES / f"{name}.py").read_text("utf-8")
    selector, condition = DRAWN[name]
    with served(name, app_workspace) as url:
        page.goto(url)
        drawn = page.locator(selector).first
        expect(drawn).to_be_visible()
        page.wait_for_function(condition, arg=drawn.element_handle())


@pytest.mark.slow
def test_events_of_the_examples_reach_their_listeners(page: Page, app_workspace: Path) -> None:
    with served("face_picker", app_workspace) as url:
        page.goto(url)
        page.locator(".nc-pick").nth(3).click()
        expect(page.locator("#picked textarea")).to_have_value("Seed 3")
    with served("photo_grid", app_workspace) as url:
        page.goto(url)
        page.locator(".nc-crop").nth(3).click()
        expect(page.locator(".nc-crop").nth(3)).to_have_attribute("aria-pressed", "false")
        expect(page.locator(".nc-crop[aria-pressed=true]")).to_have_count(11)
    with served("photo_upload", app_workspace) as url:
        page.goto(url)
        files = [
            FilePayload(name=name, mimeType="image/jpeg", buffer=b"x")
            for name in ("a.jpg", "b.gif")
        ]
        page.locator("#photo-files").set_input_files(files)
        expect(page.locator("#sent textarea")).to_have_value("1 are here, 1 are not")
        expect(page.locator(".nc-failed")).to_have_text("b.gif: no JPEG")
