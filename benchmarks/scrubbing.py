"""Scrubbing a run of 200 epochs of 64 faces in a real browser: latency, opening, memory.

    python benchmarks/scrubbing.py [--epochs 200] [--moves 150] [--rounds 3] [--json FILE]

The run is made of the shipped one's sheets, blended into each other, as PNG. From input to paint is
measured in the page: from the first movement of the mouse that led to an input of the slider to the
first frame after which the sheet asked for, or a later one, is on the screen. Requests are those of
the page during the drag. Memory is what all of the browser's processes together hold of their own
with the long run scrubbed from end to end, less the same with a run of one epoch.
"""

import argparse
import contextlib
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb import images  # noqa: E402
from neuroceleb.runs.run import Run  # noqa: E402
from neuroceleb.runs.workspace import Workspace, create_run  # noqa: E402

SHIPPED = "celeba-mini-classic"
PATIENCE_MS = 120_000

# In the page: every input of a slider, and when what it asked for was on the screen.
WATCH = """
([slider, shown]) => {
  const pending = [];
  window.latencies = [];
  const input = document.querySelector(slider);
  let moved = 0;
  input.addEventListener("pointermove", (event) => {
    moved ||= (event.getCoalescedEvents()[0] ?? event).timeStamp;
  }, true);
  input.addEventListener("input", (event) => {
    pending.push({ at: moved || event.timeStamp, to: Number(input.value) });
    moved = 0;
  }, true);
  const painted = new MessageChannel();
  painted.port1.onmessage = ({ data }) => {
    while (pending.length && pending[0].order <= data) {
      window.latencies.push(performance.now() - pending.shift().at);
    }
  };
  let count = 0;
  const look = () => {
    for (const one of pending) one.order ??= ++count;
    const now = shown();
    const last = pending.findLast((one) => one.to === now);
    if (last) painted.port2.postMessage(last.order);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
"""
SHOWN = "() => Number(document.querySelector('.nc-reel-a').dataset.epoch)"
SCRUB = ".nc-reel-scrub"
NEWEST_SHOWS = f"""
() => {{
  const {{ epoch }} = document.querySelector(".nc-reel-a").dataset;
  return epoch !== "0" && epoch === document.querySelector("{SCRUB}").max;
}}
"""
HELD = "Number(document.querySelector('.nc-reel-a').dataset.held)"


def watching(slider: str, shown: str) -> str:
    """The script that watches a slider."""
    return f'() => ({WATCH})(["{slider}", {shown}])'


def main() -> int:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description="Scrub a long run in a real browser.")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--moves", type=int, default=150, help="of the mouse, a drag")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(Path(place))
        make_run(workspace, "long", options.epochs)
        make_run(workspace, "brief", 1)
        figures = measure(workspace, options.epochs, options.moves, options.rounds)
    figures["epochs"] = options.epochs
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def make_run(workspace: Workspace, name: str, epochs: int) -> Run:
    """A finished run whose sheets go over into each other, with figures."""
    shipped = [images.load(path) for path in Run(ROOT / "checkpoints" / SHIPPED).sheets().values()]
    run = create_run(workspace, name, {"recipe": "classic", "settings": {}, "dataset": {}})
    rng = np.random.default_rng(0)
    for epoch in range(epochs):
        at = epoch / max(1, epochs - 1) * (len(shipped) - 1)
        first, share = min(int(at), len(shipped) - 2), at - min(int(at), len(shipped) - 2)
        mixed = (1 - share) * shipped[first] + share * shipped[first + 1]
        grain = rng.normal(0, 2, mixed.shape)
        images.save(run.sheet_file(epoch), np.clip(mixed + grain, 0, 255).astype(np.uint8))
        losses = {"loss_d": 0.6 + 0.1 * rng.random(), "loss_g": 3 + rng.random()}
        scores = {"d_x": 0.8, "d_g_z1": 0.2, "d_g_z2": 0.1}
        run.append_stats({"epoch": epoch, "images_seen": 15_000 * (epoch + 1), **losses, **scores})
    run.write_status({"state": "finished", "epoch": epochs, "epochs": epochs})
    return run


@contextlib.contextmanager
def served(workspace: Workspace) -> Iterator[str]:
    """The address of the app over the workspace, as long as the block lasts."""
    script = [sys.executable, str(ROOT / "app.py"), "--port", "0"]
    with subprocess.Popen(
        [*script, "--workspace", str(workspace.root)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        try:
            yield found[0]
        finally:
            process.terminate()


def measure(workspace: Workspace, epochs: int, moves: int, rounds: int) -> dict[str, Any]:
    """All figures; every round opens a fresh page, the server's memory is cold in the first."""
    found: dict[str, list[float]] = {
        "first_sheet_s": [],
        "all_held_s": [],
        "held_at_2_s": [],
        "requests_in_a_drag": [],
    }
    ours: list[float] = []
    growth: list[float] = []
    for _ in range(rounds):
        with served(workspace) as url, opened() as browser:
            page = open_progress(browser, url, "brief")
            page.wait_for_timeout(3_000)
            before = own_memory_mb(browser, page)
            for name, value in open_run(page, "long", epochs).items():
                found[name].append(value)
            page.evaluate(watching(SCRUB, SHOWN))
            found["requests_in_a_drag"].append(drag(page, SCRUB, moves))
            ours += settled(page)
            page.wait_for_timeout(2_000)
            growth.append(own_memory_mb(browser, page) - before)
    return {
        **{name: [round(value, 2) for value in values] for name, values in found.items()},
        "input_to_paint_ms": spread(ours),
        "memory_growth_mb": [round(value, 1) for value in growth],
    }


@contextlib.contextmanager
def opened() -> Iterator[Browser]:
    """Chromium, as the tests start it."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        yield browser
        browser.close()


def open_progress(browser: Browser, url: str, run: str) -> Page:
    """The tab, showing that run."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US")
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{url}?tab=progress&model={run}")
    page.locator(".nc-reel-a[data-epoch]").wait_for()
    page.locator("[data-chart=losses] .scatterlayer").wait_for(state="attached")
    return page


def open_run(page: Page, run: str, epochs: int) -> dict[str, float]:
    """Choose a run: seconds until its newest sheet shows and until all (256 at most) are held, and
    how many were held two seconds after it was chosen (the coarse choice comes first)."""
    page.locator("#model input").click()
    began = time.perf_counter()
    page.get_by_role("option", name=re.compile(f"^{run}")).click()
    page.wait_for_function(NEWEST_SHOWS)
    first = time.perf_counter() - began
    page.wait_for_timeout(max(0.0, 2 - first) * 1_000)
    held = page.evaluate(HELD)
    stride = 2 ** max(0, math.ceil(math.log2(epochs / 256)))
    page.wait_for_function(f"{HELD} >= {epochs // stride}")
    all_held = time.perf_counter() - began
    return {"first_sheet_s": first, "all_held_s": all_held, "held_at_2_s": held}


def drag(page: Page, slider: str, moves: int) -> int:
    """Take the slider's thumb from one end to the other and back, at a hand's rate.

    Returns the number of the page's requests meanwhile.
    """
    page.locator(slider).scroll_into_view_if_needed()
    page.wait_for_timeout(2_000)
    box = page.locator(slider).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    span = np.linspace(box["x"] + 9, box["x"] + box["width"] - 9, moves)
    page.mouse.move(span[0], y)
    page.mouse.down()
    requests: list[str] = []
    page.on("request", lambda one: requests.append(one.url))
    for x in [*span, *span[::-1]]:
        page.mouse.move(float(x), y)
        page.wait_for_timeout(12)
    count = sum(not url.startswith(("data:", "blob:")) for url in requests)
    page.mouse.up()
    return count


def settled(page: Page) -> list[float]:
    """The latencies of a drag, in ms, once the last one has been seen."""
    page.wait_for_timeout(1_500)
    return [float(value) for value in page.evaluate("window.latencies")]


def own_memory_mb(browser: Browser, page: Page) -> float:
    """What the browser's processes hold that they share with no other, garbage collected."""
    inside = page.context.new_cdp_session(page)
    for _ in range(2):
        inside.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(1_000)
    inside.detach()
    session = browser.new_browser_cdp_session()
    total = 0
    for process in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        try:
            text = Path(f"/proc/{process['id']}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(kb) for kb in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.MULTILINE))
    session.detach()
    return total / 1024


def spread(values: list[float]) -> dict[str, float]:
    """n, median, and the tail."""
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "max": round(ordered[-1], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
