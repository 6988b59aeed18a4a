"""Training on a few hundred faces: from noise, from a model, and variants of that.

    python benchmarks/few_photos.py run DATASET --work DIR       again and again, until all is done
    python benchmarks/few_photos.py table DATASET --work DIR     the table of what is there

Each cell (a number of faces, a variant, a seed) draws its faces from DATASET, the same for all
variants, and is trained for --cpu-seconds of this process, measuring not counted. `run` works for
--minutes at most and goes on where it stopped. At the end the generated faces are compared with
faces that no cell trains on: sliced Wasserstein distance, well-formed and flawed faces, kernel
distance of face identity, and copies of persons of the faces trained on. The same measures of real
faces are printed beside them. D's mean output for faces trained on and not is that of
`quick_evaluation.mean_d_output`. --start must name a model that has not seen DATASET.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb import files, images  # noqa: E402
from neuroceleb.data import dataset  # noqa: E402
from neuroceleb.data.batches import Faces  # noqa: E402
from neuroceleb.errors import UserError  # noqa: E402
from neuroceleb.images import Pixels  # noqa: E402
from neuroceleb.latent.seeds import parse_seeds, z_from_seeds  # noqa: E402
from neuroceleb.metrics import flaws, identity_evaluation, quick_evaluation  # noqa: E402
from neuroceleb.metrics.identity_evaluation import RealIdentities  # noqa: E402
from neuroceleb.metrics.quick_evaluation import QuickReference  # noqa: E402
from neuroceleb.model import generator  # noqa: E402
from neuroceleb.runs.run import Run  # noqa: E402
from neuroceleb.runs.workspace import Workspace  # noqa: E402
from neuroceleb.settings import NONE, Settings  # noqa: E402
from neuroceleb.training.gan import (  # noqa: E402
    GAN,
    ema_half_life,
    new_gan,
    recompute_ema_statistics,
    set_learning_rates,
    update_emas,
)
from neuroceleb.training.progress import Progress  # noqa: E402
from neuroceleb.training.step import step_config  # noqa: E402
from neuroceleb.training.step_function import make_step_function  # noqa: E402

CPU = torch.device("cpu")
DRAW_SEED = 11
SHOWN = 64  # faces on a cell's sheet

# What each variant changes of `modern`. All but noise start from a model.
VARIANTS: dict[str, dict[str, Any]] = {
    "noise": {"start_from": NONE},
    "warm": {},
    "warm, averages three": {"averages": "three"},
    "warm, averages three, lr 2e-4": {"averages": "three", "lr": 2e-4},
    "warm, averages three, lr 8e-4": {"averages": "three", "lr": 8e-4},
    "warm, averages three, batch_size 16": {"averages": "three", "batch_size": 16},
    "warm, averages three, freeze_d 3": {"averages": "three", "freeze_d": 3},
    "warm, freeze_d 2": {"freeze_d": 2},
    "warm, freeze_d 3": {"freeze_d": 3},
    "warm, freeze_d 4": {"freeze_d": 4},
    "warm, augment_chance 0.6": {"augment_chance": 0.6},
    "warm, ema_images 3,000": {"ema_images": 3_000},
    "warm, lr_end 1e-5": {"lr_end": 1e-5},
    "warm, batch_size 16": {"batch_size": 16},
    "warm, batch_size 16, lr_end 1e-5": {"batch_size": 16, "lr_end": 1e-5},
}


@dataclass(frozen=True)
class Plan:
    """What all cells share. `held_out` are the indices of faces that no cell trains on."""

    faces: Pixels
    held_out: NDArray[np.int64]
    order: NDArray[np.int64]  # the first N are the faces of cells with N
    start: Path
    cpu_seconds: float
    n: int
    width: int

    def trained_on(self, count: int) -> NDArray[np.int64]:
        """The indices of the faces of cells with `count`."""
        return np.sort(self.order[:count])


@dataclass(frozen=True)
class Cell:
    """One training, with a folder of its own."""

    folder: Path
    count: int
    variant: str
    seed: int

    @property
    def result_file(self) -> Path:
        return self.folder / "result.json"

    @property
    def state_file(self) -> Path:
        return self.folder / "state.pt"

    def settings(self, width: int) -> Settings:
        """`modern` with the variant's changes, in float32."""
        shared = {"ngf": width, "ndf": width, "precision": "float32", "seed": self.seed}
        return Settings.checked(**shared | VARIANTS[self.variant])


def cells(work: Path, counts: list[int], chosen: list[str], seeds: list[int]) -> Iterator[Cell]:
    """Every cell, seed by seed."""
    for seed in seeds:
        for count in counts:
            for name in chosen:
                slug = "".join(c if c.isalnum() else "_" for c in name)
                yield Cell(work / f"{count}-{slug}-seed{seed}", count, name, seed)


# Training ----------------------------------------------------------------------------------


def train(cell: Cell, plan: Plan, deadline: float) -> GAN | None:
    """Continue a cell; the networks when its CPU seconds are over, None where time is up."""
    settings = cell.settings(plan.width)
    starts_from_noise = settings.start_from == NONE
    gan = new_gan(settings, CPU, None if starts_from_noise else plan.start)
    rng = torch.Generator().manual_seed(cell.seed)
    progress = _restored(cell, gan, rng)
    faces = Faces(np.ascontiguousarray(plan.faces[plan.trained_on(cell.count)]), CPU)
    step = make_step_function(gan, settings, step_config(settings, len(faces)), rng)
    while progress.seconds < plan.cpu_seconds:
        started = time.process_time()
        batches = faces.batches(progress.epoch, settings.batch_size, cell.seed, progress.step)
        for real in batches:
            set_learning_rates(gan, settings, progress.seconds / plan.cpu_seconds)
            step(real, len(real), progress)
            progress.step += 1
            progress.images_seen += len(real)
            update_emas(gan, len(real), progress.images_seen, settings)
            now = time.process_time()
            progress.seconds, started = progress.seconds + now - started, now
            if progress.seconds >= plan.cpu_seconds or time.monotonic() > deadline:
                break
        else:
            progress.epoch, progress.step = progress.epoch + 1, 0
        if time.monotonic() > deadline:
            break
    _save(cell, gan, rng, progress)
    return gan if progress.seconds >= plan.cpu_seconds else None


def _save(cell: Cell, gan: GAN, rng: torch.Generator, progress: Progress) -> None:
    names = ("epoch", "step", "images_seen", "seconds")
    position = {name: getattr(progress, name) for name in names}
    with files.replacing(cell.state_file) as temporary:
        torch.save({"gan": gan.state_dict(), "rng": rng.get_state(), "at": position}, temporary)


def _restored(cell: Cell, gan: GAN, rng: torch.Generator) -> Progress:
    if not cell.state_file.exists():
        return Progress()
    state = torch.load(cell.state_file, map_location="cpu", weights_only=True)
    gan.load_state_dict(state["gan"])
    rng.set_state(state["rng"])
    return Progress(**state["at"])


# Measuring ---------------------------------------------------------------------------------


class Measures:
    """The real side of all measures for cells with one number of faces."""

    def __init__(self, plan: Plan, count: int) -> None:
        self._plan, self._count = plan, count
        held_out = plan.faces[plan.held_out]
        self._quick = QuickReference(held_out, plan.n)
        is_held_out, is_pool = (np.zeros(len(plan.faces), np.bool_) for _ in range(2))
        is_held_out[plan.held_out] = True
        is_pool[plan.trained_on(count)] = True
        self._identities = RealIdentities(plan.faces, is_held_out, is_pool, None, plan.n, 0)
        flawed = flaws.is_flawed(flaws.flaw_scores(held_out[: plan.n], workers=1))
        self.flawed_real = float(flawed.mean())

    def of(self, gan: GAN) -> dict[str, Any]:
        """The figures of the faces of seeds 0 to n - 1, of the selected average of G."""
        plan = self._plan
        recompute_ema_statistics(gan)
        quick = quick_evaluation.evaluate(gan.sampling_generator, self._quick)
        fakes = faces_of(gan, plan.n)
        flawed = flaws.is_flawed(flaws.flaw_scores(fakes, workers=1))
        found = identity_evaluation.measure(fakes, self._identities)
        names = ("kernel", "kernel_interval", "kernel_real", "copies", "copies_interval")
        trained_on = plan.faces[plan.trained_on(self._count)][: plan.n]
        return {
            **{key: quick.get(key) for key in ("swd", "well_formed")},
            "flawed": float(flawed.mean()),
            "flawed_real": self.flawed_real,
            **{name: found[name] for name in (*names, "copies_real")},
            "d_train": quick_evaluation.mean_d_output(gan.D, trained_on),
            "d_held_out": quick_evaluation.mean_d_output(
                gan.D, plan.faces[plan.held_out][: plan.n]
            ),
        }


def faces_of(gan: GAN, n: int) -> Pixels:
    """The faces of seeds 0 to n - 1."""
    network = gan.sampling_generator
    return generator.render(network, z_from_seeds(range(n), network.nz))


def run(plan: Plan, todo: list[Cell], deadline: float) -> bool:
    """Work on the cells until time is up; whether all are done."""
    measures: dict[int, Measures] = {}
    for cell in todo:
        if cell.result_file.exists():
            continue
        if time.monotonic() > deadline:
            return False
        cell.folder.mkdir(parents=True, exist_ok=True)
        gan = train(cell, plan, deadline)
        if gan is None:
            return False
        if cell.count not in measures:
            measures[cell.count] = Measures(plan, cell.count)
        progress = _restored(cell, gan, torch.Generator())
        rows = []
        for name in gan.emas:
            average = replace(gan, selected_ema=name)
            half_life = ema_half_life(name, progress.images_seen, cell.settings(plan.width))
            rows.append({"half_life": round(half_life), **measures[cell.count].of(average)})
            images.save(cell.folder / f"faces_{name}.webp", images.grid(faces_of(average, SHOWN)))
        shown = {"images": progress.images_seen, "cpu_seconds": round(progress.seconds, 1)}
        files.write_json(cell.result_file, shown | {"averages": rows})
        cell.state_file.unlink()
        print(f"{cell.count} faces, {cell.variant}, seed {cell.seed}: done", flush=True)
    return True


# The table ---------------------------------------------------------------------------------


def table(plan: Plan, wanted: list[Cell]) -> str:
    """What is there, as Markdown, a row an average of each cell."""
    lines = [
        f"n = {plan.n} generated and {plan.n} of {len(plan.held_out):,} held-out faces; "
        f"{plan.cpu_seconds:g} CPU seconds each, width {plan.width}, float32; torch "
        f"{torch.__version__}, {torch.get_num_threads()} thread of {os.cpu_count()} CPUs "
        f"({platform.machine()}).",
        "",
        "| faces | variant | seed | images | half-life of the average, images | SWD | "
        "well-formed, % | flawed, % | kernel distance | copies, % | D, trained on | D, held out |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    real: dict[int, str] = {}
    for cell in wanted:
        if not cell.result_file.exists():
            continue
        found = json.loads(cell.result_file.read_text("utf-8"))
        for row in found["averages"]:
            lines.append(
                f"| {cell.count:,} | {cell.variant} | {cell.seed} | {found['images']:,} | "
                f"{row['half_life']:,} | {_cells_of(row)} |"
            )
            real[cell.count] = (
                f"| {cell.count:,} | real faces | | | | | | {100 * row['flawed_real']:.1f} | "
                f"{row['kernel_real']:.4f} | {100 * row['copies_real']:.1f} | | |"
            )
    return "\n".join([*lines, *real.values()]) + "\n"


def _cells_of(found: dict[str, Any]) -> str:
    formed = found["well_formed"]
    low, high = found["kernel_interval"]
    return " | ".join(
        [
            f"{found['swd']:.1f}",
            "–" if formed is None else f"{100 * formed:.1f}",
            f"{100 * found['flawed']:.1f}",
            f"{found['kernel']:.4f} ({low:.4f} to {high:.4f})",
            f"{100 * found['copies']:.1f}",
            f"{found['d_train']:.2f}",
            f"{found['d_held_out']:.2f}",
        ]
    )


# The command line --------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("run", "table"))
    parser.add_argument("data", help="DATASET, as `train` takes it")
    parser.add_argument("--workspace", type=Path, default=Path.cwd(), help="of DATASET")
    parser.add_argument("--work", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--start", type=Path, default=ROOT / "checkpoints" / "celeba-mini")
    parser.add_argument("--faces", default="200,500,1000,2000", help="numbers of faces")
    parser.add_argument("--only", help="names of variants, separated by semicolons")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--cpu-seconds", type=float, default=600.0, help="of each cell")
    parser.add_argument("--n", type=int, default=300, help="faces of each measure")
    parser.add_argument("--width", type=int, default=64, help="ngf and ndf")
    parser.add_argument("--minutes", type=float, default=9.0, help="of this call, at most")
    return parser.parse_args()


def plan_of(given: argparse.Namespace, counts: list[int]) -> Plan:
    """The plan; raises UserError where the dataset is too small or --start has no weights."""
    workspace = Workspace(given.workspace)
    source = dataset.locate(given.data, workspace.datasets)
    faces = dataset.load(source, workspace.datasets).pixels
    order = np.random.default_rng(DRAW_SEED).permutation(len(faces))
    rest = order[max(counts) :]
    if len(rest) < given.n:
        raise UserError(
            f"{given.data} has {len(faces):,} faces: after {max(counts):,} to train on there are "
            f"not {given.n} left to measure with; use smaller --faces or --n."
        )
    start = Run(given.start).weights()
    return Plan(faces, rest, order, start, given.cpu_seconds, given.n, given.width)


def main() -> None:
    began = time.monotonic()
    given = arguments()
    counts = [int(count) for count in given.faces.split(",")]
    chosen = given.only.split(";") if given.only else list(VARIANTS)
    unknown = [name for name in chosen if name not in VARIANTS]
    if unknown:
        raise UserError(f"No variant '{unknown[0]}': there are {'; '.join(VARIANTS)}.")
    plan = plan_of(given, counts)
    given.work.mkdir(parents=True, exist_ok=True)
    wanted = list(cells(given.work, counts, chosen, list(parse_seeds(given.seeds))))
    if given.verb == "run":
        is_done = run(plan, wanted, began + 60 * given.minutes)
        print("All done." if is_done else "Time is up: the same command continues from here.")
    text = table(plan, wanted)
    files.write_bytes(given.work / "table.md", text.encode())
    print(text)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
