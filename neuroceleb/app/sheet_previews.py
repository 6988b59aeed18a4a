"""Previews of sample sheets: small JPEGs that the page holds by the hundred and scrubs through.

A sheet of 64 faces has half a megabyte as PNG, its preview a fifth of that; where scrubbing rests,
the page fetches the sheet itself. Previews are cached under `.cache/sheet_previews/` and made ahead
at the lowest priority.
"""

import io
import os
import shutil
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PIL import Image

from neuroceleb import files, images
from neuroceleb.app.background import repeat
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.spacing import evenly_spaced

MAX_FRAMES = 256  # in one answer, and held by the page
JPEG_QUALITY = 80
SMALL_BYTES = 160_000  # a sheet of at most this size is its own preview
THREADS = 2
MADE_EVERY_S = 10.0
FOLDER = "sheet_previews"
_HEAD = struct.Struct("<II")  # epoch, bytes that follow


def read_epochs(text: str) -> list[int]:
    """Epochs from `0,5,10`; raises UserError for too many or for anything else."""
    try:
        epochs = [int(part) for part in text.split(",")[: MAX_FRAMES + 1]]
    except ValueError as error:
        raise UserError("Epochs are numbers with commas between: reload the page.") from error
    if len(epochs) > MAX_FRAMES or min(epochs) < 0 or max(epochs) > 2**31:
        raise UserError("Ask for 1 to {most} epochs at once: reload the page.", most=MAX_FRAMES)
    return epochs


def pack(run: Run, epochs: Sequence[int]) -> Iterator[bytes]:
    """The previews of these epochs in this order, each after its epoch and its length in bytes.

    A sheet that is missing or damaged has length 0.
    """
    sheets = run.sheets()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sheet_previews")
    try:
        previews = pool.map(_preview_or_nothing, [sheets.get(epoch) for epoch in epochs])
        for epoch, data in zip(epochs, previews, strict=True):
            yield _HEAD.pack(epoch, len(data)) + data
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _preview_or_nothing(path: Path | None) -> bytes:
    try:
        return b"" if path is None else preview(path)
    except UserError:
        return b""


def preview(path: Path) -> bytes:
    """The preview of a sheet; raises UserError where the sheet cannot be read."""
    try:
        stat = path.stat()
        if is_small(stat.st_size):
            return path.read_bytes()
    except OSError as error:
        raise UserError(
            "{name} cannot be read ({reason}).", name=path.name, reason=error.strerror
        ) from error
    return _cached(path, _cache_path(path, stat.st_mtime_ns, stat.st_size))


def _cache_path(path: Path, mtime_ns: int, size: int) -> Path:
    """Where the preview of a sheet in this state is cached."""
    run = path.parent
    folder = run.parent.parent / ".cache" / FOLDER / run.name
    return folder / f"{path.stem}-{mtime_ns:x}-{size:x}.jpg"


def _cached(path: Path, cached: Path) -> bytes:
    """The preview from the cache, or made and cached; an unwritable cache is no error."""
    try:
        return cached.read_bytes()
    except OSError:
        data = _encoded(path)
    with suppress(OSError, UserError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(cached) as temporary:
            temporary.write_bytes(data)
        for older in cached.parent.glob(f"{path.stem}-*.jpg"):
            if older != cached:
                older.unlink(missing_ok=True)
    return data


def _encoded(path: Path) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(images.load(path)).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def is_small(size_bytes: int) -> bool:
    """Whether a sheet's file is its own preview."""
    return size_bytes <= SMALL_BYTES


def make_ahead(workspace: Workspace) -> Callable[[], None]:
    """Make previews in the background at the lowest priority; returns the function that ends it."""

    def work(ended: threading.Event) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        _make_all(workspace, ended)

    return repeat("sheet_previews", MADE_EVERY_S, work)


def _make_all(workspace: Workspace, ended: threading.Event) -> None:
    runs = workspace.runs()
    for run in runs:
        for path in evenly_spaced(list(run.sheets().values()), MAX_FRAMES):
            if ended.is_set():
                return
            with suppress(UserError, OSError):
                if not _is_cached(path):
                    preview(path)
    names = {run.name for run in runs}
    for folder in (workspace.root / ".cache" / FOLDER).glob("*"):
        if folder.name not in names:
            shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(workspace.root / ".cache" / "reels", ignore_errors=True)  # version 0.1


def _is_cached(path: Path) -> bool:
    stat = path.stat()
    return is_small(stat.st_size) or _cache_path(path, stat.st_mtime_ns, stat.st_size).exists()
