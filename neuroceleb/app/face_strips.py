"""One face through the epochs of a run: cut from its sample sheets, or drawn with kept weights."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.payloads import data_url
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import FIXED_SEEDS
from neuroceleb.runs import timelapse
from neuroceleb.runs.run import Run
from neuroceleb.spacing import evenly_spaced

MAX_SHEETS = 400
MAX_WEIGHTS = 24  # each is read from disk
COLUMNS = 20
THREADS = 2


def is_imported(run: Run) -> bool:
    """Whether the original script made the run: its fixed noise is then not our seeds 0 to 63."""
    try:
        return "imported" in run.config()
    except UserError:
        return False


def from_sheets(run: Run, face: int) -> dict[str, Any]:
    """One face of the sheets through the epochs, its exact pixels: epochs, columns, a PNG.

    Raises UserError where the sheets have no such face.
    """
    chosen = evenly_spaced(list(run.sheets().items()), MAX_SHEETS)
    if not chosen:
        raise UserError("The run '{name}' has no sample sheets yet.", name=run.name)
    with ThreadPoolExecutor(THREADS) as pool:
        cuts = list(pool.map(lambda pair: timelapse.cut(images.load(pair[1]), face), chosen))
    seed = None if is_imported(run) else face
    return _strip([epoch for epoch, _ in chosen], np.stack(cuts), seed)


def from_weights(run: Run, face: Any) -> dict[str, Any]:
    """Any face, `{"seed": …}` or `{"z": […]}`, drawn with the weights of every kept epoch.

    Raises UserError where the run kept no weights or the face does not fit this model.
    """
    kept = evenly_spaced(list(run.kept().items()), MAX_WEIGHTS)
    if not kept:
        raise UserError(
            "The run '{name}' kept no weights to draw other faces with: train with --keep-every 1.",
            name=run.name,
        )
    pictures: list[Pixels] = []
    with _drawing:
        for _, path in kept:
            model = faces.load_model(path)
            pictures.append(model.images(faces.read_z(face, model.nz)[None])[0])
    seed = face.get("seed") if isinstance(face, dict) else None
    return _strip([epoch for epoch, _ in kept], np.stack(pictures), seed)


_drawing = threading.Lock()  # bounds the weights in memory


def _strip(epochs: list[int], pictures: Pixels, seed: Any) -> dict[str, Any]:
    png = images.encode(images.grid(pictures, columns=COLUMNS), ".png")
    return {
        "epochs": epochs,
        "columns": min(COLUMNS, len(epochs)),
        "seed": seed if isinstance(seed, int | str) else None,
        "fixed": isinstance(seed, int) and seed in FIXED_SEEDS,
        "png": data_url(png),
    }
