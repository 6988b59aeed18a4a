"""What one GPU does: the training at its batch sizes and precisions, the original's loop, a run.

    python benchmarks/gpu.py                              about 6 minutes; needs a GPU
    python benchmarks/gpu.py --data FOLDER --json gpu.json
    python benchmarks/gpu.py --device cpu --width 4 --batches 8 --faces 40 --epochs 2   to try it

One command, in one process on one card, so that its figures may be compared with one another:

1. the original's batch of 64: ours, ours without a captured graph, and the original's loop with 8
   loader workers that decode JPEGs, in turn: A B C A B C;
2. ours at every batch of `--batches`, in float32 (TF32) and in bfloat16, beside the arithmetic
   limit: operations an image against the best product that the card computes in that precision;
3. a whole run, `--epochs` of `--faces` faces with everything written: sheets, weights, figures,
   states; by the clock, from the decoded faces to the last file.

Without --data it makes JPEGs of its own, of smooth noise. It needs torch, numpy, Pillow and
safetensors beside the repository; no click, no Gradio, no torchvision.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import training as plain  # benchmarks/training.py; it finds the package

from neuroceleb.data import dataset
from neuroceleb.data.batches import Faces
from neuroceleb.data.dataset import Dataset
from neuroceleb.runs.status import Heartbeat
from neuroceleb.runs.workspace import Workspace, create_run
from neuroceleb.settings import Settings
from neuroceleb.training import cuda_graphs
from neuroceleb.training import device as devices
from neuroceleb.training import loop as trainer
from neuroceleb.training.spec import TrainingSpec

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def main(arguments: list[str]) -> int:
    """Measure, print, write; 2 where there is no GPU."""
    args = parse(arguments)
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("There is no GPU here: nothing was measured.", file=sys.stderr)
        return 2
    devices.configure(device)
    with tempfile.TemporaryDirectory() as temporary, cuda_graphs.side_stream(device):
        workspace = Workspace(Path(temporary))
        folder = args.data or made(workspace.root / "photos", args.faces)
        began = time.perf_counter()
        data = dataset.load(folder, workspace.datasets)
        figures: dict[str, Any] = {
            "machine": plain.machine(device),
            "faces": len(data),
            "decoding_seconds": time.perf_counter() - began,
        }
        say(f"{figures['machine']}, {len(data):,} faces")
        figures["beside_the_original"] = beside_the_original(args, device, data, folder)
        figures["batches"] = at_batches(args, device, data)
        figures["whole_run"] = whole_run(args, device, data, workspace)
    print(json.dumps(figures, indent=2))
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return 0


def made(folder: Path, count: int) -> Path:
    """A folder of synthetic photos."""
    plain.make_photos(folder, count)
    return folder


def settings(args: argparse.Namespace, batch: int, precision: str = "float32") -> Settings:
    """The recipe classic, with this batch and precision."""
    widths = {"ngf": args.width, "ndf": args.width}
    return Settings.checked(
        recipe="classic", batch_size=batch, precision=precision, epochs=args.epochs, **widths
    )


def say(text: str) -> None:
    """Tell how far it has come; the figures alone go to stdout."""
    print(text, file=sys.stderr, flush=True)


# 1 -----------------------------------------------------------------------------------------


def beside_the_original(
    args: argparse.Namespace, device: torch.device, data: Dataset, folder: Path
) -> dict[str, Any]:
    """Images a second of three loops in turn, at the first of the batches."""
    batch = args.batches[0]
    how = settings(args, batch)
    faces = Faces(data.pixels, device)
    loops = {
        "ours": plain.Ours(faces, how, device),
        "ours_not_captured": plain.Ours(faces, how, device, use_cuda_graphs=False),
        "original": plain.Theirs(folder, how, device, args.workers),
    }
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(args.turns):
        for name, loop in loops.items():
            # Of the original, first what its workers fetched while it stood idle is used up.
            warm_up = 2 * args.workers + 2 if name == "original" else 2 * cuda_graphs.WARM_UP_CALLS
            steps = args.steps if name == "original" else args.steps * args.faster
            rates[name].append(plain.images_per_second(loop.step, warm_up, steps, device))
        say(f"turn {turn + 1} of {args.turns}: " + spoken({k: v[-1] for k, v in rates.items()}))
    ratios = [a / b for a, b in zip(rates["ours"], rates["original"], strict=True)]
    return {
        "batch": batch,
        "workers": args.workers,
        "images_per_second": rates,
        "median": {name: statistics.median(values) for name, values in rates.items()},
        "ratio_median": statistics.median(ratios),
        "ratio_interval": plain.interval_of_median(ratios),
        "n": args.turns,
    }


def spoken(rates: dict[str, float]) -> str:
    """Rates in a line."""
    return ", ".join(f"{name} {rate:,.0f} images/s" for name, rate in rates.items())


# 2 -----------------------------------------------------------------------------------------


def at_batches(args: argparse.Namespace, device: torch.device, data: Dataset) -> list[Any]:
    """Images a second at every batch and precision, and their share of the arithmetic limit."""
    faces = Faces(data.pixels, device)
    flop = plain.flop_an_image(100, args.width, args.width)
    rows = []
    for name, dtype in PRECISIONS.items():
        limit = plain.gemm_flops(device, dtype=dtype) / flop if device.type == "cuda" else None
        for batch in args.batches:
            if batch > len(data):
                continue
            ours = plain.Ours(faces, settings(args, batch, name), device)
            steps = max(args.steps, args.steps * args.faster * args.batches[0] // batch)
            rates = [
                plain.images_per_second(ours.step, 2 * cuda_graphs.WARM_UP_CALLS, steps, device)
                for _ in range(3)
            ]
            rate = statistics.median(rates)
            row = {"precision": name, "batch": batch, "images_per_second": rates, "median": rate}
            row |= {"limit": limit, "share": None if limit is None else rate / limit}
            row |= devices.memory()
            rows.append(row)
            say(f"{name} at {batch}: {rate:,.0f} images/s, limit {limit}")
    return rows


# 3 -----------------------------------------------------------------------------------------


def whole_run(
    args: argparse.Namespace, device: torch.device, data: Dataset, workspace: Workspace
) -> list[Any]:
    """Wall-clock seconds of whole runs, everything written; the first and the last losses."""
    rows = []
    for precision in PRECISIONS if device.type == "cuda" else ["float32"]:
        how = settings(args, args.batches[0], precision)
        run = create_run(workspace, f"run-{precision}", {"settings": how.to_json()})
        spec = TrainingSpec(run, how, data, device)
        began = time.perf_counter()
        with Heartbeat(run, epochs=how.epochs) as heartbeat:
            trainer.train(spec, heartbeat, lambda: False, lambda _: None)
        seconds = time.perf_counter() - began
        stats = run.stats()
        row = {
            "precision": precision,
            "batch": how.batch_size,
            "epochs": len(stats),
            "sheets": len(run.sheets()),
            "kept": len(run.kept()),
            "seconds": seconds,
            "images_per_second": len(data) * len(stats) / seconds,
            "losses": [[one["loss_d"], one["loss_g"]] for one in (stats[0], stats[-1])],
        }
        rows.append(row)
        say(f"{precision}: {len(stats)} epochs of {len(data):,} faces in {seconds:.1f} s")
        shutil.rmtree(run.path)
    return rows


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--device", choices=["cpu", "cuda"], default="cuda")
    add("--data", type=Path, help="a folder of photos, one sub-folder a person")
    add("--faces", type=plain.positive, default=15_000, help="how many to make without --data")
    add("--width", type=plain.positive, default=64, help="ngf and ndf")
    add("--batches", type=plain.positive, nargs="+", default=[64, 128, 256, 512, 1024, 2048])
    add("--epochs", type=plain.positive, default=200, help="of the whole run")
    add("--workers", type=int, default=8, help="of the original's loader")
    add("--turns", type=plain.positive, default=7, help="how often each loop is measured")
    add("--steps", type=plain.positive, default=40, help="steps of a measurement of the original")
    add("--faster", type=plain.positive, default=10, help="times as many steps of ours")
    add("--json", type=Path, help="write the figures here too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
