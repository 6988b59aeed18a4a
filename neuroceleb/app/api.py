"""The public API: everything the page can do, for `gradio_client`, HTTP and MCP.

Each function of `ENDPOINTS` is registered with `gr.api`, which derives the types from its signature
and the description from its docstring. A refusal is a `gr.Error` with the sentence of the
UserError. Every function checks permissions and bounds itself: Gradio runs whatever is posted.
"""

import dataclasses
import inspect
import json
import logging
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

from neuroceleb import bounds, images, video
from neuroceleb.app import faces
from neuroceleb.app.access import Access
from neuroceleb.app.translations import SORRY
from neuroceleb.data import dataset
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from neuroceleb.latent import interpolation
from neuroceleb.latent.seeds import check_truncation, parse_seeds, z_from_seeds
from neuroceleb.runs import jobs, launch, timelapse, verdict
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import IMAGE_SIZE, Settings

log = logging.getLogger(__name__)

LAST_EPOCH = -1
MAX_NEAREST = 16
MAX_FRAMES = 600
FPS = 30.0
MAX_PHOTOS = 10_000
CROP_LIMIT_S = 3_600
EVALUATE_LIMIT_S = 3_600
PROJECT_S = 20.0

Record = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What every endpoint works on: a workspace, and what its callers may do."""

    workspace: Workspace
    access: Access

    def new_file(self, suffix: str) -> Path:
        """A path for a result; Gradio serves it, and deletes it with its cache."""
        folder = self.workspace.root / ".cache" / "gradio" / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder / f"neuroceleb{suffix}"


# Faces -------------------------------------------------------------------------------------


def generate(
    context: Context, model: str, seeds: str = "0-15", epoch: int = -1, truncation: float = 1.0
) -> list[gr.FileData]:
    """Generate one 64x64 PNG per seed; the same bytes as `neuroceleb sample` writes.

    Args:
        model: Name of a run with kept weights, see /runs.
        seeds: Seeds and ranges of seeds, for example 0-15,99; 256 at most.
        epoch: A kept epoch of the run; -1 for the last.
        truncation: Scales the latent vectors, 0 to 2.
    """
    chosen = _seeds(seeds)
    check_truncation(truncation)
    loaded = _load(context, model, epoch)
    made = loaded.images(z_from_seeds(chosen, loaded.nz, truncation))
    results = []
    for seed, face in zip(chosen, made, strict=True):
        path = context.new_file(".png").with_name(faces.file_name(seed))
        images.save(path, face, {**loaded.recipe, "seed": seed, "truncation": truncation})
        results.append(_file(path))
    return results


def interpolate(
    context: Context,
    model: str,
    seeds: str,
    frames: int = 60,
    epoch: int = -1,
    loop: bool = False,
    method: str = "slerp",
    file_format: str = "mp4",
) -> gr.FileData:
    """Make a film that interpolates between the faces of two to twelve seeds.

    Args:
        model: Name of a run with kept weights.
        seeds: Two to twelve seeds, for example 3,14,15.
        frames: Frames in all, 2 to 600.
        epoch: A kept epoch of the run; -1 for the last.
        loop: Whether to continue from the last face to the first.
        method: slerp or lerp.
        file_format: mp4, gif, webp, or png for a strip of all frames.
    """
    keys = _seeds(seeds)
    check_bounds("frames", frames, 2, MAX_FRAMES)
    interpolation.key_frames(len(keys), frames, loop=loop)
    if method not in interpolation.METHODS:
        raise UserError(f"'{method[:40]}' is no method: use {' or '.join(interpolation.METHODS)}.")
    suffix = _suffix(file_format, video.SUFFIXES)
    scale = 1 if suffix == ".png" else 4
    video.check(suffix, frames, FPS, (IMAGE_SIZE * scale, IMAGE_SIZE * scale))
    loaded = _load(context, model, epoch)
    z = interpolation.interpolate(
        z_from_seeds(keys, loaded.nz), frames, loop=loop, method=method, easing="linear"
    )
    shots = (frame for part in loaded.frames(z) for frame in part)
    provenance = loaded.recipe | {"keys": [{"seed": seed} for seed in keys], "frames": frames}
    path = context.new_file(suffix)
    video.write(path, shots, frames, fps=FPS, scale=scale, provenance=provenance)
    return _file(path)


def directions(context: Context, model: str, epoch: int = -1) -> list[Record]:
    """List the directions in latent space along which a model's faces vary most, strongest first.

    Each has a name (empty unless a user gave one), the share of variance it explains, and `step`,
    the vector to add to z for one standard deviation.

    Args:
        model: Name of a run with kept weights.
        epoch: A kept epoch of the run; -1 for the last.
    """
    from neuroceleb.latent import model_cache

    found = model_cache.directions_of(_load(context, model, epoch))
    return [
        {"name": one.name, "explains": round(one.explains, 6), "step": one.step.tolist()}
        for one in found
    ]


def nearest(context: Context, model: str, seeds: str, epoch: int = -1) -> list[Record]:
    """Compare generated faces with the photos that their model was trained on.

    For each seed: whether the face is a suspected copy, in words and as a level (own, close,
    suspect, same), and the distances to its nearest photos.

    Args:
        model: Name of a run whose training photos are still in place.
        seeds: Up to 16 seeds, for example 0-15.
        epoch: A kept epoch of the run; -1 for the last.
    """
    context.access.check("see the training photos of a run")
    from neuroceleb.metrics import training_photos

    chosen = _seeds(seeds, MAX_NEAREST)
    loaded = _load(context, model, epoch)
    check, remark = training_photos.check_of_run(context.workspace.run(model), context.workspace)
    found = check.compare(loaded.images(z_from_seeds(chosen, loaded.nz)))
    return [
        {
            "seed": seed,
            "level": one.level,
            "sentence": one.sentence,
            "share": round(one.share, 6),
            "distances": [round(distance, 6) for distance in one.distances],
            "remark": remark or "",
        }
        for seed, one in zip(chosen, found, strict=True)
    ]


def project(context: Context, model: str, photo: gr.FileData, epoch: int = -1) -> Record:
    """Search for the latent vector whose face looks most like a photo. Takes up to 20 seconds.

    Returns `z` and `pixel_error`, the root mean square difference in grey levels (0 to 255). The
    result is a look-alike, not the person.

    Args:
        model: Name of a run with kept weights.
        photo: A photo of a face.
        epoch: A kept epoch of the run; -1 for the last.
    """
    from neuroceleb.latent import model_cache, projection, projection_target

    loaded = _load(context, model, epoch)
    data = _read_upload(photo, projection_target.MAX_BYTES)
    crop = projection_target.crops(data)[0]
    discriminator = model_cache.discriminator_of(loaded)
    for step in projection.search(loaded.network, discriminator, crop, seconds=PROJECT_S):
        found = step
    return {"z": found.z.tolist(), "pixel_error": round(found.pixel_error, 3)}


# Runs --------------------------------------------------------------------------------------


def list_runs(context: Context) -> list[Record]:
    """List all runs: name, state, epoch, epochs planned, images seen, and the epochs kept."""
    return [_run_record(run) for run in context.workspace.runs()]


def run_status(context: Context, run: str) -> Record:
    """Report the status of a run and its newest row of figures.

    Args:
        run: Name of a run.
    """
    found = context.workspace.run(run)
    rows = found.stats()
    return {**found.status(), "name": found.name, "newest": rows[-1] if rows else {}}


def run_verdict(context: Context, run: str) -> Record:
    """Say in words what the figures of a run mean, with the evidence and one thing to try.

    Args:
        run: Name of a run.
    """
    found = verdict.judge(context.workspace.run(run).stats())
    return {} if found is None else dataclasses.asdict(found)


def make_timelapse(context: Context, run: str, file_format: str = "mp4") -> gr.FileData:
    """Make a film of how a run learned: its sample sheets, epoch by epoch, above the curves.

    Args:
        run: Name of a run.
        file_format: mp4 or gif.
    """
    suffix = _suffix(file_format, video.ANIMATED_SUFFIXES)
    plan = timelapse.plan(context.workspace.run(run), suffix)
    path = context.new_file(suffix)
    timelapse.write(plan, path)
    return _file(path)


def train(context: Context, dataset_name: str, run: str, settings: Record | None = None) -> Record:
    """Start a training in the background, or queue it where the device is busy.

    Args:
        dataset_name: Name of a dataset, see /datasets; where the server is only reachable from its
            own machine, also the path of a folder or zip.
        run: Name of the new run.
        settings: Settings that differ from the defaults, by name, for example {"epochs": 20}.
    """
    context.access.check("train")
    source, checked = _training(context, dataset_name, settings)
    config = jobs.new_config(context.workspace, dataset_name, source, checked)
    return _run_record(jobs.start(context.workspace, check_name(run), config))


def estimate(
    context: Context, dataset_name: str, run: str, settings: Record | None = None
) -> Record:
    """Measure what a training would take, and report what would refuse its start.

    Args:
        dataset_name: Name of a dataset, see /datasets.
        run: Name of the new run.
        settings: Settings that differ from the defaults, by name.
    """
    context.access.check("train")
    _, checked = _training(context, dataset_name, settings)
    return jobs.estimate(context.workspace, run, dataset_name, checked)


def stop(context: Context, run: str) -> Record:
    """Ask a training to finish its step, save and end; or take it out of the queue.

    Args:
        run: Name of a run.
    """
    context.access.check("train")
    jobs.stop(context.workspace, run)
    return _run_record(context.workspace.run(run))


def resume(context: Context, run: str, epochs: int = 0) -> Record:
    """Continue a run that was stopped, failed or was lost.

    Args:
        run: Name of a run.
        epochs: New number of epochs in all; 0 keeps the number planned.
    """
    context.access.check("train")
    return _run_record(jobs.resume(context.workspace, run, epochs or None))


def evaluate(context: Context, model: str, epoch: int = -1, n: int = 512) -> Record:
    """Measure the quality of a model's faces against held-out real faces. Takes minutes.

    Args:
        model: Name of a run whose dataset is still in place.
        epoch: A kept epoch of the run; -1 for the last.
        n: Number of generated faces, 64 to 4096.
    """
    context.access.check("evaluate")
    check_bounds("n", n, 64, 4_096)
    run = context.workspace.run(model)
    options = [f"--n={n}", *([] if epoch == LAST_EPOCH else [f"--epoch={epoch}"])]
    with _one_at_a_time("An evaluation"):
        return _run_verb(
            context, "evaluate", [*options, "--json", "--", run.name], EVALUATE_LIMIT_S
        )


# Datasets ----------------------------------------------------------------------------------


def list_datasets(context: Context) -> list[str]:
    """List the names of the datasets under `datasets/`."""
    return context.workspace.dataset_names()


def crop(
    context: Context, photos: list[gr.FileData], dataset_name: str, rules: Record | None = None
) -> Record:
    """Find, align and judge the faces in photos, and save them as a dataset on this machine.

    Photos are detected with YuNet on this machine and are never sent anywhere. Photos for a
    dataset that exists are added to it.

    Args:
        photos: Photos or zips of photos.
        dataset_name: Name of the dataset.
        rules: Rules that differ from the defaults, by name, for example {"max_yaw": 30}.
    """
    context.access.check("add photos")
    check_name(dataset_name)
    checked = _rules(rules or {})
    check_bounds("the number of files", len(photos), 1, MAX_PHOTOS)
    changed = [f"{bounds.flag(name)}={getattr(checked, name)}" for name in (rules or {})]
    paths = [str(_upload_path(photo)) for photo in photos]
    options = [f"--out={dataset_name}", *changed, "--json", "--", *paths]
    with _one_at_a_time("A crop"):
        result = _run_verb(context, "crop", options, CROP_LIMIT_S)
    return {key: value for key, value in result.items() if key != "dataset"} | {
        "dataset": dataset_name
    }


# Registering -------------------------------------------------------------------------------

# Path -> function, and whether it may take long (then it is queued, one at a time).
ENDPOINTS: dict[str, tuple[Callable[..., Any], bool]] = {
    "generate": (generate, False),
    "interpolate": (interpolate, True),
    "timelapse": (make_timelapse, True),
    "directions": (directions, True),
    "nearest": (nearest, True),
    "project": (project, True),
    "runs": (list_runs, False),
    "run_status": (run_status, False),
    "verdict": (run_verdict, False),
    "datasets": (list_datasets, False),
    "crop": (crop, True),
    "estimate": (estimate, True),
    "train": (train, False),
    "stop": (stop, False),
    "resume": (resume, False),
    "evaluate": (evaluate, True),
}


def register(context: Context) -> None:
    """Add every endpoint to the Blocks that are being built."""
    for name, (function, is_long) in ENDPOINTS.items():
        gr.api(  # type: ignore[attr-defined]
            _bind(context, function),
            api_name=name,
            queue=is_long,
            concurrency_id="api" if is_long else None,
            concurrency_limit=1 if is_long else None,
        )


def _bind(context: Context, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without its first parameter, with its errors as `gr.Error`."""

    @wraps(function)
    def endpoint(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(context, *args, **kwargs)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        except Exception:
            log.exception("The endpoint %s failed", function.__name__)
            raise gr.Error(SORRY, print_exception=False) from None

    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    endpoint.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    endpoint.__annotations__ = {
        name: kind for name, kind in function.__annotations__.items() if name != "context"
    }
    del endpoint.__wrapped__  # its signature has the context
    return endpoint


# Shared ------------------------------------------------------------------------------------


def _rules(given: Record) -> Rules:
    unknown = sorted(set(given) - {spec.name for spec in dataclasses.fields(Rules)})
    if unknown:
        raise UserError(f"There is no rule '{unknown[0][:40]}': see `neuroceleb crop --help`.")
    return Rules.checked(**given)


def check_bounds(what: str, value: int, low: int, high: int) -> None:
    """Raises UserError unless the value is a whole number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UserError(f"{what} {value!s:.40} is out of bounds: use {low} to {high:,}.")


def _seeds(text: str, most: int = faces.MAX_COUNT) -> list[int]:
    seeds = parse_seeds(str(text)[: faces.MAX_SEEDS_CHARS])
    if len(seeds) > most:
        raise UserError(f"{len(seeds):,} seeds are too many at once: write {most} at most.")
    return seeds


def _load(context: Context, model: str, epoch: int) -> Any:
    from neuroceleb.model import generator

    run = context.workspace.run(model)
    return generator.load(run.weights(None if epoch == LAST_EPOCH else epoch))


def _suffix(file_format: str, known: tuple[str, ...]) -> str:
    suffix = f".{file_format}"
    if suffix not in known:
        formats = ", ".join(name.removeprefix(".") for name in known)
        raise UserError(f"'{file_format[:40]}' is no format here: use one of {formats}.")
    return suffix


def _file(path: Path) -> gr.FileData:
    return gr.FileData(path=str(path))


def _upload_path(file: Any) -> Path:
    """The path of an uploaded file: Gradio has checked that it is in its upload folder."""
    path = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
    if not isinstance(path, str) or not Path(path).is_file():
        raise UserError("A file is missing: upload it again.")
    return Path(path)


def _read_upload(file: Any, max_bytes: int) -> bytes:
    path = _upload_path(file)
    if path.stat().st_size > max_bytes:
        raise UserError(f"The photo is over {max_bytes // 2**20} MB: use a smaller one.")
    return path.read_bytes()


def _run_record(run: Run) -> Record:
    status = run.status()
    known = {key: status.get(key, 0) for key in ("epoch", "epochs", "images_seen")}
    return {"name": run.name, "state": status["state"], **known, "kept": list(run.kept())}


def _training(
    context: Context, dataset_name: str, settings: Record | None
) -> tuple[Path, Settings]:
    """The dataset's place and the checked settings of a new run; raises UserError."""
    if not context.access.is_local and dataset_name not in list_datasets(context):
        raise UserError(
            f"'{dataset_name[:100]}' is not under datasets/: only those can be used here."
        )
    given = settings or {}
    unknown = sorted(set(given) - {spec.name for spec in dataclasses.fields(Settings)})
    if unknown:
        raise UserError(f"There is no setting '{unknown[0][:40]}': see `neuroceleb train --help`.")
    checked = Settings.checked(**given)
    if not context.access.is_local and checked.start_from not in ("", "auto", "none"):
        context.workspace.run(checked.start_from)  # a run, never a path
    return dataset.locate(dataset_name, context.workspace.datasets), checked


_lock = threading.Lock()


@contextmanager
def _one_at_a_time(what: str) -> Iterator[None]:
    if not _lock.acquire(blocking=False):
        raise UserError(f"{what} cannot start while another one runs: try again later.")
    try:
        yield
    finally:
        _lock.release()


def _run_verb(context: Context, verb: str, options: list[str], limit_s: float) -> Record:
    """Run a verb of the command line in its own process; its JSON. Raises UserError."""
    try:
        done = subprocess.run(  # noqa: S603
            [*launch.command_line(verb, context.workspace), *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=launch.environment(),
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"It took over {limit_s / 60:.0f} minutes: use the command line."
        ) from error
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == 2 and lines:
        raise UserError(lines[-1])
    if done.returncode != 0:
        log.error("%s", "\n".join(lines))
        raise UserError(SORRY)
    result: Record = json.loads(done.stdout.decode().splitlines()[-1])
    return result
