"""Faces a second, visitors at once, memory over time, and the slider under the finger.

    python benchmarks/serving.py                          all parts, on the run that ships
    python benchmarks/serving.py --parts compute,browser --pairs 30 --json figures.json

compute:  our generator against plain eager PyTorch (the network as it is loaded, in eval mode,
          contiguous, one batch), both in this process, in turn: A B A B, each pair a ratio; both
          from z to uint8 pixels.
visitors: the app in a process of its own; so many visitors at once, each asking the endpoint
          /generate for 16 faces again and again, as PNGs. No pause between.
memory:   the same app, requests for one face each that go through many checkpoints; its resident
          memory after every tenth of them.
browser:  Chromium on the same machine: input to paint of the Interpolate slider, change of an end
          point to a slider that moves (64 frames), and several tabs at once.
"""

import argparse
import itertools
import json
import os
import platform
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint, generator

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "checkpoints" / "celeba-mini-classic"
PARTS = ("compute", "visitors", "memory", "browser")
FACES_A_VISIT = 16
BLOCK = 20  # requests for one checkpoint before the next one's turn
CHROMIUM = "/usr/bin/chromium"
PATIENCE_S = 300.0

Figures = dict[str, Any]


def summary(values: list[float]) -> dict[str, float]:
    """Least, median, 95th percentile and greatest, with their number."""
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "min": ordered[0],
        "median": statistics.median(ordered),
        "p95": float(np.quantile(ordered, 0.95)),
        "max": ordered[-1],
    }


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long it takes, by that clock."""
    start = clock()
    work()
    return clock() - start


# Compute -----------------------------------------------------------------------------------


def measure_compute(
    weights: Path, sizes: list[int], pairs: int, clock: Callable[[], float]
) -> Figures:
    """Milliseconds of both for every size, and the ratio of each pair: theirs over ours."""
    network, _ = checkpoint.load_generator(weights)
    model = generator.load(weights)
    found: Figures = {}
    for size in sizes:
        z = z_from_seeds(range(size), model.nz)

        def theirs(z: np.ndarray = z) -> None:
            with torch.inference_mode():
                generator.to_pixels(network(torch.from_numpy(z)[:, :, None, None]))

        def ours(z: np.ndarray = z) -> None:
            model.images(z)

        theirs(), ours()
        timed = [(seconds(theirs, clock), seconds(ours, clock)) for _ in range(pairs)]
        found[str(size)] = {
            "eager_ms": summary([1e3 * one for one, _ in timed]),
            "ours_ms": summary([1e3 * other for _, other in timed]),
            "ratio": summary([one / other for one, other in timed]),
        }
    return found


# The app -----------------------------------------------------------------------------------


@contextmanager
def served(workspace: Path) -> Iterator[tuple[int, int]]:
    """The app over a workspace, in a process of its own: (port, process id)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--workspace", str(workspace)], stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            assert "Neuro-celeb is at" in process.stdout.readline()
            ask(port, SHIPPED.name, "0")  # once torch is loaded
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def ask(port: int, model: str, seeds: str, epoch: int = -1, session: str | None = None) -> int:
    """The number of faces that `/generate` made, as a client calls it; raises where it failed.

    Gradio's own client keeps one session for all its calls; without one each call begins another,
    which costs the server 40 to 80 ms.
    """
    address = f"http://127.0.0.1:{port}/gradio_api/call/generate"
    body = json.dumps({"data": [model, seeds, epoch, 1.0], "session_hash": session}).encode()
    request = Request(address, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=PATIENCE_S) as answer:
        event = json.load(answer)["event_id"]
    with urlopen(f"{address}/{event}", timeout=PATIENCE_S) as answer:
        events = answer.read().decode()
    if "event: complete" not in events:
        raise RuntimeError(events[-200:])
    return len(json.loads(events.rpartition("data: ")[2])[0])


def make_workspace(root: Path, checkpoints: int) -> None:
    """The run that ships, and one that kept many epochs, each with weights of its own."""
    shutil.copytree(SHIPPED, root / "checkpoints" / SHIPPED.name)
    many = root / "checkpoints" / "many"
    many.mkdir()
    shutil.copy(SHIPPED / "config.json", many)
    network, config = checkpoint.load_generator(max(SHIPPED.glob("netG_epoch_*.safetensors")))
    last = network.main[-2]
    for epoch in range(checkpoints):
        with torch.no_grad():
            last.weight.mul_(0.99)
        path = many / f"netG_epoch_{epoch:03d}.safetensors"
        checkpoint.save_weights(path, network, config, "float16")


# Visitors ----------------------------------------------------------------------------------


def measure_visitors(port: int, pid: int, visitors: int, rounds: int) -> Figures:
    """Seconds of every answer; all visitors begin at once. And what the app's processor took.

    Each visitor's first answer is counted apart: it begins a session.
    """
    together = threading.Barrier(visitors)
    errors: list[str] = []

    def visit(number: int) -> list[float]:
        rng = random.Random(number)
        together.wait()
        spent = []
        for _ in range(1 + rounds):
            seed = rng.randrange(10**6)
            seeds = f"{seed}-{seed + FACES_A_VISIT - 1}"
            try:
                made = partial(ask, port, SHIPPED.name, seeds, session=f"visitor{number}")
                spent.append(seconds(made))
            except (OSError, RuntimeError) as error:
                errors.append(str(error))
        return spent

    start, worked = time.perf_counter(), processor_seconds(pid)
    with ThreadPoolExecutor(visitors) as crowd:
        each = list(crowd.map(visit, range(visitors)))
    whole = time.perf_counter() - start
    first, later = [spent[0] for spent in each], [one for spent in each for one in spent[1:]]
    return {
        "errors": errors,
        "first_seconds": summary(first),
        "seconds": summary(later),
        "faces_per_second": FACES_A_VISIT * (len(first) + len(later)) / whole,
        "processor_seconds_a_round": (processor_seconds(pid) - worked) / (1 + rounds),
    }


def processor_seconds(pid: int) -> float:
    """What a process has worked so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Memory ------------------------------------------------------------------------------------


def measure_memory(port: int, pid: int, requests: int, checkpoints: int) -> Figures:
    """Resident megabytes after each tenth of the requests, and at the beginning."""
    resident = [resident_mb(pid)]
    part = max(1, requests // 10)
    for number in range(requests):
        epoch = number // BLOCK % checkpoints
        ask(port, "many", str(number), epoch)
        if (number + 1) % part == 0:
            resident.append(resident_mb(pid))
    return {"requests": requests, "checkpoints": checkpoints, "resident_mb": resident}


def resident_mb(pid: int) -> float:
    """What a process holds in memory now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process is gone")


# The browser -------------------------------------------------------------------------------

# From the moment the browser had the input until after the frame that shows it was painted.
WATCH_SCRUBBING = """() => {
    window.scrubs = [];
    const channel = new MessageChannel();
    document.querySelector("#scrubber .nc-range").addEventListener("input", (event) => {
        const began = event.timeStamp;
        requestAnimationFrame(() => {
            channel.port1.onmessage = () => window.scrubs.push(performance.now() - began);
            channel.port2.postMessage(0);
        });
    });
}"""
WATCH_CHANGES = """() => {
    const name = () => document.querySelector("#scrubber .nc-keys li:last-child span").textContent;
    const input = document.querySelector("#keys textarea, #keys input");
    let [began, before] = [null, ""];
    input.addEventListener("keydown", ({ key }) => {
        if (key === "Enter") [began, before] = [performance.now(), name()];
    }, true);
    window.changes = [];
    new MutationObserver(() => {
        if (began === null || name() === before) return;
        window.changes.push(performance.now() - began);
        began = null;
    }).observe(document.querySelector("#scrubber .nc-keys"), { childList: true });
}"""


def measure_browser(port: int, moves: int, changes: int, tabs: int) -> Figures:
    """Milliseconds of scrubbing and of new end points; several tabs with faces at once."""
    from playwright.sync_api import sync_playwright

    url = f"http://127.0.0.1:{port}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_S * 1e3)
        page.goto(f"{url}?tab=interpolate&keys=3,14&leg=64")
        page.wait_for_selector("#scrubber .nc-frame-scrubber[data-whole]")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate(WATCH_SCRUBBING)
        slider = page.locator("#scrubber .nc-range")
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 10, y)
        page.mouse.down()
        for move in range(moves):
            share = 0.5 + 0.45 * np.sin(move / 9)
            page.mouse.move(box["x"] + share * box["width"], y)
            page.wait_for_timeout(25)
        page.mouse.up()
        scrubs = page.evaluate("window.scrubs")
        requests = len(asked)
        page.evaluate(WATCH_CHANGES)
        for change in range(changes):
            change_end(page, 1000 + change)
        ends = page.evaluate("window.changes")
        page.close()
        found = {
            "input_to_paint_ms": summary(scrubs),
            "requests_while_scrubbing": requests,
            "new_end_ms": summary(ends),
            "tabs": measure_tabs(browser.new_context(), url, tabs),
        }
        browser.close()
    return found


def change_end(page: Any, seed: int) -> None:
    """Write another last seed, and wait for all of its frames."""
    keys = page.locator("#keys textarea, #keys input")
    keys.fill("")
    keys.press_sequentially(f"3,{seed}")
    keys.press("Enter")
    page.locator("#scrubber .nc-keys span", has_text=str(seed)).wait_for()
    page.wait_for_selector("#scrubber .nc-frame-scrubber[data-whole]")


def measure_tabs(context: Any, url: str, tabs: int) -> Figures:
    """Seconds until tabs of one browser, opened at once, all show faces; then new ones."""
    errors: list[str] = []
    start = time.perf_counter()
    pages = [context.new_page() for _ in range(tabs)]
    for page in pages:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url, wait_until="commit")
    for page in pages:
        page.wait_for_selector("#faces .nc-frame img", timeout=PATIENCE_S * 1e3)
    opened = time.perf_counter() - start
    first = "#faces .nc-frame img"
    before = [page.locator(first).first.get_attribute("alt") for page in pages]
    start = time.perf_counter()
    for page in pages:
        page.evaluate("document.querySelector('#dice').click()")
    for page, alt in zip(pages, before, strict=True):
        page.wait_for_function(
            "(first) => document.querySelector('#faces .nc-frame img').alt != first",
            arg=alt,
            timeout=PATIENCE_S * 1e3,
        )
    return {
        "tabs": tabs,
        "errors": errors,
        "opened_s": opened,
        "rolled_s": time.perf_counter() - start,
    }


# The whole ---------------------------------------------------------------------------------


def describe(figures: Figures) -> Iterator[str]:
    """The figures in lines to read."""

    def spread(one: dict[str, float], digits: int = 1) -> str:
        return "  ".join(f"{name} {one[name]:.{digits}f}" for name in ("min", "median", "p95"))

    for size, found in figures.get("compute", {}).items():
        yield (
            f"{size:>4} faces: eager {spread(found['eager_ms'])} ms | ours "
            f"{spread(found['ours_ms'])} ms | eager / ours {spread(found['ratio'], 2)}"
        )
    if "visitors" in figures:
        found = figures["visitors"]
        yield (
            f"visitors: {len(found['errors'])} errors, {spread(found['seconds'], 2)} s (the first "
            f"answers {spread(found['first_seconds'], 2)}), "
            f"{found['faces_per_second']:.0f} faces/s, "
            f"{found['processor_seconds_a_round']:.2f} s of processor a round"
        )
    if "memory" in figures:
        resident = " ".join(f"{value:.0f}" for value in figures["memory"]["resident_mb"])
        yield f"memory: {resident} MB"
    if "browser" in figures:
        found = figures["browser"]
        yield f"input to paint: {spread(found['input_to_paint_ms'])} ms"
        yield f"requests while scrubbing: {found['requests_while_scrubbing']}"
        yield f"new end point, 64 frames: {spread(found['new_end_ms'])} ms"
        tabs = found["tabs"]
        yield (
            f"{tabs['tabs']} tabs: {len(tabs['errors'])} errors, open in {tabs['opened_s']:.1f} s, "
            f"new faces in {tabs['rolled_s']:.1f} s"
        )


def main() -> None:
    """Measure the parts asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--sizes", default="1,16,64,256", help="faces drawn at once")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--visitors", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--checkpoints", type=int, default=50)
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--tabs", type=int, default=8)
    parser.add_argument(
        "--clock",
        choices=["wall", "processor"],
        default="wall",
        help="for compute; processor: one thread's own time, for a machine that others use, too",
    )
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    parts = options.parts.split(",")
    if set(parts) - set(PARTS):
        parser.error(f"--parts are of {', '.join(PARTS)}")

    clock = time.perf_counter
    if options.clock == "processor":
        torch.set_num_threads(1)
        clock = time.process_time
    figures: Figures = {
        "clock": options.clock,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "torch": torch.__version__,
        "load_before": os.getloadavg(),
    }
    if "compute" in parts:
        weights = max(SHIPPED.glob("netG_epoch_*.safetensors"))
        sizes = list(map(int, options.sizes.split(",")))
        figures["compute"] = measure_compute(weights, sizes, options.pairs, clock)
    if set(parts) - {"compute"}:
        with tempfile.TemporaryDirectory() as folder:
            make_workspace(Path(folder), options.checkpoints if "memory" in parts else 0)
            with served(Path(folder)) as (port, pid):
                if "visitors" in parts:
                    figures["visitors"] = measure_visitors(
                        port, pid, options.visitors, options.rounds
                    )
                if "browser" in parts:
                    figures["browser"] = measure_browser(
                        port, options.moves, options.changes, options.tabs
                    )
                if "memory" in parts:
                    figures["memory"] = measure_memory(
                        port, pid, options.requests, options.checkpoints
                    )
    figures["load_after"] = os.getloadavg()
    print("\n".join(itertools.chain([str(figures["machine"])], describe(figures))))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
