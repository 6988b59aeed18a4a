"""Detect, align, measure and save the faces of a few photos: the work of one worker process."""

import hashlib
import multiprocessing
import os
import re
import signal
import threading
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from neuroceleb import decoding, files, images
from neuroceleb.data import sources, zip_names
from neuroceleb.data.faces import align, orientation
from neuroceleb.data.faces.detector import Detector, Face, distance_from_middle
from neuroceleb.data.faces.manifest import FOLDERS, KEPT, NO_FACE, REJECTED, UNREADABLE, Row
from neuroceleb.data.faces.measure import measure
from neuroceleb.data.faces.rules import Reason, Rules, face_reasons
from neuroceleb.errors import gettext_noop
from neuroceleb.images import Pixels, UnreadableImageError

PREVIEW_PX = 480
BATCH_BYTES = 120_000_000  # of decoded photos in memory at once
MAX_GROUP_BYTES = 120
NAME_DIGITS = 16  # of the photo's SHA-256, in the name of a crop
DEFAULT_GROUP = "photos"  # the group of photos that were given one by one


@dataclass(frozen=True)
class Photo:
    """One photo: the PHOTOS argument it is in, and its file there.

    `top` is the folder that holds everything in its zip, if there is one.
    """

    argument: Path
    entry: sources.Entry
    top: str = ""

    @property
    def source(self) -> str:
        return self.entry.name.replace(os.sep, "/")

    @property
    def in_folder(self) -> bool:
        """Whether it is in a folder within its argument, below `top`."""
        return len(PurePosixPath(self.source).parts) > (2 if self.top else 1)


@dataclass(frozen=True)
class PhotoResult:
    """The manifest rows of one photo; empty where it was skipped as already done.

    `preview` is a small JPEG of the upright photo; its pixel coordinates are the photo's times
    `preview_scale`.
    """

    photo: Photo
    rows: tuple[Row, ...]
    preview: bytes | None = None
    preview_scale: float = 1.0


@dataclass(frozen=True)
class CropSpec:
    """How to crop; every worker process gets a copy when it starts.

    Photos are skipped whose (source, SHA-256) is in `finished`, or whose SHA-256 alone is in
    `known` or is among the `removed` ones (`is_among`). `aligned_by` is in `align.ALIGNED_BY`; with
    "none" only the most central face of a photo counts.
    """

    dataset: Path
    size_px: int
    rules: Rules
    previews: bool
    known: frozenset[str]
    finished: frozenset[tuple[str, str | None]]
    aligned_by: str = "landmarks"
    removed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PhotoListing:
    """The photos of all PHOTOS arguments, and how many files beside them are left alone.

    `system_files` and `other_files` are those of `sources.Listing`, `encodings` the encodings of
    the names in zips, by the zip's name, where they are neither ASCII nor marked as UTF-8.
    """

    photos: list[Photo]
    system_files: int
    other_files: int
    encodings: dict[str, str]


def list_photos(photos: Sequence[Path]) -> list[Photo]:
    """Every photo of folders, zips and single files, in order. Raises UserError."""
    return listing(photos).photos


def listing(photos: Sequence[Path], names_encoding: str = zip_names.AUTO) -> PhotoListing:
    """The photos of folders, zips and single files, and what is left alone. Raises UserError.

    `names_encoding` is that of names in zips that are not marked as UTF-8.
    """
    found: list[Photo] = []
    left_alone: Counter[str] = Counter()
    encodings = {}
    for argument in photos:
        if argument.is_dir() or argument.suffix.lower() == ".zip":
            with sources.open_source(argument, names_encoding) as source:
                listed = source.listing()
            top = "" if argument.is_dir() else _common_folder(listed.entries)
            found += [Photo(argument, entry, top) for entry in listed.entries]
            left_alone.update({"system": listed.system_files, "other": listed.other_files})
            if listed.encoding is not None:
                encodings[argument.name] = listed.encoding
        else:
            folder = sources.Folder(argument.parent)
            found.append(Photo(argument, folder.entry(argument.name)))
    return PhotoListing(found, left_alone["system"], left_alone["other"], encodings)


def _common_folder(entries: Sequence[sources.Entry]) -> str:
    """The first folder of all paths; empty where there is none."""
    first = {PurePosixPath(entry.name).parts[:-1][:1] for entry in entries}
    return "".join(first.pop()) if len(first) == 1 else ""


def crop_batch(photos: Sequence[Photo], detector: Detector, spec: CropSpec) -> list[PhotoResult]:
    """Detect, align, measure and save the faces of some photos. Raises UserError.

    A photo that cannot be read gets a row with the reason. The detector gets several photos per
    call, as long as their pixels are no more than BATCH_BYTES.
    """
    results: list[PhotoResult] = []
    decoded: list[_Decoded] = []
    for photo in photos:
        found = _decode(photo, spec)
        if isinstance(found, PhotoResult):
            results.append(found)
        else:
            decoded.append(found)
        if sum(it.pixels.size for it in decoded) > BATCH_BYTES:
            results += _crop_decoded(decoded, detector, spec)
            decoded = []
    return results + _crop_decoded(decoded, detector, spec)


# Reading photos ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Decoded:
    """A decoded photo: its pixels, turned as its EXIF says, and the SHA-256 of its file."""

    photo: Photo
    digest: str
    pixels: Pixels


def _decode(photo: Photo, spec: CropSpec) -> _Decoded | PhotoResult:
    digest = None
    try:
        data = _read(photo)
        digest = hashlib.sha256(data).hexdigest()
        is_done = (photo.source, digest) in spec.finished
        if is_done or digest in spec.known or is_among(digest, spec.removed):
            return PhotoResult(photo, ())
        return _Decoded(photo, digest, decoding.read_pixels(data))
    except UnreadableImageError as error:
        cause = str(error) if digest is None else _file_kind(data) or str(error)
        return _unreadable(photo, cause, spec, digest)
    except OSError as error:
        return _unreadable(photo, f"it cannot be read ({error.strerror})", spec, digest)


def _unreadable(photo: Photo, cause: str, spec: CropSpec, digest: str | None) -> PhotoResult:
    if (photo.source, digest) in spec.finished:
        return PhotoResult(photo, ())
    reason = Reason(UNREADABLE, 0.0, 0.0, cause)
    row = Row(
        *(photo.source, digest, UNREADABLE, (reason,)),
        group=group_of(photo),
        in_folder=photo.in_folder,
    )
    return PhotoResult(photo, (row,))


def _read(photo: Photo) -> bytes:
    if photo.entry.flaw is not None:
        raise UnreadableImageError(photo.entry.flaw)
    if photo.entry.size_bytes > images.MAX_FILE_BYTES:
        raise UnreadableImageError("it is over {max_mb} MB", max_mb=images.MAX_FILE_BYTES // 2**20)
    return _source(photo.argument).read(photo.entry)


@lru_cache(maxsize=4)
def _source(argument: Path) -> sources.Folder | sources.Zip:
    if argument.is_dir():
        return sources.Folder(argument)
    if argument.suffix.lower() == ".zip":
        return sources.Zip(argument)
    return sources.Folder(argument.parent)


def _file_kind(data: bytes) -> str | None:
    """A clearer reason for files that are often among photos and are none."""
    head = data[:512].lstrip().lower()
    if data[:4] == b"PK\x03\x04":
        return gettext_noop("it is a zip within the photos: give it to crop by itself")
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in data[:4096].lower():
        return gettext_noop("it is an SVG drawing, not a photo")
    return None


# Cropping ----------------------------------------------------------------------------------


def _crop_decoded(decoded: list[_Decoded], detector: Detector, spec: CropSpec) -> list[PhotoResult]:
    """YuNet gets photos one by one and in four directions; other detectors get all at once."""
    if detector.name == "yunet":
        find = partial(_find_one, detector)
        return [_crop_faces(it, *orientation.upright(it.pixels, find), spec) for it in decoded]
    found = detector.find([it.pixels for it in decoded]) if decoded else []
    return [
        _crop_faces(it, 0, it.pixels, faces, spec) for it, faces in zip(decoded, found, strict=True)
    ]


def _find_one(detector: Detector, photo: Pixels) -> list[Face]:
    return detector.find([photo])[0]


def _crop_faces(
    decoded: _Decoded, turned: int, pixels: Pixels, faces: list[Face], spec: CropSpec
) -> PhotoResult:
    photo = decoded.photo
    without_face = Row(
        *(photo.source, decoded.digest, NO_FACE),
        group=group_of(photo),
        in_folder=photo.in_folder,
        turned=turned,
        photo_px=(pixels.shape[1], pixels.shape[0]),
    )
    chosen = range(len(faces)) if spec.aligned_by != "none" else _most_central(faces, pixels)
    rows = [_crop_face(without_face, pixels, faces, number, spec) for number in chosen]
    preview, scale = _preview(pixels) if spec.previews else (None, 1.0)
    found = tuple(row for row in rows if row is not None)
    return PhotoResult(photo, found or (without_face,), preview, scale)


def _most_central(faces: Sequence[Face], photo: Pixels) -> list[int]:
    """The number of the face nearest to the middle of its photo; empty without faces."""
    height, width = photo.shape[:2]
    distances = [distance_from_middle(face.box, (width, height)) for face in faces]
    return [distances.index(min(distances))] if distances else []


def _crop_face(
    photo: Row, pixels: Pixels, faces: list[Face], number: int, spec: CropSpec
) -> Row | None:
    """Save the crop of one face of a photo, and return its row; None where it has no extent."""
    face = faces[number]
    try:
        matrix = align.landmark_transform(face.landmarks)
    except ValueError:
        return None  # eyes and mouth are the same point
    height, width = pixels.shape[:2]
    placing = align.placing(face.landmarks, face.box, (width, height), spec.aligned_by)
    measures = measure(pixels, face, matrix) | {"faces": len(faces), "number": number}
    if spec.aligned_by == "none":
        measures |= {"source_px": align.side_px(placing), "outside": 0.0}
    reasons = face_reasons(measures, spec.rules)
    verdict = REJECTED if reasons else KEPT
    name = hashlib.sha256(os.fsencode(photo.source)).hexdigest()[:6]
    file_name = f"{str(photo.source_sha256)[:NAME_DIGITS]}-{name}-{number}.png"
    crop = f"{FOLDERS[verdict]}/{photo.group}/{file_name}"
    _save(spec.dataset / crop, align.crop(pixels, placing, spec.size_px))
    return Row(
        photo.source,
        photo.source_sha256,
        verdict,
        tuple(reasons),
        crop,
        tuple(round(value, 2) for value in face.box),
        tuple((round(x, 2), round(y, 2)) for x, y in face.landmarks),
        round(face.score, 4),
        measures,
        photo.group,
        photo.turned,
        photo.photo_px,
        in_folder=photo.in_folder,
    )


def _save(path: Path, crop: Pixels) -> None:
    """Write atomically, but without fsync: after a power cut a crop is made again."""
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


def is_among(digest: str, photos: Collection[str]) -> bool:
    """Whether a SHA-256 is in `photos`, whole or by the part that the name of a crop has of it."""
    return digest in photos or digest[:NAME_DIGITS] in photos


def group_of(photo: Photo) -> str:
    """The photo's sub-folder as a valid folder name; nested ones are joined by +.

    For photos at the top: the name of the folder or zip, or DEFAULT_GROUP for single files. A
    folder that holds everything in a zip counts as the top, so a zipped folder has its own groups.
    """
    folders = PurePosixPath(photo.source).parts[:-1]
    argument = files.absolute(photo.argument)
    is_zip = argument.suffix.lower() == ".zip"
    outer = argument.name if argument.is_dir() else argument.stem if is_zip else DEFAULT_GROUP
    if photo.top:
        outer, folders = photo.top, folders[1:]
    return clean_group("+".join(part for part in folders if part not in {"/", "..", "."}) or outer)


def clean_group(text: str) -> str:
    """A text as a valid folder name; DEFAULT_GROUP where nothing is left of it."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    text = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", text).strip(" .")
    return text.encode()[:MAX_GROUP_BYTES].decode("utf-8", "ignore").strip(" .") or DEFAULT_GROUP


# In a worker process -----------------------------------------------------------------------

_worker: tuple[Detector, CropSpec]


def init_worker(smallest_px: float, spec: CropSpec) -> None:
    """Initialize a process of the pool. Ctrl-C is left to the parent process."""
    global _worker  # noqa: PLW0603  a process is one worker
    from neuroceleb.data.faces.yunet import YuNet

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(1)
    threading.Thread(target=_exit_with_parent, daemon=True, name="parent").start()
    _worker = (YuNet(smallest_px=smallest_px), spec)


def _exit_with_parent() -> None:
    """A pool's processes would wait for work endlessly after their parent was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def crop_in_worker(photos: Sequence[Photo]) -> list[PhotoResult]:
    """`crop_batch` with the detector and spec of this process."""
    return crop_batch(photos, *_worker)
