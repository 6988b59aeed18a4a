"""Silent connections, and a small request beside heavy ones: what other visitors notice.

    python benchmarks/flood.py
    python benchmarks/flood.py --silent 1500 --heavy 16 --seconds 20 --json figures.json

Silent: so many connections that never send a whole request are opened and held, while `/healthz`
and one face are asked for. Heavy: visitors who ask for 256 faces each, again and again, while one
asks for one face, and `/healthz` is asked for. Times are of whole requests, by the wall clock.
"""

import argparse
import contextlib
import json
import os
import resource
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.serving import SHIPPED, ask, make_workspace, seconds, served, summary  # noqa: E402

SILENT, HEAVY, SECONDS = 1_500, 16, 20.0  # connections, visitors, seconds of each part


def measure(port: int, seconds_long: float) -> dict[str, Any]:
    """Milliseconds of `/healthz` and of one face, in turn, for so long."""
    health, face, errors = [], [], []
    end = time.monotonic() + seconds_long
    while time.monotonic() < end:
        for times, request in ((health, check_health), (face, draw_one)):
            try:
                times.append(1e3 * seconds(lambda request=request: request(port)))
            except (OSError, RuntimeError) as error:
                errors.append(str(error))
    return {"healthz_ms": summary(health), "one_face_ms": summary(face), "errors": errors}


def check_health(port: int) -> None:
    with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
        answer.read()


def draw_one(port: int) -> None:
    ask(port, SHIPPED.name, "1")


def measure_silent(port: int, count: int, seconds_long: float) -> dict[str, Any]:
    """As `measure`, while `count` connections are held, each of which sent half a head."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            one.sendall(b"GET / HTTP/1.1\r\nHost:")
        return {"connections": count, **measure(port, seconds_long)}


def measure_heavy(port: int, visitors: int, seconds_long: float) -> dict[str, Any]:
    """As `measure`, while visitors ask for 256 faces each, one after the other."""
    ended = threading.Event()
    done = []

    def visit(number: int) -> None:
        while not ended.is_set():
            ask(port, SHIPPED.name, f"{1_000 * number}-{1_000 * number + 255}")
            done.append(number)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(visitors)]
    for thread in threads:
        thread.start()
    figures = measure(port, seconds_long)
    ended.set()
    for thread in threads:
        thread.join()
    return {"visitors": visitors, "heavy_requests": len(done), **figures}


def measure_all(silent: int, heavy: int, seconds_long: float) -> dict[str, Any]:
    """Measure, and print, each part on one server; `silent` connections, `heavy` visitors."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    parts: dict[str, Callable[[int], dict[str, Any]]] = {
        "quiet": lambda port: measure(port, seconds_long),
        "silent": lambda port: measure_silent(port, silent, seconds_long),
        "heavy": lambda port: measure_heavy(port, heavy, seconds_long),
    }
    figures: dict[str, Any] = {"load_before": os.getloadavg()}
    with tempfile.TemporaryDirectory() as folder:
        make_workspace(Path(folder), 0)
        with served(Path(folder)) as (port, _pid):
            for name, measure_part in parts.items():
                figures[name] = measure_part(port)
                _print(name, figures[name])
    return figures


def _print(name: str, part: dict[str, Any]) -> None:
    for what in ("healthz_ms", "one_face_ms"):
        spread = "  ".join(f"{key} {value:.0f}" for key, value in part[what].items())
        print(f"{name:<7} {what:<12} {spread}", flush=True)
    print(f"{name:<7} {len(part['errors'])} errors", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--silent", type=int, default=SILENT, help="connections")
    parser.add_argument("--heavy", type=int, default=HEAVY, help="visitors")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each part")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = measure_all(options.silent, options.heavy, options.seconds)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
