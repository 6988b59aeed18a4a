"""Seconds and megabytes until something happens: the app answers, a training takes its first step.

    python benchmarks/startup.py [--times 5] [--json figures.json]
    python benchmarks/startup.py --data FOLDER_OR_ZIP     a dataset to train on; else it makes one

The app, in an empty workspace: from starting Python to the first response of /healthz, and the
memory then and five seconds later (without a model it does not load torch). In this repository,
where a model ships: the same, with torch loading behind it. Then `train` on a dataset that was
decoded before: from starting Python to the first step in the run's status.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import training as training_benchmark  # noqa: E402  benchmarks/training.py

from neuroceleb.runs.run import Run  # noqa: E402

PATIENCE_S = 300.0


def main(arguments: list[str]) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Time the starts.")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--faces", type=int, default=2_048)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {"n": options.times, "load": []}
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "empty").mkdir()
        data = options.data
        if data is None:
            data = place / "photos"
            training_benchmark.make_photos(data, options.faces)
        measurements: dict[str, Callable[[], dict[str, float]]] = {
            "app, no model": lambda: start_app(place / "empty"),
            "app, the model that ships": lambda: start_app(ROOT),
            "train, decoded before": lambda: first_step(place / "empty", data),
        }
        first_step(place / "empty", data)  # decodes
        for _ in range(options.times):
            figures["load"].append(round(os.getloadavg()[0], 1))
            for name, measure in measurements.items():
                for what, value in measure().items():
                    figures.setdefault(name, {}).setdefault(what, []).append(round(value, 2))
    for name in measurements:
        for what, values in figures[name].items():
            print(
                f"{name:<26} {what:<22} median {statistics.median(values):7.2f}, "
                f"from {min(values):.2f} to {max(values):.2f}, n = {len(values)}"
            )
    print(f"load of the machine meanwhile: {figures['load']} on {os.cpu_count()} cores")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def start_app(workspace: Path) -> dict[str, float]:
    """Start the app, and terminate it again."""
    began = time.perf_counter()
    command = [sys.executable, str(ROOT / "app.py"), "--port", "0", "--workspace", str(workspace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[1].split()[0]
        with urllib.request.urlopen(f"{address}/healthz", timeout=PATIENCE_S) as answer:
            answer.read()
        seconds = time.perf_counter() - began
        figures = {"s to /healthz": seconds, "MB then": memory_mb(process.pid)}
        time.sleep(5)
        figures["MB five seconds later"] = memory_mb(process.pid)
        process.terminate()
    return figures


def memory_mb(pid: int) -> float:
    """What a process holds in memory (resident), in MB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def first_step(workspace: Path, data: Path) -> dict[str, float]:
    """Train there, at the original's size, until the status shows the first step; then kill it."""
    run = Run(workspace / "checkpoints" / "one")
    began = time.perf_counter()
    command = [sys.executable, "-m", "neuroceleb", "train", str(data), "--run", "one"]
    with subprocess.Popen(
        [*command, "--workspace", str(workspace)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not run.status().get("step"):
            assert process.poll() is None, "it ended before its first step"
            assert time.perf_counter() - began < PATIENCE_S
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        process.kill()
    shutil.rmtree(run.path)
    return {"s to the first step": seconds}


if __name__ == "__main__":
    main(sys.argv[1:])
