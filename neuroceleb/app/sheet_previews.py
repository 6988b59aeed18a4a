"""What the page scrubs through: light pictures of many sheets at once, and strips of one face.

A sheet of 64 faces is half a megabyte as PNG: 200 of them would fill the page. So what is scrubbed
is a JPEG of a fifth of that; where the reader rests, the page fetches the sheet itself. Made once,
it lies under `.cache/reels/`; while the app is idle it is made ahead of whoever will ask.
"""

import base64
import io
import os
import shutil
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from neuroceleb import files, images
from neuroceleb.app import faces
from neuroceleb.app.progress_api import is_imported, is_light
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import FIXED_SEEDS
from neuroceleb.runs import timelapse
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.spacing import evenly_spaced

MAX_FRAMES = 256  # in one answer, and held by the page
MAX_STRIP = 400
MAX_WEIGHTS = 24  # of kept epochs: each is read from disk for a strip
STRIP_COLUMNS = 20
QUALITY = 80
AT_ONCE = 2
READY_EVERY_S = 10.0
_HEAD = struct.Struct("<II")  # epoch, bytes that follow


def read_epochs(text: str) -> list[int]:
    """The epochs of a question; raises UserError for too many or none that are numbers."""
    try:
        epochs = [int(part) for part in text.split(",")[: MAX_FRAMES + 1]]
    except ValueError as error:
        raise UserError("Epochs are numbers with commas between: reload the page.") from error
    if len(epochs) > MAX_FRAMES or min(epochs) < 0 or max(epochs) > 2**31:
        raise UserError(f"Ask for 1 to {MAX_FRAMES} epochs at once: reload the page.")
    return epochs


def pack(run: Run, epochs: Sequence[int]) -> Iterator[bytes]:
    """The light pictures of these epochs in this order, each after its epoch and its length.

    A sheet that is gone or damaged has no bytes; the others come all the same.
    """
    sheets = run.sheets()
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="reel")
    try:
        pictures = pool.map(_light_or_nothing, [sheets.get(epoch) for epoch in epochs])
        for epoch, picture in zip(epochs, pictures, strict=True):
            yield _HEAD.pack(epoch, len(picture)) + picture
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _light_or_nothing(path: Path | None) -> bytes:
    try:
        return b"" if path is None else light(path)
    except UserError:
        return b""


def light(path: Path) -> bytes:
    """One sheet as the page scrubs through it; raises UserError where it cannot be read."""
    try:
        stat = path.stat()
        if is_light(stat.st_size):
            return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} cannot be read ({error.strerror}).") from error
    return _kept(path, _place(path, stat.st_mtime_ns, stat.st_size))


def _place(path: Path, mtime_ns: int, size: int) -> Path:
    """Where the light picture of a sheet in this state lies."""
    run = path.parent
    folder = run.parent.parent / ".cache" / "reels" / run.name
    return folder / f"{path.stem}-{mtime_ns:x}-{size:x}.jpg"


def _kept(path: Path, place: Path) -> bytes:
    """From the cache, or made and put there; where it cannot be written, made each time."""
    try:
        return place.read_bytes()
    except OSError:
        data = _encoded(path)
    with suppress(OSError, UserError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(place) as temporary:
            temporary.write_bytes(data)
        for older in place.parent.glob(f"{path.stem}-*.jpg"):
            if older != place:
                older.unlink(missing_ok=True)
    return data


def _encoded(path: Path) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(images.load(path)).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def keep_ready(workspace: Workspace) -> Callable[[], None]:
    """Make the light pictures ahead, as long as the app lives; returns what ends it."""
    ended = threading.Event()

    def work() -> None:
        with suppress(OSError):  # after everything else on this machine
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while not ended.wait(READY_EVERY_S):
            with suppress(OSError, UserError):
                _make_ready(workspace, ended.is_set)

    threading.Thread(target=work, daemon=True, name="reels").start()
    return ended.set


def _make_ready(workspace: Workspace, is_enough: Callable[[], bool]) -> None:
    runs = workspace.runs()
    for run in runs:
        for path in evenly_spaced(list(run.sheets().values()), MAX_FRAMES):
            if is_enough():
                return
            with suppress(UserError, OSError):
                if not _is_ready(path):
                    light(path)
    names = {run.name for run in runs}
    for folder in (workspace.root / ".cache" / "reels").glob("*"):
        if folder.name not in names:
            shutil.rmtree(folder, ignore_errors=True)


def _is_ready(path: Path) -> bool:
    stat = path.stat()
    return is_light(stat.st_size) or _place(path, stat.st_mtime_ns, stat.st_size).exists()


# One face through all epochs ---------------------------------------------------------------


def strip(run: Run, face: int) -> dict[str, Any]:
    """One face of the sheets through the epochs, its exact pixels: epochs, columns, a PNG.

    Raises UserError where the sheets have no such face.
    """
    chosen = evenly_spaced(list(run.sheets().items()), MAX_STRIP)
    if not chosen:
        raise UserError(f"The run '{run.name}' has no sample sheets yet.")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cuts = list(pool.map(lambda pair: timelapse.cut(images.load(pair[1]), face), chosen))
    seed = None if is_imported(run) else face
    return _strip([epoch for epoch, _ in chosen], np.stack(cuts), seed)


def seed_strip(run: Run, face: Any) -> dict[str, Any]:
    """Any face, `{"seed": …}` or `{"z": […]}`, drawn with the weights of every kept epoch.

    Raises UserError where the run kept no weights or the face is none of this model.
    """
    kept = evenly_spaced(list(run.kept().items()), MAX_WEIGHTS)
    if not kept:
        raise UserError(
            f"The run '{run.name}' kept no weights to draw other faces with: train with "
            "--keep-every 1."
        )
    with _drawing:
        drawn = [_draw(path, face) for _, path in kept]
    seed = face.get("seed") if isinstance(face, dict) else None
    return _strip([epoch for epoch, _ in kept], np.stack(drawn), seed)


_drawing = threading.Lock()


def _draw(path: Path, face: Any) -> Pixels:
    model = _generator().load(path)
    pixels: Pixels = model.images(faces.read_z(face, model.nz)[None])[0]
    return pixels


def _generator() -> ModuleType:
    """The door to torch, opened late: importing it takes seconds."""
    from neuroceleb.model import generator

    return generator


def _strip(epochs: list[int], pictures: Pixels, seed: Any) -> dict[str, Any]:
    sheet = images.grid(pictures, columns=STRIP_COLUMNS)
    png = images.encode(sheet, ".png")
    return {
        "epochs": epochs,
        "columns": min(STRIP_COLUMNS, len(epochs)),
        "seed": seed if isinstance(seed, int | str) else None,
        "fixed": isinstance(seed, int) and seed in FIXED_SEEDS,
        "png": "data:image/png;base64," + base64.b64encode(png).decode("ascii"),
    }
