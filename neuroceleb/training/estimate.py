"""What a training will take, told before it begins, and what stands in its way.

The speed is measured: a few real steps of the very configuration on the very device. So is the
size of what it writes: one sheet of the dataset's photos, and the networks' parameters.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch

from neuroceleb import images
from neuroceleb.data import dataset
from neuroceleb.data.batches import Faces
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import FIXED_SEEDS
from neuroceleb.model.networks import Discriminator, Generator
from neuroceleb.runs import device_lock, queue
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import Settings
from neuroceleb.spacing import even_indices
from neuroceleb.training import cuda_graphs, loop, precision, recovery
from neuroceleb.training import device as devices
from neuroceleb.training.cuda_graphs import NotCapturedError
from neuroceleb.training.recording import Position
from neuroceleb.training.step import method_of, new_players

MEASURED_S = 2.0
WARM_UP_STEPS = 1
FEW_FACES = 1_000  # below it, a GAN of this size mostly learns its photos by heart
LEAST_FACES = 64  # one batch, and the fixed noise's number
MANY_SKIPPED = 0.2
LEFT_FREE_BYTES = 256 * 2**20

FIGURES = (
    *("faces", "skipped", "device", "images_per_second", "batch_size", "seconds"),
    *("disk_bytes", "disk_free_bytes", "memory_mb"),
)

Progress = Callable[[int, int], None]


ProblemKind = Literal["busy", "dataset", "device", "disk", "few_faces", "memory", "name", "skipped"]


@dataclass(frozen=True)
class Problem:
    """Something in the way (`is_fatal`: the run would not even begin), in one sentence."""

    kind: ProblemKind
    sentence: str
    is_fatal: bool = False


@dataclass(frozen=True)
class Pace:
    """What some real steps showed. `batch_size` is what fits into memory."""

    images_per_second: float
    batch_size: int
    memory_mb: int


def estimate(
    workspace: Workspace, name: str, text: str, settings: Settings, progress: Progress | None = None
) -> dict[str, Any]:
    """Check everything and measure, as `train --estimate --json` prints it; writes no run.

    Returns `faces`, `skipped`, `device`, `images_per_second`, `batch_size` (that fits), `seconds`
    (to the end), `disk_bytes`, `disk_free_bytes`, `memory_mb` (of the GPU, or of this process)
    and `problems` (kind, sentence, is_fatal). What could not be found out, because of one of the
    problems, is None. What stands in the way is told, never raised.
    """
    found: dict[str, Any] = dict.fromkeys(FIGURES)
    problems = list(_about_the_name(workspace, name))
    data, device = None, None
    try:
        device = loop.pick_device(settings.device)
        found["device"] = devices.name_of(device)
        settings = replace(settings, precision=precision.resolve(settings.precision, device))
    except UserError as error:
        problems.append(Problem("device", str(error), is_fatal=True))
        device = None
    try:
        data = dataset.load(dataset.locate(text, workspace.datasets), workspace.datasets, progress)
    except UserError as error:
        problems.append(Problem("dataset", str(error), is_fatal=True))
    if data is not None:
        found |= {"faces": len(data), "skipped": len(data.skipped)}
        problems += _about_the_data(data)
        settings = settings.for_faces(len(data))
        disk = _disk_bytes(data, settings)
        free = shutil.disk_usage(workspace.root).free
        found |= {"disk_bytes": disk, "disk_free_bytes": free}
        problems += _about_the_disk(disk, free)
    if data is not None and device is not None:
        problems += _about_others(workspace, settings)
        pace, slow = _measure(data, settings, device)
        problems += slow
        if pace is not None:
            found |= asdict(pace)
            found["seconds"] = len(data) * settings.epochs / pace.images_per_second
    return {**found, "problems": [asdict(problem) for problem in problems]}


# What stands in the way --------------------------------------------------------------------


def _about_the_name(workspace: Workspace, name: str) -> Iterator[Problem]:
    try:
        if Run(workspace.checkpoints / check_name(name)).exists():
            yield Problem("name", f"There is already a run '{name}': use another name.", True)
    except UserError as error:
        yield Problem("name", str(error), is_fatal=True)


def _about_the_data(data: Dataset) -> Iterator[Problem]:
    if len(data) < LEAST_FACES:
        yield Problem(
            "few_faces",
            f"{len(data):,} faces are far too few to learn from: what comes out will hardly be "
            "faces. Some thousands are good, some hundreds the least.",
        )
    elif len(data) < FEW_FACES:
        yield Problem(
            "few_faces",
            f"{len(data):,} faces are few: expect little variety, or copies of the photos. "
            "Some thousands are good.",
        )
    everything = len(data) + len(data.skipped)
    if len(data.skipped) > MANY_SKIPPED * everything:
        yield Problem(
            "skipped",
            f"{len(data.skipped):,} of {everything:,} files cannot be used "
            f"(the first: {data.skipped[0]}): look whether this is the right folder.",
        )


def _about_the_disk(needed: int, free: int) -> Iterator[Problem]:
    if needed + LEFT_FREE_BYTES > free:
        yield Problem(
            "disk",
            f"The run needs about {_gigabytes(needed)}, and {_gigabytes(free)} are free: make "
            "room, keep weights less often (--keep-every), or use --sheet-format webp.",
            is_fatal=needed > free,
        )


def _about_others(workspace: Workspace, settings: Settings) -> Iterator[Problem]:
    device = device_lock.device_for(settings.device)
    other = device_lock.holder(workspace, device)
    waiting = sum(entry.device == device for entry in queue.entries(workspace))
    if other is not None or waiting:
        now = f"'{other}' trains on this device now" if other else "other runs wait first"
        yield Problem(
            "busy",
            f"{now}: this run will wait until it is its turn ({waiting} before it in the queue), "
            "and the speed measured here is what the device had left.",
        )


# What it takes -----------------------------------------------------------------------------


def _measure(
    data: Dataset, settings: Settings, device: torch.device
) -> tuple[Pace | None, list[Problem]]:
    """Real steps with the run's batch, or with the half of it, or of that, that fits."""
    batch_size = settings.batch_size
    while batch_size:
        try:
            pace = _captured_pace(data, replace(settings, batch_size=batch_size), device)
            return pace, [] if batch_size == settings.batch_size else [_too_many(pace, settings)]
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not recovery.is_out_of_memory(error):
                raise
        recovery.let_go_of_memory()
        batch_size //= 2
    return None, [_too_large(settings)]


def _captured_pace(data: Dataset, settings: Settings, device: torch.device) -> Pace:
    """The pace as the training has it: with captured steps where the GPU lets them be captured."""
    loop.set_up(device)
    with cuda_graphs.own_stream(device):
        try:
            return _pace(data, settings, device, captures=True)
        except NotCapturedError:
            return _pace(data, settings, device, captures=False)


def _pace(data: Dataset, settings: Settings, device: torch.device, captures: bool) -> Pace:
    faces = Faces(data.pixels, device)
    players = new_players(settings, device)
    method = method_of(settings, len(faces))
    noise = torch.Generator(device).manual_seed(settings.seed)
    learn = loop.learning(players, settings, method, noise, captures=captures)
    warm_ups = WARM_UP_STEPS if device.type == "cpu" else 2 * cuda_graphs.WARM_UPS
    count, began = 0, time.perf_counter()
    for step, real in enumerate(_endless(faces, settings)):
        learn(real, len(real), Position(step=step))
        if device.type == "cuda":
            torch.cuda.synchronize()
        if step < warm_ups:
            began = time.perf_counter()
            continue
        count += len(real)
        if time.perf_counter() - began > MEASURED_S:
            break
    rate = count / (time.perf_counter() - began)
    used = devices.memory()
    megabytes = used["gpu_memory_mb" if device.type == "cuda" else "memory_mb"]
    return Pace(round(rate, 1), settings.batch_size, megabytes)


def _endless(faces: Faces, settings: Settings) -> Iterator[torch.Tensor]:
    epoch = 0
    while True:
        yield from faces.batches(epoch, settings.batch_size, settings.seed)
        epoch += 1


def _too_many(pace: Pace, settings: Settings) -> Problem:
    return Problem(
        "memory",
        f"The memory is too small for {settings.batch_size} images a step: {pace.batch_size} fit, "
        "and the run would go on with so many.",
    )


def _too_large(settings: Settings) -> Problem:
    return Problem(
        "memory",
        "The memory is too small for these networks even with one image a step: use a smaller "
        f"--ngf and --ndf than {settings.ngf} and {settings.ndf}, or --device cpu.",
        is_fatal=True,
    )


def _disk_bytes(data: Dataset, settings: Settings) -> int:
    """All sheets, all kept weights, and three states (two kept, one while it is written)."""
    count = len(FIXED_SEEDS)
    some = data.pixels[even_indices(len(data), count)]
    sheet = len(images.encode(images.grid(some), f".{settings.sheet_format}"))
    with torch.device("meta"):
        g = sum(item.numel() for item in Generator(settings.nz, settings.ngf).parameters())
        d = sum(item.numel() for item in Discriminator(settings.ndf).parameters())
    width = 2 if settings.weights == "float16" else 4
    kept = len(range(0, settings.epochs, settings.keep_every)) + 1
    state = 4 * 3 * (g + d)  # weights and Adam's two moments
    return settings.epochs * sheet + kept * g * width + d * width + 3 * state


def _gigabytes(count: int) -> str:
    return f"{count / 2**20:.0f} MB" if count < 2**30 else f"{count / 2**30:.1f} GB"


def sentences(found: dict[str, Any]) -> Iterator[str]:
    """An estimate in words, a line each."""
    if found["faces"] is not None:
        yield f"faces     {found['faces']:,} ({found['skipped']:,} files passed over)"
    if found["images_per_second"] is not None:
        yield f"speed     {found['images_per_second']:,.1f} images/s on {found['device']}"
        yield f"time      {_span(found['seconds'])}"
        yield f"memory    {found['memory_mb']:,} MB with {found['batch_size']} images a step"
    if found["disk_bytes"] is not None:
        free = _gigabytes(found["disk_free_bytes"])
        yield f"disk      {_gigabytes(found['disk_bytes'])} of {free} free"
    for problem in found["problems"]:
        yield f"{'PROBLEM' if problem['is_fatal'] else 'note   '}   {problem['sentence']}"


def _span(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
