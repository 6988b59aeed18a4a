"""What a page that watches a training costs: while nothing changes, and to the training itself.

    python benchmarks/watching.py                          ten windows, ten pairs of runs
    python benchmarks/watching.py --windows 2 --seconds 5 --pairs 1 --width 8 --epochs 2

Idle: the page shows a finished run under Progress, and asks for nothing. Live: it shows a run that
is going on, and asks every two seconds. The processor time of the server and of all of Chromium's
processes is counted over windows of equal length, in turn with windows in which the browser shows
an empty page. Training: pairs of equal runs of the real command
line, one watched from its first step to its last, one not, in alternating order; the training's
own images a second are compared pair by pair. The delay from a row in the run directory to the
page is told too. Times are the wall's, so a busy machine spreads them; processor time it does not.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.training import interval_of_median, make_photos
from neuroceleb import images
from neuroceleb.runs.run import Run
from neuroceleb.runs.status import Heartbeat
from neuroceleb.runs.workspace import Workspace, create_run
from neuroceleb.settings import Settings
from tests import helpers

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SETTLE_S = 8.0
PATIENCE_S = 3_600.0  # with a whole run, on a machine that has other things to do
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


# Processor time ----------------------------------------------------------------------------


def processor_seconds(root: int) -> float:
    """What a process, its children and theirs have computed so far."""
    parents, spent = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        parents[int(folder.name)] = int(fields[1])
        spent[int(folder.name)] = sum(map(int, fields[11:15])) / TICKS_A_SECOND
    family = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            return sum(spent.get(pid, 0.0) for pid in family)
        family |= more


def shares(server: int, seconds: float) -> tuple[float, float]:
    """Shares of one core that the server and the browser take over so many seconds."""
    ours = os.getpid()  # Chromium and its driver are children of this process; so is the server

    def spent() -> tuple[float, float]:
        of_server = processor_seconds(server)
        return of_server, processor_seconds(ours) - of_server

    before, began = spent(), time.monotonic()
    time.sleep(seconds)
    after, passed = spent(), time.monotonic() - began
    return (after[0] - before[0]) / passed, (after[1] - before[1]) / passed


# While nothing changes, and while a run goes on -------------------------------------------


def cost(
    app: helpers.App, browser: Browser, name: str, windows: int, seconds: float
) -> dict[str, Any]:
    """Shares of a core with the page open and with an empty one, in turn."""
    watched, empty = [], []
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
    for _ in range(windows):
        watch(page, app, name)
        time.sleep(SETTLE_S)
        watched.append(shares(app.process.pid, seconds))
        page.goto("about:blank")
        time.sleep(SETTLE_S)
        empty.append(shares(app.process.pid, seconds))
    page.close()
    costs = [sum(a) - sum(b) for a, b in zip(watched, empty, strict=True)]
    return {
        "windows": windows,
        "seconds": seconds,
        "server_share": statistics.median(share for share, _ in watched),
        "browser_share": statistics.median(share for _, share in watched),
        "empty_share": statistics.median(map(sum, empty)),
        "cost_median": statistics.median(costs),
        "cost_interval": interval_of_median(costs),
        "cost_max": max(costs),
    }


def watch(page: Page, app: helpers.App, name: str) -> None:
    """Open Progress on a run."""
    page.goto("about:blank")
    page.goto(f"{app.url}?tab=progress&model={name}")
    page.locator("#run-status p", has_text=name).wait_for(timeout=helpers.PATIENCE_S * 1_000)


# From the run directory to the page --------------------------------------------------------


def delays(app: helpers.App, browser: Browser, run: Run, count: int) -> list[float]:
    """Seconds from a new sheet and row to their being shown."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
    found = []
    watch(page, app, run.name)
    row = {"loss_d": 0.5, "loss_g": 3.0, "d_x": 0.8, "d_g_z1": 0.2, "d_g_z2": 0.1}
    for epoch in range(count):
        images.save(run.sheet_file(epoch), np.full((530, 530, 3), epoch % 256, np.uint8))
        run.append_stats({"epoch": epoch, "images_seen": 64 * (epoch + 1), **row})
        began = time.monotonic()
        page.locator(f".nc-reel-a[data-epoch='{epoch}']").wait_for()
        found.append(time.monotonic() - began)
        time.sleep(float(np.random.default_rng(epoch).uniform(0, 1)))
    page.close()
    return found


# What it costs the training ----------------------------------------------------------------


def race(args: argparse.Namespace, app: helpers.App, browser: Browser) -> list[tuple[float, float]]:
    """Images a second (watched, not watched) of every pair of runs."""
    photos = app.root / "datasets" / "photos"
    make_photos(photos, args.images)
    pairs = []
    for pair in range(args.pairs):
        rates = {}
        for is_watched in (True, False) if pair % 2 else (False, True):
            rates[is_watched] = images_per_second(args, app, browser, is_watched)
        pairs.append((rates[True], rates[False]))
        ratio = rates[True] / rates[False]
        print(
            f"pair {pair + 1:2d} of {args.pairs}: {rates[True]:7.1f} watched, "
            f"{rates[False]:7.1f} not, {ratio:.3f}",
            file=sys.stderr,
        )
    return pairs


def images_per_second(
    args: argparse.Namespace, app: helpers.App, browser: Browser, is_watched: bool
) -> float:
    """The pace of one run: over all its epochs but the first, as it measured itself."""
    run = Run(Workspace(app.root).checkpoints / f"run-{time.time_ns()}")
    size = ("--ngf", str(args.width), "--ndf", str(args.width))
    process = helpers.start(
        app.root,
        *("train", "photos", "--run", run.name, "--device", "cpu"),
        *("--epochs", str(args.epochs), *size),
    )
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
    if is_watched:
        helpers.wait_for(run.exists, process)
        watch(page, app, run.name)
    outcome = helpers.finish(process, PATIENCE_S)
    page.close()
    assert outcome.code == 0, outcome
    rows = run.stats()[1:]
    return args.images * len(rows) / sum(row["seconds"] for row in rows)


def cost_in_words(of: dict[str, Any]) -> str:
    low, high = of["cost_interval"]
    return (
        f"{of['cost_median']:.2%} of a core for the page (median of {of['windows']} windows of "
        f"{of['seconds']:.0f} s, 95% [{low:.2%}, {high:.2%}], most {of['cost_max']:.2%}); the "
        f"server takes {of['server_share']:.2%}, the browser {of['browser_share']:.2%}; both with "
        f"an empty page {of['empty_share']:.2%}"
    )


def summary(figures: dict[str, Any]) -> str:
    """The figures in words."""
    told, raced = figures["delay"], figures["training"]
    lines = [
        *(f"{name:<9} {cost_in_words(figures[name])}" for name in ("idle", "live")),
        f"delay     {told['median']:.2f} s from the run directory to the page (median of "
        f"{told['n']}, most {told['max']:.2f} s)",
    ]
    if raced["n"]:
        low, high = raced["ratio_interval"]
        lines.append(
            f"training  {raced['ratio_median']:.3f}x as fast while watched (median of "
            f"{raced['n']} pairs, 95% [{low:.3f}, {high:.3f}], from {raced['ratio_min']:.3f} to "
            f"{raced['ratio_max']:.3f})"
        )
    return "\n".join(lines)


def measure(args: argparse.Namespace, root: Path) -> dict[str, Any]:
    """All of it; see above."""
    workspace = Workspace(root)
    config = {"settings": Settings(epochs=40).to_json()}
    quiet = create_run(workspace, "quiet", config)
    quiet.write_status({"state": "finished", "epoch": 40, "epochs": 40})
    curve = helpers.ROOT / "tests" / "runs" / "curves" / "healthy.jsonl"
    for line in curve.read_text("utf-8").splitlines():
        quiet.append_stats(json.loads(line))
    app = helpers.App(root)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            at_rest = cost(app, browser, quiet.name, args.windows, args.seconds)
            told_run = create_run(workspace, "told", config)
            with told_run.locked(), Heartbeat(told_run, epochs=1_000, state="running"):
                told = delays(app, browser, told_run, args.delays)
                live = cost(app, browser, told_run.name, args.windows, args.seconds)
            pairs = race(args, app, browser) if args.pairs else []
            browser.close()
    finally:
        app.kill()
    ratios = [watched / not_watched for watched, not_watched in pairs]
    raced: dict[str, Any] = {"n": len(ratios), "pairs": pairs}
    if ratios:
        raced |= {
            "ratio_median": statistics.median(ratios),
            "ratio_interval": interval_of_median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
        }
    delay = {"n": len(told), "median": statistics.median(told), "max": max(told)}
    return {"idle": at_rest, "live": live, "delay": delay, "training": raced}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--windows", type=int, default=10, help="of each kind, while nothing changes")
    add("--seconds", type=float, default=20.0, help="length of each")
    add("--delays", type=int, default=20, help="new rows whose way to the page is timed")
    add("--pairs", type=int, default=10, help="of runs, one watched and one not; 0: none")
    add("--width", type=int, default=64, help="ngf and ndf of the runs")
    add("--images", type=int, default=1024, help="an epoch")
    add("--epochs", type=int, default=3, help="of each run; the first is not counted")
    add("--json", type=Path, help="write the figures here too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(args, Path(folder))
    print(summary(figures))
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
