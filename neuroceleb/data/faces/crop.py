"""One photo -> its faces, found, aligned, measured and saved: what each worker process does."""

import hashlib
import multiprocessing
import os
import re
import signal
import threading
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from neuroceleb import files, images
from neuroceleb.data import sources
from neuroceleb.data.faces import align, measure, orientation
from neuroceleb.data.faces.detector import Detector, Face
from neuroceleb.data.faces.manifest import FOLDERS, KEPT, NO_FACE, REJECTED, UNREADABLE, Row
from neuroceleb.data.faces.measure import Reason, Rules
from neuroceleb.images import Pixels, UnreadableImageError

PREVIEW_PX = 480
BATCH_BYTES = 300_000_000  # of decoded photos held at once
MAX_GROUP_BYTES = 120
SINGLE = "photos"  # the group of photos given one by one


@dataclass(frozen=True)
class Photo:
    """Where one photo lies: which PHOTOS argument it came with, and its name there."""

    argument: Path
    entry: sources.Entry

    @property
    def source(self) -> str:
        return self.entry.name.replace(os.sep, "/")


@dataclass(frozen=True)
class Done:
    """What became of one photo. `rows` is empty where it was finished before.

    `preview` is a small JPEG of the upright photo; its pixels are the photo's times
    `preview_scale`.
    """

    photo: Photo
    rows: tuple[Row, ...]
    preview: bytes | None = None
    preview_scale: float = 1.0


@dataclass(frozen=True)
class Order:
    """How to cut: what every worker is told once.

    `finished` are the photos (source and SHA-256) and `known` the SHA-256 of those, whatever their
    name, that need not be looked at again. Without `aligned` a crop is the detector's box as it is.
    """

    dataset: Path
    size_px: int
    rules: Rules
    previews: bool
    known: frozenset[str]
    finished: frozenset[tuple[str, str | None]]
    aligned: bool = True


def collect(photos: Sequence[Path]) -> list[Photo]:
    """Every file of folders, zips and single files, in order. Raises UserError."""
    found: list[Photo] = []
    for argument in photos:
        if argument.is_dir() or argument.suffix.lower() == ".zip":
            with sources.open_source(argument) as source:
                found += [Photo(argument, entry) for entry in source.entries()]
        else:
            folder = sources.Folder(argument.parent)
            found.append(Photo(argument, folder.entry(argument.name)))
    return found


def cut(photos: Sequence[Photo], detector: Detector, order: Order) -> list[Done]:
    """Find, align, measure and save the faces of some photos. Raises UserError.

    A photo that cannot be read gets a row that says why. Where the detector takes several photos
    at once, they are handed to it together, as long as they are not very large.
    """
    done: list[Done] = []
    opened: list[_Opened] = []
    for photo in photos:
        found = _open(photo, order)
        if isinstance(found, Done):
            done.append(found)
        else:
            opened.append(found)
        if sum(it.pixels.size for it in opened) > BATCH_BYTES:
            done += _cut_together(opened, detector, order)
            opened = []
    return done + _cut_together(opened, detector, order)


@dataclass(frozen=True)
class _Opened:
    """A photo that was read: its pixels, righted by its EXIF, and the SHA-256 of its file."""

    photo: Photo
    digest: str
    pixels: Pixels


def _open(photo: Photo, order: Order) -> _Opened | Done:
    digest = None
    try:
        data = _read(photo)
        digest = hashlib.sha256(data).hexdigest()
        if digest in order.known or (photo.source, digest) in order.finished:
            return Done(photo, ())
        return _Opened(photo, digest, np.asarray(images.read_photo(data)))
    except UnreadableImageError as error:
        why = str(error) if digest is None else _plainer(data, str(error))
        return _unreadable(photo, why, order, digest)
    except OSError as error:
        return _unreadable(photo, f"it cannot be read ({error.strerror})", order, digest)


def _unreadable(photo: Photo, why: str, order: Order, digest: str | None) -> Done:
    if (photo.source, digest) in order.finished:
        return Done(photo, ())
    reason = Reason(UNREADABLE, 0.0, 0.0, why)
    return Done(photo, (Row(photo.source, digest, UNREADABLE, (reason,), group=group_of(photo)),))


def _read(photo: Photo) -> bytes:
    if photo.entry.flaw is not None:
        raise UnreadableImageError(photo.entry.flaw)
    if photo.entry.size_bytes > images.MAX_FILE_BYTES:
        raise UnreadableImageError(f"it is over {images.MAX_FILE_BYTES // 2**20} MB")
    return _source(photo.argument).read(photo.entry)


@lru_cache(maxsize=4)
def _source(argument: Path) -> sources.Folder | sources.Zip:
    if argument.is_dir():
        return sources.Folder(argument)
    if argument.suffix.lower() == ".zip":
        return sources.Zip(argument)
    return sources.Folder(argument.parent)


def _cut_together(opened: list[_Opened], detector: Detector, order: Order) -> list[Done]:
    """YuNet looks at photos one by one and in four directions; others get all at once."""
    if detector.name == "yunet":
        find = partial(_find_one, detector)
        return [_cut_one(it, *orientation.righted(it.pixels, find), order) for it in opened]
    faces = detector.find([it.pixels for it in opened]) if opened else []
    return [_cut_one(it, 0, it.pixels, f, order) for it, f in zip(opened, faces, strict=True)]


def _find_one(detector: Detector, photo: Pixels) -> list[Face]:
    return detector.find([photo])[0]


def _cut_one(opened: _Opened, turned: int, pixels: Pixels, faces: list[Face], order: Order) -> Done:
    photo, size = opened.photo, (pixels.shape[1], pixels.shape[0])
    about = Row(
        *(photo.source, opened.digest, NO_FACE),
        group=group_of(photo),
        turned=turned,
        photo_px=size,
    )
    found = [_row(about, pixels, f, number, len(faces), order) for number, f in enumerate(faces)]
    preview, scale = _preview(pixels) if order.previews else (None, 1.0)
    return Done(photo, tuple(row for row in found if row) or (about,), preview, scale)


def _plainer(data: bytes, why: str) -> str:
    head = data[:512].lstrip().lower()
    if data[:4] == b"PK\x03\x04":
        return "it is a zip within the photos: give it to crop by itself"
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in data[:4096].lower():
        return "it is an SVG drawing, not a photo"
    return why


def _row(
    about: Row, pixels: Pixels, face: Face, number: int, faces: int, order: Order
) -> Row | None:
    try:
        matrix = align.placing(face.landmarks)
    except ValueError:
        return None  # a face whose eyes and mouth are one spot is none
    measures = measure.measure(pixels, face, matrix) | {"faces": faces, "number": number}
    reasons = measure.reasons(measures, order.rules)
    verdict = REJECTED if reasons else KEPT
    name = hashlib.sha256(os.fsencode(about.source)).hexdigest()[:6]
    crop = f"{FOLDERS[verdict]}/{about.group}/{str(about.source_sha256)[:16]}-{name}-{number}.png"
    square = matrix if order.aligned else align.boxing(face.box)
    _save(order.dataset / crop, align.crop(pixels, square, order.size_px))
    return Row(
        about.source,
        about.source_sha256,
        verdict,
        tuple(reasons),
        crop,
        tuple(round(value, 2) for value in face.box),
        tuple((round(x, 2), round(y, 2)) for x, y in face.landmarks),
        round(face.score, 4),
        measures,
        about.group,
        about.turned,
        about.photo_px,
    )


def _save(path: Path, crop: Pixels) -> None:
    """Whole or not there, but not fsynced: a crop a power cut took is cut again."""
    data = images.encode(crop)
    with suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as temporary:
        temporary.write_bytes(data)


def _preview(pixels: Pixels) -> tuple[bytes, float]:
    height, width = pixels.shape[:2]
    scale = min(1.0, PREVIEW_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return images.encode(np.asarray(small, np.uint8), ".jpg"), scale


def group_of(photo: Photo) -> str:
    """The name of the photo's own sub-folder, fit to be one; nested ones are joined by +."""
    folders = PurePosixPath(photo.source).parts[:-1]
    top = photo.argument.resolve()
    outer = top.name if top.is_dir() else top.stem if top.suffix.lower() == ".zip" else SINGLE
    text = "+".join(part for part in folders if part not in {"/", "..", "."}) or outer
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    text = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", text).strip(" .")
    return text.encode()[:MAX_GROUP_BYTES].decode("utf-8", "ignore").strip(" .") or SINGLE


# In a worker process -----------------------------------------------------------------------

_worker: tuple[Detector, Order]


def start_worker(smallest_px: float, order: Order) -> None:
    """Get one process of the pool ready. Ctrl-C is for the one that started it."""
    global _worker  # noqa: PLW0603  a process is one worker
    from neuroceleb.data.faces.yunet import YuNet

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()
    _worker = (YuNet(smallest_px=smallest_px), order)


def _end_with_parent() -> None:
    """A pool's processes wait for work for ever where the one that started them was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cut_in_worker(photos: Sequence[Photo]) -> list[Done]:
    """`cut`, by what this process was started with."""
    return cut(photos, *_worker)
