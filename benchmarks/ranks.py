"""Images a second of one process and of several, on the same machine, in turn.

    python benchmarks/ranks.py                            one and two processes on the CPU (gloo)
    python benchmarks/ranks.py --device cuda --ngpu 1 2 4 8 --batch 512 --faces 15000
    python benchmarks/ranks.py --json figures.json

Each trial is a real `train --ngpu N`, a run of some epochs, started anew; the figure is the
images a second of its epochs but the first, as its stats.jsonl has them, so that starting,
connecting and choosing kernels do not count. `--batch` is the global batch, for all N alike
(strong scaling); with `--weak`, that of each process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import training as plain  # noqa: E402  benchmarks/training.py

from neuroceleb.runs.run import Run  # noqa: E402


def main(arguments: list[str]) -> None:
    """Measure, print, write."""
    args = parse(arguments)
    rates: dict[int, list[float]] = {ngpu: [] for ngpu in args.ngpu}
    load = []
    with tempfile.TemporaryDirectory() as temporary:
        workspace = Path(temporary)
        photos = args.data or workspace / "photos"
        if args.data is None:
            plain.make_photos(photos, args.faces)
        for turn in range(args.turns):
            load.append(round(os.getloadavg()[0], 1))
            for ngpu in args.ngpu:
                rates[ngpu].append(trial(args, workspace, photos, ngpu, f"run-{turn}-{ngpu}"))
                print(f"turn {turn + 1}: {ngpu} x {rates[ngpu][-1]:,.1f} images/s", file=sys.stderr)
    first = args.ngpu[0]
    figures: dict[str, Any] = {"load": load, "cores": os.cpu_count(), "n": args.turns}
    for ngpu, several in rates.items():
        ratios = [one / base for one, base in zip(several, rates[first], strict=True)]
        figures[str(ngpu)] = {"images_per_second": several, "ratio": ratios}
        print(
            f"{ngpu} x {args.device}: {statistics.median(several):,.1f} images/s (median of "
            f"{args.turns}), {statistics.median(ratios):.2f}x of {first}, from {min(ratios):.2f} "
            f"to {max(ratios):.2f}"
        )
    print(f"load of the machine meanwhile: {load} on {os.cpu_count()} cores")
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def trial(args: argparse.Namespace, workspace: Path, photos: Path, ngpu: int, name: str) -> float:
    """One run's images a second, of all its epochs but the first."""
    batch = args.batch * ngpu if args.weak else args.batch
    flags = {
        "run": name,
        "ngpu": ngpu,
        "device": args.device,
        "ngf": args.width,
        "ndf": args.width,
        "batch-size": batch,
        "epochs": args.epochs,
        "keep-every": args.epochs,
        "workspace": workspace,
    }
    command = [sys.executable, "-m", "neuroceleb", "train", str(photos)]
    done = subprocess.run(
        [*command, *(f"--{key}={value}" for key, value in flags.items())],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"The training of {ngpu} failed:\n{done.stderr}")
    rows = Run(workspace / "checkpoints" / name).stats()[1:]
    before = rows[0]["images_seen"] // (rows[0]["epoch"] + 1)
    return before * len(rows) / sum(row["seconds"] for row in rows)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--ngpu", type=plain.positive, nargs="+", default=[1, 2])
    add("--width", type=plain.positive, default=64, help="ngf and ndf")
    add("--batch", type=plain.positive, default=64)
    add("--weak", action="store_true", help="--batch is that of each process")
    add("--faces", type=plain.positive, default=256)
    add("--epochs", type=plain.positive, default=3)
    add("--turns", type=plain.positive, default=3)
    add("--data", type=Path)
    add("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
