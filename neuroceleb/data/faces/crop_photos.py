"""Crop the faces of photos into a dataset, with all cores.

`crop_photos` may be cancelled at any time and called again: photos that are done are skipped.
"""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from neuroceleb import files
from neuroceleb.data import zip_names
from neuroceleb.data.faces import align, crop, edit, persons, removal, report, review, settle
from neuroceleb.data.faces.crop import CropSpec, Photo, PhotoListing, PhotoResult
from neuroceleb.data.faces.detector import Detector
from neuroceleb.data.faces.google_consent import request_consent
from neuroceleb.data.faces.manifest import KEPT, LOCK, NO_FACE, REJECTED, UNREADABLE, FaceSet
from neuroceleb.data.faces.review import Counts
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from neuroceleb.settings import IMAGE_SIZE

YUNET_BATCH = 4  # photos per call of a worker
GOOGLE_BATCH = 16  # photos per request
DETECTORS = ("yunet", "google-vision")


@dataclass(frozen=True)
class Options:
    """How to crop.

    `size` is the side of a crop in pixels. `smallest_px` is the smallest face that is looked for.
    With `align` "landmarks" eyes and mouth are always at the same place; "box" crops the detector's
    box, for comparison; "none" takes photos that are cut around one face already as they are, their
    largest square, and only judges that face. `zip_names` is the encoding of names in zips that are
    not marked as UTF-8, or `zip_names.AUTO`. `group_by_person` sorts the faces afterwards
    (`persons.sort`). Photos whose faces were removed from the dataset are left out, unless
    `include_removed`.
    """

    size: int = IMAGE_SIZE
    align: str = "landmarks"
    detector: str = "yunet"
    smallest_px: float = 20
    rules: Rules = field(default_factory=Rules)
    zip_names: str = zip_names.AUTO
    group_by_person: bool = False
    include_removed: bool = False


@dataclass(frozen=True)
class Progress:
    """How many photos are done, the numbers of new rows, and the last photo's result."""

    done: int
    total: int
    kept: int
    rejected: int
    no_face: int
    unreadable: int
    photo: PhotoResult | None = None


@dataclass(frozen=True)
class CropResult:
    """The counts of the dataset, and what this call added; `finished` is False where cancelled.

    `system_files`, `other_files` and `encodings` are those of `crop.PhotoListing`. `removed` photos
    of the dataset were removed earlier and are left out.
    """

    finished: bool
    counts: Counts
    photos: int
    new_faces: int
    seconds: float
    system_files: int = 0
    other_files: int = 0
    encodings: dict[str, str] = field(default_factory=dict)
    removed: int = 0


def crop_photos(
    photos: Sequence[Path],
    face_set: FaceSet,
    options: Options,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    previews: bool = False,
    confirm: Callable[[str], bool] = lambda _: False,
    sorting: Callable[[int, int], None] = lambda *_: None,
    workers: int | None = None,
) -> CropResult:
    """Crop the faces of folders, zips and single photos into a dataset, and save it.

    Photos whose bytes are in the dataset already are skipped. `progress` is called after every
    photo. `confirm` is called with a question before photos are sent to Google. `sorting(done,
    total)` is called while faces are sorted by person. Raises UserError: no photos, disk full,
    another size than the dataset's.
    """
    started = time.monotonic()
    _check(photos, face_set, options)
    listed = crop.listing(photos, options.zip_names)
    todo = listed.photos
    if not todo:
        named = ", ".join(str(path) for path in photos[:3])
        raise UserError(
            "There are no files in {named}: give folders, zips or files of photos.", named=named
        )
    with face_set.lock():
        face_set.repair()
        face_set.append(())
        settle.settle_locked(face_set)
        spec = _spec(face_set, options, previews)
        _write_options(face_set, options, listed)
        verdicts: Counter[str] = Counter()
        new_faces = 0
        with _pool(options, spec, len(todo), confirm, workers) as pool:
            for number, result in enumerate(_results(pool, todo, cancelled), 1):
                if result.rows:
                    face_set.append(result.rows)
                verdicts.update(row.verdict for row in result.rows)
                new_faces += sum(row.crop is not None for row in result.rows)
                progress(_progress(number, len(todo), verdicts, result))
        finished = not cancelled()
        if finished:
            counts = edit.save_locked(face_set, options.rules)
            if options.include_removed:
                removal.readmit(face_set, {str(row.source_sha256) for row in face_set.iter_rows()})
            if options.group_by_person:
                persons.sort_locked(face_set, progress=sorting)
        else:
            counts = review.count(face_set.iter_rows())
        removed = len(removal.removed_photos(face_set))
    return CropResult(
        *(finished, counts, len(todo), new_faces, time.monotonic() - started),
        *(listed.system_files, listed.other_files, listed.encodings, removed),
    )


def _progress(done: int, total: int, verdicts: Counter[str], photo: PhotoResult) -> Progress:
    kept, rejected, no_face = verdicts[KEPT], verdicts[REJECTED], verdicts[NO_FACE]
    return Progress(done, total, kept, rejected, no_face, verdicts[UNREADABLE], photo)


def _check(photos: Sequence[Path], face_set: FaceSet, options: Options) -> None:
    zip_names.check_encoding(options.zip_names)
    if options.size not in align.SIZES:
        sizes = ", ".join(map(str, align.SIZES))
        raise UserError(
            "--size {size} is not possible: use one of {sizes}.", size=options.size, sizes=sizes
        )
    if options.detector not in DETECTORS:
        raise UserError(
            "There is no detector '{detector}': use yunet.", detector=options.detector[:40]
        )
    if options.align not in align.ALIGNED_BY:
        raise UserError(
            "--align {align} is not known: use landmarks, box or none.", align=options.align[:40]
        )
    for path in photos:
        if not path.exists():
            raise UserError(
                "{path} is not there: give folders, zips or files of photos.", path=path
            )
    _check_same_options(face_set, options)
    if face_set.path.exists() and not face_set.exists() and _holds_files(face_set.path):
        raise UserError(
            "{path} holds other files: use another name for the dataset.", path=face_set.path
        )


def _holds_files(folder: Path) -> bool:
    return any(path.name != LOCK for path in folder.iterdir())


def _check_same_options(face_set: FaceSet, options: Options) -> None:
    """All crops of a dataset have the same size and alignment."""
    saved = report.read(face_set) if face_set.exists() else {}
    for name in ("size", "align"):
        before = saved.get(name)
        if before is not None and before != getattr(options, name):
            raise UserError(
                "The dataset '{name}' was cropped with --{option} {before}: use "
                "--{option} {before}, or another name.",
                name=face_set.name,
                option=name,
                before=before,
            )


def _cores() -> int:
    """The cores that this process may use; all where the system (macOS) does not say."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _spec(face_set: FaceSet, options: Options, previews: bool) -> CropSpec:
    """Photos of earlier, finished calls are recognized by their bytes, whatever their name."""
    saved = int(report.read(face_set).get("rows", 0))
    known, finished = set(), set()
    for number, row in enumerate(face_set.iter_rows()):
        finished.add(row.photo)
        if number < saved and row.source_sha256 is not None:
            known.add(row.source_sha256)
    return CropSpec(
        *(face_set.path, options.size, options.rules, previews),
        *(frozenset(known), frozenset(finished)),
        options.align,
        frozenset() if options.include_removed else removal.removed_photos(face_set),
    )


def _write_options(face_set: FaceSet, options: Options, listed: PhotoListing) -> None:
    """Write size, detector and alignment into the report before there are crops.

    Also what the latest call left alone, and how it read the names in zips.
    """
    about = {
        "size": options.size,
        "detector": options.detector,
        "align": options.align,
        "system_files": listed.system_files,
        "other_files": listed.other_files,
        "zip_names": listed.encodings,
    }
    files.write_json(face_set.report, report.read(face_set) | about)


# All cores ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pool:
    """An executor, the function it runs, and how many photos each call gets."""

    executor: Executor
    run: Callable[[Sequence[Photo]], list[PhotoResult]]
    batch_size: int


@contextmanager
def _pool(
    options: Options,
    spec: CropSpec,
    photos: int,
    confirm: Callable[[str], bool],
    workers: int | None,
) -> Iterator[_Pool]:
    """Processes that run YuNet, or threads that wait for Google."""
    cores = workers or _cores()
    if options.detector == "yunet":
        pool = _yunet_pool(options, spec, max(1, min(cores, -(-photos // YUNET_BATCH))))
    else:
        detector = _google(photos, confirm)
        run = partial(crop.crop_batch, detector=detector, spec=spec)
        pool = _Pool(ThreadPoolExecutor(min(4, cores)), run, GOOGLE_BATCH)
    try:
        yield pool
    finally:
        pool.executor.shutdown(wait=True, cancel_futures=True)


def _yunet_pool(options: Options, spec: CropSpec, workers: int) -> _Pool:
    from neuroceleb.data.faces.yunet import weights_file

    weights_file()  # raises UserError here rather than in a worker
    executor = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        crop.init_worker,
        (options.smallest_px, spec),
    )
    return _Pool(executor, crop.crop_in_worker, YUNET_BATCH)


def _google(photos: int, confirm: Callable[[str], bool]) -> Detector:
    consent = request_consent(photos, confirm)
    from neuroceleb.data.faces.google_vision import GoogleVision  # takes half a second

    return GoogleVision(consent)


def _results(
    pool: _Pool, photos: Sequence[Photo], cancelled: Callable[[], bool]
) -> Iterator[PhotoResult]:
    """The results as they finish. Few batches are submitted at a time, so memory stays flat."""
    size = pool.batch_size
    batches = (photos[start : start + size] for start in range(0, len(photos), size))
    pending: set[Future[list[PhotoResult]]] = set()
    while True:
        while len(pending) < 4 * (os.cpu_count() or 1) and not cancelled():
            batch = next(batches, None)
            if batch is None:
                break
            pending.add(pool.executor.submit(pool.run, batch))
        if not pending:
            return
        finished, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in finished:
            try:
                yield from future.result()
            except BrokenProcessPool as error:
                raise UserError(
                    "The system ended a worker process, usually for lack of memory: close other "
                    "programs and run the same command again, it continues from here."
                ) from error
