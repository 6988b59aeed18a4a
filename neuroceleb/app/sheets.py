"""What the epoch reel shows: previews of sample sheets, and one face through the epochs."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.parameters import read_text
from neuroceleb.app.payloads import data_url
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import FIXED_SEEDS
from neuroceleb.runs import timelapse
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.spacing import evenly_spaced

MAX_FRAMES = 32  # previews in one answer
MAX_SHEETS = 400  # epochs of a strip
MAX_WEIGHTS = 24  # epochs of a strip that is drawn: each is read from disk
COLUMNS = 20
JPEG_QUALITY = 80
SMALL_BYTES = 160_000  # a sheet of at most this size is its own preview
CACHED_PREVIEWS = 512  # of about 100 kB each

_drawing = threading.Lock()  # bounds the weights in memory


def listed(run: Run) -> list[list[Any]]:
    """The sheets as `[epoch, version, is_exact]`: whether the preview is the sheet itself."""
    stats = [(epoch, *_stat(path)) for epoch, path in run.sheets().items()]
    return [[epoch, f"{time:x}-{size:x}", size <= SMALL_BYTES] for epoch, time, size in stats]


def previews(workspace: Workspace, wanted: dict[str, Any]) -> list[str]:
    """Previews as data URLs, "" for a missing or damaged sheet; raises UserError.

    `wanted`: `{"run": …, "epochs": […], "exact": false}`; `exact` for the sheets themselves.
    """
    epochs = wanted.get("epochs")
    if not isinstance(epochs, list) or len(epochs) > MAX_FRAMES:
        raise UserError("Ask for at most {most} epochs at once: reload the page.", most=MAX_FRAMES)
    there = read_run(workspace, wanted.get("run")).sheets()
    paths = [there.get(epoch) if type(epoch) is int else None for epoch in epochs]
    return [_url(path, bool(wanted.get("exact"))) if path else "" for path in paths]


def read_run(workspace: Workspace, name: Any) -> Run:
    """The run that a request names; raises UserError."""
    return workspace.run(read_text(name, Message("No run is chosen: choose one of the list.")))


def is_imported(run: Run) -> bool:
    """Whether the original script made the run: its fixed noise is then not our seeds 0 to 63."""
    try:
        return "imported" in run.config()
    except UserError:
        return False


def strip(workspace: Workspace, wanted: dict[str, Any]) -> dict[str, Any]:
    """One face through the epochs: `{epochs, columns, png}`. Raises UserError.

    `wanted`: `{"run": …, "place": n}` for a face of the sheets, its exact pixels, or `{"run": …,
    "face": {…}}` for any face, from the sheets if it is on them, else drawn with all kept weights.
    """
    run, face = read_run(workspace, wanted.get("run")), wanted.get("face")
    place = wanted.get("place")
    if isinstance(face, dict) and "z" not in face and face.get("truncation", 1) == 1:
        is_fixed = face.get("seed") in FIXED_SEEDS and run.sheets() and not is_imported(run)
        place = face["seed"] if is_fixed else place
    return _from_weights(run, face) if type(place) is not int else _from_sheets(run, place)


def _from_sheets(run: Run, place: int) -> dict[str, Any]:
    chosen = evenly_spaced(list(run.sheets().items()), MAX_SHEETS)
    if not chosen:
        raise UserError("The run '{run}' has no sample sheets yet.", run=run.name)
    with ThreadPoolExecutor(2) as pool:
        cuts = list(pool.map(lambda pair: timelapse.cut(images.load(pair[1]), place), chosen))
    return _strip([epoch for epoch, _ in chosen], np.stack(cuts))


def _from_weights(run: Run, face: Any) -> dict[str, Any]:
    kept = evenly_spaced(list(run.kept().items()), MAX_WEIGHTS)
    if not kept:
        raise UserError(
            "The run '{run}' kept no weights to draw other faces with: train with --keep-every 1.",
            run=run.name,
        )
    drawn: list[Pixels] = []
    with _drawing:
        for _, path in kept:
            model = faces.load_model(path)
            drawn.append(model.images(faces.read_z(face, model.nz)[None])[0])
    return _strip([epoch for epoch, _ in kept], np.stack(drawn))


def _strip(epochs: list[int], pictures: Pixels) -> dict[str, Any]:
    png = images.encode(images.grid(pictures, columns=COLUMNS), ".png")
    return {"epochs": epochs, "columns": min(COLUMNS, len(epochs)), "png": data_url(png)}


def _stat(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # deleted since it was listed
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _url(path: Path, is_exact: bool) -> str:
    time, size = _stat(path)
    try:
        if is_exact or size <= SMALL_BYTES:
            return data_url(path.read_bytes(), path.suffix.removeprefix("."))
        return data_url(_preview(path, time, size), "jpeg")
    except (UserError, OSError):
        return ""


@lru_cache(maxsize=CACHED_PREVIEWS)
def _preview(path: Path, mtime_ns: int, size: int) -> bytes:
    """The preview of a sheet in this state; a sheet of 64 faces has half a megabyte as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(images.load(path)).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
