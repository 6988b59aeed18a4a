"""Estimate of a training before it starts: time, memory, disk space, and problems.

The speed is measured, see `measurement`. The disk space is computed from one encoded sheet of the
dataset and the number of parameters.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch

from neuroceleb import images
from neuroceleb.data import dataset
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import FIXED_SEEDS
from neuroceleb.model.networks import Discriminator, Generator
from neuroceleb.runs import device_lock, queue
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import Settings
from neuroceleb.spacing import even_indices
from neuroceleb.training import device as devices
from neuroceleb.training import precision, recovery, start_model, training_data
from neuroceleb.training.measurement import Measurement, measure

FEW_FACES = 1_000  # with fewer, a GAN of this size mostly memorizes its photos
MIN_FACES = 64  # one batch, and one sheet
MANY_SKIPPED = 0.2
RESERVED_BYTES = 256 * 2**20

FIELDS = (
    *("faces", "skipped", "device", "images_per_second", "batch_size", "seconds"),
    *("disk_bytes", "disk_free_bytes", "memory_mb", "epoch_end_seconds", "start_model"),
)

ProgressCallback = Callable[[int, int], None]


ProblemKind = Literal[
    "busy",
    "dataset",
    "device",
    "disk",
    "few_faces",
    "memory",
    "name",
    "skipped",
    "start_from",
]


@dataclass(frozen=True)
class Problem:
    """A problem in one sentence; the run cannot start where it `is_fatal`."""

    kind: ProblemKind
    sentence: Message
    is_fatal: bool = False

    def to_json(self) -> dict[str, Any]:
        fields = self.sentence.as_fields("sentence")
        return {"kind": self.kind, **fields, "is_fatal": self.is_fatal}


def estimate(
    workspace: Workspace,
    name: str,
    text: str,
    settings: Settings,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """The estimate as `train --estimate --json` prints it; writes no run.

    Returns `faces`, `skipped`, `device`, `images_per_second`, `batch_size` (that fits), `seconds`
    (to the end), `epoch_end_seconds` (of them, what each epoch takes besides its steps),
    `disk_bytes`, `disk_free_bytes`, `memory_mb` (of the GPU, or of this process), `start_model`
    (name, reason, terms) and `problems` (kind, sentence, is_fatal). Values that a problem makes
    unknown are None. Problems are returned, not raised.
    """
    found: dict[str, Any] = dict.fromkeys(FIELDS)
    problems = list(_name_problems(workspace, name))
    data, trained_on, device = None, None, None
    try:
        device = devices.pick(settings.device)
        found["device"] = devices.name_of(device)
        settings = replace(settings, precision=precision.resolve(settings.precision, device))
    except UserError as error:
        problems.append(Problem("device", error.message, is_fatal=True))
        device = None
    try:
        data = dataset.load(dataset.locate(text, workspace.datasets), workspace.datasets, progress)
        data = training_data.with_holdout(data, settings, {})
        trained_on = training_data.without_holdout(data, settings)
    except UserError as error:
        problems.append(Problem("dataset", error.message, is_fatal=True))
    if data is not None:
        found |= {"faces": len(data), "skipped": len(data.skipped)}
    if data is not None and trained_on is not None:
        settings = settings.for_faces(len(trained_on))
        from_model = False
        try:
            start = start_model.resolve(workspace, settings, trained_on.pixels)
            found["start_model"] = start.to_json()
            from_model = start.weights is not None
        except UserError as error:
            problems.append(Problem("start_from", error.message, is_fatal=True))
        problems += _data_problems(data, from_model=from_model)
        disk = _disk_bytes(data, settings)
        free = shutil.disk_usage(workspace.root).free
        found |= {"disk_bytes": disk, "disk_free_bytes": free}
        problems += _disk_problems(disk, free)
        if device is not None:
            problems += _device_problems(workspace, settings)
            held_out = training_data.reference_faces(data, settings)
            compared_with = trained_on.pixels if held_out is None else held_out
            measured, memory_problems = _measure(trained_on.pixels, compared_with, settings, device)
            problems += memory_problems
            if measured is not None:
                found |= asdict(measured)
                found["seconds"] = measured.seconds(len(trained_on), settings.epochs)
    return {**found, "problems": [problem.to_json() for problem in problems]}


# Problems ----------------------------------------------------------------------------------


def _name_problems(workspace: Workspace, name: str) -> Iterator[Problem]:
    try:
        if Run(workspace.checkpoints / check_name(name)).exists():
            taken = Message("There is already a run '{name}': use another name.", name=name)
            yield Problem("name", taken, is_fatal=True)
    except UserError as error:
        yield Problem("name", error.message, is_fatal=True)


def _few_faces(count: int, *, from_model: bool) -> Message | None:
    """What so few faces mean for a run that starts from a model, or from noise."""
    if count >= FEW_FACES:
        return None
    if from_model and count < MIN_FACES:
        return Message(
            "{count:,} faces are very few. The model to start from brings the faces, so they "
            "stay recognisable, but expect little variety, or copies of the photos.",
            count=count,
        )
    if count < MIN_FACES:
        return Message(
            "{count:,} faces are far too few to learn from: what comes out will hardly be "
            "faces. Some thousands are good, some hundreds the least.",
            count=count,
        )
    return Message(
        "{count:,} faces are few: expect little variety, or copies of the photos. "
        "Some thousands are good.",
        count=count,
    )


def _data_problems(data: Dataset, *, from_model: bool) -> Iterator[Problem]:
    few = _few_faces(len(data), from_model=from_model)
    if few is not None:
        yield Problem("few_faces", few)
    everything = len(data) + len(data.skipped)
    if len(data.skipped) > MANY_SKIPPED * everything:
        yield Problem(
            "skipped",
            Message(
                "{skipped:,} of {count:,} files cannot be used (the first: {first}): look whether "
                "this is the right folder.",
                skipped=len(data.skipped),
                count=everything,
                first=data.skipped[0].message,
            ),
        )


def _disk_problems(needed: int, free: int) -> Iterator[Problem]:
    if needed + RESERVED_BYTES > free:
        yield Problem(
            "disk",
            Message(
                "The run needs about {needed}, and {free} are free: make room, keep weights less "
                "often (--keep-every), or use --sheet-format webp.",
                needed=_gigabytes(needed),
                free=_gigabytes(free),
            ),
            is_fatal=needed > free,
        )


def _device_problems(workspace: Workspace, settings: Settings) -> Iterator[Problem]:
    device = device_lock.device_for(settings.device)
    other = device_lock.holder(workspace, device)
    waiting = sum(entry.device == device for entry in queue.entries(workspace))
    if other is not None or waiting:
        now = Message("other runs wait first")
        if other:
            now = Message("'{name}' trains on this device now", name=other)
        yield Problem(
            "busy",
            Message(
                "{now}: this run will wait until it is its turn ({waiting} before it in the "
                "queue), and the speed measured here is what the device had left.",
                now=now,
                waiting=waiting,
            ),
        )


# Speed and memory --------------------------------------------------------------------------


def _measure(
    faces: Pixels, compared_with: Pixels, settings: Settings, device: torch.device
) -> tuple[Measurement | None, list[Problem]]:
    """Measure with the run's batch size, halved until it fits into memory."""
    batch_size = settings.batch_size
    while batch_size:
        try:
            fitting = replace(settings, batch_size=batch_size)
            found = measure(faces, compared_with, fitting, device)
            is_given = batch_size == settings.batch_size
            return found, [] if is_given else [_batch_too_large(found, settings)]
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not recovery.is_out_of_memory(error):
                raise
        recovery.release_memory()
        batch_size //= 2
    return None, [_networks_too_large(settings)]


def _batch_too_large(found: Measurement, settings: Settings) -> Problem:
    return Problem(
        "memory",
        Message(
            "The memory is too small for {batch_size} images a step: {fitting} fit, and the run "
            "would go on with so many.",
            batch_size=settings.batch_size,
            fitting=found.batch_size,
        ),
    )


def _networks_too_large(settings: Settings) -> Problem:
    return Problem(
        "memory",
        Message(
            "The memory is too small for these networks even with one image a step: use a smaller "
            "--ngf and --ndf than {ngf} and {ndf}, or --device cpu.",
            ngf=settings.ngf,
            ndf=settings.ndf,
        ),
        is_fatal=True,
    )


def _disk_bytes(data: Dataset, settings: Settings) -> int:
    """The size of all sheets, kept weights and three states (one while it is written)."""
    count = len(FIXED_SEEDS)
    sample = data.pixels[even_indices(len(data), count)]
    sheet = len(images.encode(images.grid(sample), f".{settings.sheet_format}"))
    with torch.device("meta"):
        g = sum(item.numel() for item in Generator(settings.nz, settings.ngf).parameters())
        d = sum(item.numel() for item in Discriminator(settings.ndf).parameters())
    width = 2 if settings.weights == "float16" else 4
    kept = len(range(0, settings.epochs, settings.keep_every)) + 1
    if settings.patience:  # at most: each evaluated epoch can be the best so far
        kept += settings.epochs // settings.evaluate_every
    state = 4 * 3 * (g + d)  # weights and Adam's two moments
    return settings.epochs * sheet + kept * g * width + d * width + 3 * state


def _gigabytes(count: int) -> str:
    return f"{count / 2**20:.0f} MB" if count < 2**30 else f"{count / 2**30:.1f} GB"


def sentences(found: dict[str, Any]) -> Iterator[str]:
    """The lines that describe an estimate."""
    if found["faces"] is not None:
        yield f"faces     {found['faces']:,} ({found['skipped']:,} files skipped)"
    if found["images_per_second"] is not None:
        yield f"speed     {found['images_per_second']:,.1f} images/s on {found['device']}"
        yield f"time      {_duration(found['seconds'])}"
        yield f"memory    {found['memory_mb']:,} MB with {found['batch_size']} images a step"
    if found["disk_bytes"] is not None:
        free = _gigabytes(found["disk_free_bytes"])
        yield f"disk      {_gigabytes(found['disk_bytes'])} of {free} free"
    start = found.get("start_model")
    if start is not None:
        yield f"start     {start['reason']} {start['terms']}".rstrip()
    for problem in found["problems"]:
        yield f"{'PROBLEM' if problem['is_fatal'] else 'note   '}   {problem['sentence']}"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
