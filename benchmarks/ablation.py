"""What each part of the recipe is worth: one setting changed at a time, all else and images equal.

    python benchmarks/ablation.py pack FACES.zip faces.zip       64-px WebPs, to carry elsewhere
    python benchmarks/ablation.py run faces.zip --work DIR       again and again, until all is done
    python benchmarks/ablation.py run faces.zip --work DIR --quick        a CPU: narrow, few images
    python benchmarks/ablation.py run faces.zip --work DIR --cpu-seconds 240   equal time, quiet CPU
    python benchmarks/ablation.py run faces.zip --work DIR --equal-cost "batch 32"   or a busy one
    python benchmarks/ablation.py table faces.zip --work DIR     the table of what is there

`run` works for --minutes at most and goes on where it stopped, seed by seed, so that every setting
has one seed before any has two. A tenth of the faces is held out, never trained on, and what is
shown of G (its average, where the recipe has one) is measured against it at --points moments, by
`quick_evaluation`. With --cpu-seconds each setting gets that much of this process's time for its
steps, measuring not counted, however many images that is. On a busy machine CPU seconds of the same
work differ; --equal-cost names a setting that is shown --images, and the others are shown as many
as their steps allow in the CPU time that this takes, by steps of both measured in turn beforehand.
The weights of the end are kept in the cell's folder (`weights.pt`), for measures to come. It needs
torch, numpy and Pillow; where OpenCV is missing, well-formed faces are counted by a later `table`
on a machine that has it, from the sheets of faces kept meanwhile.
"""

import argparse
import importlib.util
import io
import itertools
import json
import math
import os
import platform
import statistics
import sys
import time
import types
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
if importlib.util.find_spec("safetensors") is None:  # no weights are read or written here
    for _name in ("safetensors", "safetensors.torch"):
        sys.modules[_name] = types.ModuleType(_name)

from neuroceleb.data import dataset, holdout
from neuroceleb.data.batches import Faces
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import parse_seeds, z_from_seeds
from neuroceleb.metrics import quick_evaluation
from neuroceleb.model import generator
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import RECIPES, Settings
from neuroceleb.training import device as devices
from neuroceleb.training import gan as gans
from neuroceleb.training.gan import GAN, new_gan
from neuroceleb.training.progress import Progress
from neuroceleb.training.step import step_config
from neuroceleb.training.step_function import make_step_function

MAX_PACKED_BYTES = 60 * 2**20
WEBP_QUALITY = 95  # the mini-set of 15,000 is then 28 MiB
LAST = 10  # points that count as the end of a run
PACE_ROUNDS, PACE_STEPS = 4, 16  # steps: a multiple of those from one penalty to the next
HOLDOUT = holdout.SHARE
QUICK = {"width": 16, "images": 40_000, "seeds": "0", "points": 5, "n": 128}

# Of `classic`, each with one thing more; then `modern`, each with one thing less.
ADDED: dict[str, dict[str, Any]] = {
    "classic": {},
    "+ flip": {"flip": "yes"},
    "+ average of G": {"ema_images": 10_000, "ema_share": 0.05},
    "+ augmentation": {"augment": "all"},
    "+ colour": {"augment": "colour"},
    "+ translation": {"augment": "translation"},
    "+ cutout": {"augment": "cutout"},
    "+ loss on logits": {"loss": "ns"},
    "+ hinge": {"loss": "hinge"},
    "+ least squares": {"loss": "lsgan"},
    "+ R1 on logits": {"loss": "ns", "r1": 0.5},
    "+ spectral norm": {"d_norm": "spectral"},
    "+ D twice as fast": {"lr_d": 4e-4},
    "modern": {"recipe": "modern"},
}

# What `modern` was at first, and changes of it, for comparisons at equal CPU seconds.
FIRST_MODERN: dict[str, Any] = {
    **{"recipe": "modern", **RECIPES["classic"], "precision": "float32"},
    **{"loss": "ns", "augment": "all", "flip": "yes", "ema_images": 10_000, "ema_share": 0.05},
}
NO_NORM = {"d_norm": "none", "d_init": "he"}
PAIRS = {
    **NO_NORM,
    **{"loss": "rp", "simultaneous": "yes", "r1": 1.0, "r2": 1.0, "r1_every": 4},
    **{"beta1": 0.0, "beta2": 0.99},
}
EQUAL_TIME: dict[str, dict[str, Any]] = {
    "batch 64": {"batch_size": 64},
    "batch 32": {"batch_size": 32},
    "batch 16": {"batch_size": 16},
    "batch 32 + betas 0, 0.99": {"batch_size": 32, "beta1": 0.0, "beta2": 0.99},
    "batch 32 + top-k": {"batch_size": 32, "top_k": 0.75},
    "batch 32 + LeCam": {"batch_size": 32, "lecam": 0.01},
    "no norm": {"batch_size": 32, **NO_NORM},
    "no norm + at once": {"batch_size": 32, **NO_NORM, "simultaneous": "yes"},
    "no norm + at once, R1": {"batch_size": 32, **NO_NORM, "simultaneous": "yes", "r1": 1.0},
    "pairs": {"batch_size": 32, **PAIRS},
    "pairs + batch 16": {"batch_size": 16, **PAIRS, "r1_every": 8},
    "pairs + penalty every 16": {"batch_size": 32, **PAIRS, "r1_every": 16},
    "pairs + betas 0.5, 0.999": {"batch_size": 32, **PAIRS, "beta1": 0.5, "beta2": 0.999},
    "pairs + betas 0.5, 0.99": {"batch_size": 32, **PAIRS, "beta1": 0.5, "beta2": 0.99},
    "pairs + penalty 0.3": {"batch_size": 32, **PAIRS, "r1": 0.3, "r2": 0.3},
    "pairs + penalty 3": {"batch_size": 32, **PAIRS, "r1": 3.0, "r2": 3.0},
    "pairs + D of 24": {"batch_size": 32, **PAIRS, "ndf": 24},
}

# Of `modern` as it is, from noise.
NOW = {"recipe": "modern", "precision": "float32", "start_from": "none"}
RATES: dict[str, dict[str, Any]] = {
    "modern lr 2e-4": {"lr": 2e-4},
    "modern lr 4e-4": {"lr": 4e-4},
    "modern lr 8e-4": {"lr": 8e-4},
    "modern batch 16": {"batch_size": 16},
}


def variants() -> dict[str, dict[str, Any]]:
    """The settings to compare, by name."""
    more = {name: {"recipe": "classic", **values} for name, values in ADDED.items()}
    less = {
        f"modern - {name}": {"recipe": "modern", name: value}
        for name, value in RECIPES["classic"].items()
    }
    at_equal_time = {name: {**FIRST_MODERN, **values} for name, values in EQUAL_TIME.items()}
    rates = {name: {**NOW, **values} for name, values in RATES.items()}
    return more | less | at_equal_time | rates


# Packing -----------------------------------------------------------------------------------


def pack(faces: Pixels, out: Path) -> int:
    """(N, 64, 64, 3) uint8 -> a zip of WebPs that `dataset.load` reads; its size in bytes."""
    temporary = out.with_name(f".{out.name}.tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        for index, face in enumerate(faces):
            encoded = io.BytesIO()
            Image.fromarray(face).save(encoded, "WEBP", quality=WEBP_QUALITY, method=4)
            file.writestr(f"{index:06d}.webp", encoded.getvalue())
    temporary.replace(out)
    return out.stat().st_size


# One cell: a variant with a seed -------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What all cells share."""

    images: int
    points: int
    n: int
    width: int
    batch_size: int  # 0: each setting's own
    device: torch.device
    cpu_seconds: float = 0.0  # of each cell instead of `images`, where it is not 0
    same_cost_as: str = ""  # the setting that `images` are of, where not of all

    def settings(self, variant: dict[str, Any], seed: int) -> Settings:
        shared = {"ngf": self.width, "ndf": self.width}
        if self.batch_size:
            shared["batch_size"] = self.batch_size
        return Settings.checked(**shared | variant, seed=seed)

    def marks(self) -> list[float]:
        """Progress, from 0 to 1, at which a cell is measured; the last one is its end."""
        return [(i + 1) / self.points for i in range(self.points)]

    def progress(self, at: Progress) -> float:
        """The share of a cell that is done; `at.seconds` counts CPU seconds of its steps."""
        return at.seconds / self.cpu_seconds if self.cpu_seconds else at.images_seen / self.images


class Cell:
    """One training, in a folder of its own: rows.jsonl, the state, sheets of its faces."""

    def __init__(self, folder: Path, name: str, seed: int) -> None:
        self.folder, self.name, self.seed = folder, name, seed

    @property
    def state_file(self) -> Path:
        return self.folder / "state.pt"

    def rows(self) -> list[dict[str, Any]]:
        """What was measured, a row a point, in order."""
        try:
            lines = (self.folder / "rows.jsonl").read_text("utf-8").split("\n")[:-1]
        except OSError:
            return []
        return [json.loads(line) for line in lines]

    def is_done(self, plan: Plan) -> bool:
        rows = self.rows()
        return bool(rows) and (len(rows) == plan.points or "failed" in rows[-1])

    def write_rows(self, rows: list[dict[str, Any]]) -> None:
        _write(self.folder / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())

    def sheet_file(self, images: int) -> Path:
        return self.folder / f"faces_{images:09d}.webp"


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def train(
    cell: Cell, plan: Plan, variant: dict[str, Any], faces: Faces, deadline: float, real: Any
) -> None:
    """Go on with a cell until it is done or time is up, and save where it stands."""
    settings = plan.settings(variant, cell.seed)
    cell.folder.mkdir(parents=True, exist_ok=True)
    gan = new_gan(settings, plan.device)
    noise = torch.Generator(plan.device).manual_seed(cell.seed)
    at = _resumed(cell, gan, noise)
    learn = make_step_function(gan, settings, step_config(settings, len(faces)), noise)
    if plan.same_cost_as not in {"", cell.name}:
        pace = _pace(cell, plan, variant, faces)
        plan = replace(plan, images=round(plan.images * pace))
    marks = plan.marks()[len(cell.rows()) :]
    images_before, seconds_before, began = at.images_seen, at.seconds, time.process_time()
    while marks:
        for batch in faces.batches(at.epoch, settings.batch_size, cell.seed, at.step):
            gans.set_learning_rates(gan, settings, plan.progress(at))
            figures = learn(batch, len(batch), at)
            at.step += 1
            at.images_seen += len(batch)
            gans.update_emas(gan, len(batch), at.images_seen, settings)
            at.seconds, began = at.seconds + time.process_time() - began, time.process_time()
            if plan.progress(at) >= marks[0]:
                marks.pop(0)
                row = _measured(cell, at.images_seen, gan, figures, real)
                cell.write_rows([*cell.rows(), row | {"seconds": round(at.seconds, 1)}])
                if "failed" in row:
                    return
                began = time.process_time()
            if not marks or time.monotonic() > deadline:
                break
        else:
            at.epoch, at.step = at.epoch + 1, 0
            continue
        break
    if plan.device.type == "cuda":
        torch.cuda.synchronize()
    rate = (at.images_seen - images_before) / max(1e-9, at.seconds - seconds_before)
    print(f"{cell.name}, seed {cell.seed}: {at.images_seen:,} images, {rate:,.0f} a CPU second")
    if marks:
        _save(cell, gan, noise, at)
        return
    whole = io.BytesIO()
    torch.save({"shown": gan.sampling_generator.state_dict(), **gan.state_dict()}, whole)
    _write(cell.folder / "weights.pt", whole.getvalue())
    cell.state_file.unlink(missing_ok=True)


def _pace(cell: Cell, plan: Plan, variant: dict[str, Any], faces: Faces) -> float:
    """Images a CPU second over those of the setting that sets the cost; kept in pace.json.

    The median of some rounds, each of the same number of steps of both, in turn.
    """
    file = cell.folder / "pace.json"
    if not file.exists():
        both = [Steps(plan.settings(v, 0), faces) for v in (variant, variants()[plan.same_cost_as])]
        rounds = [[steps.rate() for steps in both] for _ in range(PACE_ROUNDS + 1)][1:]
        ratios = [ours / base for ours, base in rounds]
        _write(file, json.dumps({"pace": statistics.median(ratios), "rounds": rounds}).encode())
    return float(json.loads(file.read_text("utf-8"))["pace"])


class Steps:
    """Steps of a setting, for measuring their cost."""

    def __init__(self, settings: Settings, faces: Faces) -> None:
        gan = new_gan(settings, faces.device)
        method = step_config(settings, len(faces))
        noise = torch.Generator(faces.device).manual_seed(0)
        self._learn = make_step_function(gan, settings, method, noise)
        self._batches = faces.batches(0, settings.batch_size, 0)
        self._at = Progress()

    def rate(self) -> float:
        """Images a CPU second of the next PACE_STEPS steps."""
        images, began = 0, time.process_time()
        for batch in itertools.islice(self._batches, PACE_STEPS):
            self._learn(batch, len(batch), self._at)
            self._at.step += 1
            images += len(batch)
        return images / (time.process_time() - began)


def _measured(cell: Cell, mark: int, gan: GAN, figures: torch.Tensor, real: Any) -> dict[str, Any]:
    if not torch.isfinite(figures).all():
        return {"images": mark, "failed": "the loss is no longer a finite number"}
    gans.recompute_ema_statistics(gan)
    z = z_from_seeds(range(real.n), gan.sampling_generator.nz)
    _save_sheet(cell.sheet_file(mark), generator.render(gan.sampling_generator, z))
    return {"images": mark, **quick_evaluation.evaluate(gan.sampling_generator, real)}


def _save_sheet(path: Path, faces: Pixels) -> None:
    """(N, 64, 64, 3) as a sheet of all of them, as square as N can be divided."""
    side = next(k for k in range(math.isqrt(len(faces)), 0, -1) if len(faces) % k == 0)
    rows = faces.reshape(-1, side, 64, 64, 3)
    sheet = rows.transpose(0, 2, 1, 3, 4).reshape(-1, side * 64, 3)
    encoded = io.BytesIO()
    Image.fromarray(sheet).save(encoded, "WEBP", quality=95, method=4)
    _write(path, encoded.getvalue())


def _read_sheet(path: Path) -> Pixels:
    with Image.open(path) as image:
        sheet = np.asarray(image.convert("RGB"))
    side = sheet.shape[1] // 64
    return sheet.reshape(-1, 64, side, 64, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 64, 64, 3)


def _save(cell: Cell, gan: GAN, noise: torch.Generator, at: Progress) -> None:
    place = {"epoch": at.epoch, "step": at.step, "images_seen": at.images_seen}
    state = {
        "players": gan.state_dict(),
        "noise": noise.get_state(),
        "position": place | {"seconds": at.seconds},
    }
    whole = io.BytesIO()
    torch.save(state, whole)
    _write(cell.state_file, whole.getvalue())


def _resumed(cell: Cell, gan: GAN, noise: torch.Generator) -> Progress:
    """Where the cell stands; rows of what was not saved are forgotten, for it comes again."""
    at = Progress()
    if cell.state_file.exists():
        state = torch.load(cell.state_file, map_location="cpu", weights_only=True)
        gan.load_state_dict(state["players"])
        noise.set_state(state["noise"])
        at = Progress(**state["position"])
    cell.write_rows([row for row in cell.rows() if row["images"] <= at.images_seen])
    return at


# All cells ---------------------------------------------------------------------------------


def cells(work: Path, chosen: list[str], seeds: list[int]) -> Iterator[Cell]:
    """Every cell, seed by seed."""
    for seed in seeds:
        for name in chosen:
            slug = "".join(c if c.isalnum() else "_" for c in name.replace("+", "plus"))
            yield Cell(work / f"{slug}-seed{seed}", name, seed)


def run(
    faces: Pixels, work: Path, plan: Plan, chosen: list[str], seeds: list[int], stop: float
) -> bool:
    """Work on the cells until time is up; whether all are done."""
    mask = holdout.held_out(faces, HOLDOUT)
    kept_back = quick_evaluation.QuickReference(faces[mask], plan.n)
    if kept_back.reason:
        print(kept_back.reason)
    train_on = Faces(faces[~mask], plan.device)
    devices.configure(plan.device)
    for cell in cells(work, chosen, seeds):
        if not cell.is_done(plan):
            if time.monotonic() > stop:
                return False
            train(cell, plan, variants()[cell.name], train_on, stop, kept_back)
    return all(cell.is_done(plan) for cell in cells(work, chosen, seeds))


# The table -----------------------------------------------------------------------------------


def table(faces: Pixels, work: Path, plan: Plan, chosen: list[str], seeds: list[int]) -> str:
    """What is there, as Markdown: means over seeds and, from two on, their standard deviation."""
    mask = holdout.held_out(faces, HOLDOUT)
    _count_well_formed(faces[mask], work, plan, chosen, seeds)
    lines = [
        f"{int((~mask).sum()):,} faces trained on, {int(mask.sum()):,} held out; {_length(plan)} "
        f"each, width {plan.width}, batch {plan.batch_size or 'of each setting'}; n = {plan.n} of "
        f"each at {plan.points} points; torch {torch.__version__}, {_machine(plan.device)}. "
        f"SWD x1000, mean of three levels; last {LAST}: over that many last points.",
        "",
        "| setting | seeds done | SWD at the end | SWD, last points | smallest SWD | "
        "well-formed at the end, % | least of the last points, % | images a second | failed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in chosen:
        runs = [c.rows() for c in cells(work, [name], seeds) if c.is_done(plan)]
        failed = sum("failed" in rows[-1] for rows in runs)
        whole = [rows for rows in runs if "failed" not in rows[-1]]
        figures = [_figures(rows) for rows in whole]
        told = [_spread([row[i] for row in figures]) for i in range(7)]
        lines.append(f"| {name} | {len(runs)} | " + " | ".join(told) + f" | {failed} |")
    return "\n".join(lines) + "\n"


def _figures(rows: list[dict[str, Any]]) -> tuple[float, ...]:
    last = rows[-LAST:]
    swd = [row["swd"] for row in rows]
    formed = [100 * row.get("well_formed", math.nan) for row in last]
    shown = float(rows[-1]["images"])
    rate = shown / max(rows[-1]["seconds"], 1e-9)
    return swd[-1], statistics.mean(swd[-LAST:]), min(swd), formed[-1], min(formed), shown, rate


def _length(plan: Plan) -> str:
    if plan.cpu_seconds:
        return f"{plan.cpu_seconds:g} CPU seconds of steps"
    of = f" to {plan.same_cost_as}, as many as cost the same" if plan.same_cost_as else ""
    return f"{plan.images:,} images shown{of}"


def _spread(values: list[float]) -> str:
    values = [value for value in values if math.isfinite(value)]
    if not values:
        return "–"
    mean = f"{statistics.mean(values):.1f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.1f}"


def _count_well_formed(
    held_out: Pixels, work: Path, plan: Plan, chosen: list[str], seeds: list[int]
) -> None:
    """Add the share of well-formed faces to rows that lack it, where OpenCV and YuNet are here."""
    lacking = [
        cell
        for cell in cells(work, chosen, seeds)
        if any("swd" in row and "well_formed" not in row for row in cell.rows())
    ]
    rule = quick_evaluation.QuickReference(held_out, plan.n).rule if lacking else None
    if rule is None:
        return
    from neuroceleb.metrics import landmarks

    for cell in lacking:
        rows = cell.rows()
        for row in rows:
            if "swd" in row and "well_formed" not in row:
                found = landmarks.detect(_read_sheet(cell.sheet_file(row["images"])))
                row["well_formed"] = float(rule.accepts(found).mean())
                row.pop("said", None)
        cell.write_rows(rows)


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{os.cpu_count()} CPUs ({platform.machine()}), no GPU"


# The command line ----------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack", help="a folder or zip of faces -> a small zip")
    packing.add_argument("data", type=Path)
    packing.add_argument("out", type=Path)
    for verb in ("run", "table"):
        one = verbs.add_parser(verb)
        one.add_argument("data", type=Path)
        one.add_argument("--work", type=Path, required=True, help="where everything is kept")
        one.add_argument("--only", help="names of settings, separated by commas")
        one.add_argument("--images", type=int, default=3_000_000, help="shown to each")
        one.add_argument("--cpu-seconds", type=float, default=0.0, help="of each, instead")
        one.add_argument("--equal-cost", default="", help="--images are of this setting")
        one.add_argument("--seeds", default="0,1,2")
        one.add_argument("--points", type=int, default=20, help="measurements of each")
        one.add_argument("--n", type=int, default=500, help="faces of each measurement")
        one.add_argument("--width", type=int, default=64, help="ngf and ndf")
        one.add_argument("--batch", type=int, default=0, help="0: each setting's own")
        one.add_argument("--minutes", type=float, default=9.0, help="of this call, at most")
        one.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
        one.add_argument("--quick", action="store_true", help=f"for a CPU: {QUICK}")
    given = parser.parse_args()
    if getattr(given, "quick", False):
        for name, value in QUICK.items():
            if getattr(given, name) == parser_default(verbs, name):
                setattr(given, name, value)
    return given


def parser_default(verbs: Any, name: str) -> Any:
    """What a flag of `run` is where it is not given."""
    return verbs.choices["run"].get_default(name)


def main() -> None:
    began = time.monotonic()
    given = arguments()
    home = given.out.parent if given.verb == "pack" else given.work
    home.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(home)
    faces = dataset.load(
        dataset.locate(str(given.data), workspace.datasets), workspace.datasets
    ).pixels
    if given.verb == "pack":
        size = pack(faces, given.out)
        print(f"{len(faces):,} faces in {size / 2**20:.1f} MiB: {given.out}")
        if size > MAX_PACKED_BYTES:
            raise UserError(
                f"{given.out} is over {MAX_PACKED_BYTES // 2**20} MiB: take fewer faces."
            )
        return
    device = devices.pick(given.device)
    shared = (given.images, given.points, given.n, given.width, given.batch)
    plan = Plan(*shared, device, given.cpu_seconds, given.equal_cost)
    chosen = given.only.split(",") if given.only else list(variants())
    unknown = [name for name in chosen if name not in variants()]
    if unknown:
        raise UserError(f"No setting '{unknown[0]}': there are {', '.join(variants())}.")
    seeds = parse_seeds(given.seeds)
    if given.verb == "run":
        stop = began + 60 * given.minutes
        done = run(faces, given.work, plan, chosen, seeds, stop)
        print("All done." if done else "Time is up: the same command goes on from here.")
    text = table(faces, given.work, plan, chosen, seeds)
    (given.work / "table.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
