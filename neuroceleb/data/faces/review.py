"""Photos -> a dataset: cut them with all cores, judge, settle, overrule, remove.

`crop` may be stopped at any time and called again; what is finished is not done twice.
"""

import dataclasses
import errno
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from neuroceleb import files
from neuroceleb.data.faces import align, duplicates, measure, report
from neuroceleb.data.faces import crop as cutting
from neuroceleb.data.faces.crop import Done, Photo
from neuroceleb.data.faces.detector import Detector
from neuroceleb.data.faces.manifest import (
    FOLDERS,
    KEPT,
    NO_FACE,
    REJECTED,
    UNREADABLE,
    FaceSet,
    Row,
)
from neuroceleb.data.faces.measure import Reason, Rules
from neuroceleb.errors import UserError

PHOTOS_A_TASK = 4
PHOTOS_A_REQUEST = 16  # to Google
COLOURED = 12.0  # the median chroma above which a set is coloured
DETECTORS = ("yunet", "google-vision")
ALIGNED_BY = ("landmarks", "box")


@dataclass(frozen=True)
class Options:
    """How to crop.

    `smallest_px` is the smallest face that is looked for; `align` is what is cut: the square that
    lays eyes and mouth in their places, or the detector's box as it is (to compare with).
    """

    size: int = 64
    align: str = "landmarks"
    detector: str = "yunet"
    smallest_px: float = 20
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True)
class Counts:
    """How many photos and faces there are of each kind; a face may have several reasons."""

    photos: int = 0
    faces: int = 0
    kept: int = 0
    rejected: int = 0
    no_face: int = 0
    unreadable: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """How far cropping has come, in photos, and what became of the last one."""

    done: int
    total: int
    kept: int
    rejected: int
    no_face: int
    unreadable: int
    photo: Done | None = None


@dataclass(frozen=True)
class Outcome:
    """How cropping ended; `finished` is False where it was cancelled."""

    finished: bool
    counts: Counts
    photos: int
    new_faces: int
    seconds: float


def crop(
    photos: Sequence[Path],
    face_set: FaceSet,
    options: Options,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    previews: bool = False,
    agrees: Callable[[str], bool] = lambda _: False,
    workers: int | None = None,
) -> Outcome:
    """Cut the faces of folders, zips and single photos into a dataset, and settle it.

    Photos whose bytes the dataset knows are passed over. `agrees` is asked before photos leave
    this machine. Raises UserError: nothing there, disk full, another size than the dataset's.
    """
    began = time.monotonic()
    _check(photos, face_set, options)
    todo = cutting.collect(photos)
    if not todo:
        named = ", ".join(str(path) for path in photos[:3])
        raise UserError(f"There are no files in {named}: give folders, zips or files of photos.")
    with face_set.held():
        face_set.mend()
        face_set.append(())
        order = _order(face_set, options, previews)
        _start_report(face_set, options)
        tally: Counter[str] = Counter()
        new_faces = 0
        with _pool(options, order, len(todo), agrees, workers) as (pool, run, at_once):
            for number, done in enumerate(_in_turn(pool, run, todo, at_once, cancelled), 1):
                if done.rows:
                    face_set.append(done.rows)
                tally.update(row.verdict for row in done.rows)
                new_faces += sum(row.crop is not None for row in done.rows)
                progress(_progress(number, len(todo), tally, done))
        finished = not cancelled()
        counts = _settle(face_set, options.rules) if finished else count(face_set.each())
    return Outcome(finished, counts, len(todo), new_faces, time.monotonic() - began)


def _progress(number: int, total: int, tally: Counter[str], done: Done) -> Progress:
    kept, rejected, without = tally[KEPT], tally[REJECTED], tally[NO_FACE]
    return Progress(number, total, kept, rejected, without, tally[UNREADABLE], done)


def _check(photos: Sequence[Path], face_set: FaceSet, options: Options) -> None:
    if options.size not in align.SIZES:
        sizes = ", ".join(map(str, align.SIZES))
        raise UserError(f"--size {options.size} cannot be had: use one of {sizes}.")
    if options.detector not in DETECTORS:
        raise UserError(f"There is no detector '{options.detector[:40]}': use yunet.")
    if options.align not in ALIGNED_BY:
        raise UserError(f"--align {options.align[:40]} is not known: use landmarks or box.")
    for path in photos:
        if not path.exists():
            raise UserError(f"{path} is not there: give folders, zips or files of photos.")
    _check_like_before(face_set, options)
    if face_set.path.exists() and not face_set.exists() and any(face_set.path.iterdir()):
        raise UserError(f"{face_set.path} holds other files: use another name for the dataset.")


def _check_like_before(face_set: FaceSet, options: Options) -> None:
    """Crops of one dataset are all of one kind."""
    card = report.read(face_set) if face_set.exists() else {}
    for name, unit in (("size", " px"), ("align", "")):
        before = card.get(name)
        if before is not None and before != getattr(options, name):
            raise UserError(
                f"The dataset '{face_set.name}' was cut with --{name} {before}{unit}: use "
                f"--{name} {before}, or another name."
            )


def _order(face_set: FaceSet, options: Options, previews: bool) -> cutting.Order:
    """Photos of earlier, finished croppings are known by their bytes, whatever their name."""
    settled = int(report.read(face_set).get("rows", 0))
    known, finished = set(), set()
    for number, row in enumerate(face_set.each()):
        finished.add(row.photo)
        if number < settled and row.source_sha256 is not None:
            known.add(row.source_sha256)
    return cutting.Order(
        *(face_set.path, options.size, options.rules, previews),
        *(frozenset(known), frozenset(finished)),
        options.align == "landmarks",
    )


def _start_report(face_set: FaceSet, options: Options) -> None:
    """Say of what size the crops are before there are any; the rest of a report stays."""
    about = {"size": options.size, "detector": options.detector, "align": options.align}
    files.write_json(face_set.report, report.read(face_set) | about)


# All cores ---------------------------------------------------------------------------------

Run = Callable[[Sequence[Photo]], list[Done]]


@contextmanager
def _pool(
    options: Options,
    order: cutting.Order,
    photos: int,
    agrees: Callable[[str], bool],
    workers: int | None,
) -> Iterator[tuple[Executor, Run, int]]:
    """Who cuts: processes with YuNet, or threads that wait for Google; and how many photos each."""
    cores = workers or len(os.sched_getaffinity(0))
    pool: Executor
    if options.detector == "yunet":
        from neuroceleb.data.faces.yunet import weights_file

        weights_file()  # says so here where it is missing
        pool = ProcessPoolExecutor(
            max(1, min(cores, -(-photos // PHOTOS_A_TASK))),
            multiprocessing.get_context("spawn"),
            cutting.start_worker,
            (options.smallest_px, order),
        )
        run: Run = cutting.cut_in_worker
        at_once = PHOTOS_A_TASK
    else:
        detector = _google(photos, agrees)
        pool = ThreadPoolExecutor(min(4, cores))
        run = partial(cutting.cut, detector=detector, order=order)
        at_once = PHOTOS_A_REQUEST
    try:
        yield pool, run, at_once
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _google(photos: int, agrees: Callable[[str], bool]) -> Detector:
    from neuroceleb.data.faces import google_vision  # half a second

    return google_vision.GoogleVision(google_vision.ask(photos, agrees))


def _in_turn(
    pool: Executor,
    run: Run,
    photos: Sequence[Photo],
    at_once: int,
    cancelled: Callable[[], bool],
) -> Iterator[Done]:
    """What became of each photo, as they are finished; few are on their way, so memory is flat."""
    tasks = _batched(photos, at_once)
    waiting: dict[Future[list[Done]], Sequence[Photo]] = {}
    while True:
        while len(waiting) < 4 * (os.cpu_count() or 1) and not cancelled():
            task = next(tasks, None)
            if task is None:
                break
            waiting[pool.submit(run, task)] = task
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            waiting.pop(future)
            try:
                yield from future.result()
            except BrokenProcessPool as error:
                raise UserError(
                    "A worker was ended by the system, most often for want of memory: "
                    "close other programs and run the same command again, it goes on from here."
                ) from error


def _batched(photos: Sequence[Photo], size: int) -> Iterator[tuple[Photo, ...]]:
    for start in range(0, len(photos), size):
        yield tuple(photos[start : start + size])


# Judging -----------------------------------------------------------------------------------


def judged(rows: Sequence[Row], rules: Rules) -> list[Row]:
    """The same rows by other rules, each face with its verdict and reasons. Nothing is written.

    A face on its own account first; then which of several faces of a photo; then grey ones among
    coloured; then near-duplicates, of which the sharpest stays. A person's choice overrules all.
    """
    reasons = [measure.reasons(row.measures, rules) if row.crop else [] for row in rows]
    _not_chosen(rows, rules, reasons)
    _grey(rows, rules, reasons)
    _near_duplicates(rows, rules, reasons)
    return [_with(row, found) for row, found in zip(rows, reasons, strict=True)]


def _with(row: Row, found: list[Reason]) -> Row:
    if row.crop is None:
        return row
    keep = row.overruled == "keep" or (row.overruled is None and not found)
    if row.overruled == "reject":
        found = [*found, Reason("overruled", 0.0, 0.0, "taken out by hand")]
    return dataclasses.replace(row, verdict=KEPT if keep else REJECTED, reasons=tuple(found))


def _not_chosen(rows: Sequence[Row], rules: Rules, reasons: list[list[Reason]]) -> None:
    if rules.faces == "all":
        return
    nth = _by_size if rules.faces == "largest" else _from_centre
    of_photo: dict[tuple[str, str | None], list[int]] = {}
    for index, row in enumerate(rows):
        if row.crop:
            of_photo.setdefault(row.photo, []).append(index)
    for indices in of_photo.values():
        for place, index in enumerate(sorted(indices, key=lambda i: nth(rows[i])), 1):
            if place > 1:
                reasons[index].append(measure.reason("not_chosen", place, 1))


def _by_size(row: Row) -> float:
    return -row.box[2] * row.box[3] if row.box else 0.0


def _from_centre(row: Row) -> float:
    if row.box is None or row.photo_px is None:
        return 0.0
    left, top, width, height = row.box
    x, y = left + width / 2 - row.photo_px[0] / 2, top + height / 2 - row.photo_px[1] / 2
    return x * x + y * y


def _grey(rows: Sequence[Row], rules: Rules, reasons: list[list[Reason]]) -> None:
    colours = {i: float(row.measures.get("colour", 0.0)) for i, row in enumerate(rows) if row.crop}
    kept = [colour for index, colour in colours.items() if not reasons[index]]
    if not kept or float(np.median(kept)) < COLOURED:
        return
    for index, colour in colours.items():
        if colour < rules.min_colour:
            reasons[index].append(measure.reason("grey", colour, rules.min_colour))


def _near_duplicates(rows: Sequence[Row], rules: Rules, reasons: list[list[Reason]]) -> None:
    """Among those that may stay otherwise; one kept by hand stays before any other."""
    among = np.array([_may_stay(row, found) for row, found in zip(rows, reasons, strict=True)])
    hashes = duplicates.unpack([str(row.measures.get("hash", "")) for row in rows])
    sharpness = np.array([float(row.measures.get("sharpness", 0.0)) for row in rows])
    sharpness += [1e9 if row.overruled else 0.0 for row in rows]
    boxes = np.array([_share_of_photo(row) for row in rows]).reshape(-1, 4)
    found = duplicates.duplicates(hashes, boxes, sharpness, round(rules.duplicate_bits), among)
    for index, (_, bits) in found.items():
        reasons[index].append(measure.reason("near_duplicate", bits, rules.duplicate_bits))


def _may_stay(row: Row, reasons: Sequence[Reason]) -> bool:
    return bool(row.crop and row.overruled != "reject" and (not reasons or row.overruled))


def _share_of_photo(row: Row) -> tuple[float, ...]:
    if row.box is None or row.photo_px is None:
        return 0.0, 0.0, 0.0, 0.0
    return tuple(value / row.photo_px[i % 2] for i, value in enumerate(row.box))


def count(rows: Iterable[Row]) -> Counts:
    """How many there are of each kind."""
    verdicts: Counter[str] = Counter()
    by_reason: Counter[str] = Counter()
    photos = set()
    for row in rows:
        photos.add(hash(row.photo))
        verdicts[row.verdict] += 1
        if row.verdict == REJECTED:
            by_reason.update({reason.name for reason in row.reasons})
    kept, rejected = verdicts[KEPT], verdicts[REJECTED]
    return Counts(
        len(photos),
        kept + rejected,
        kept,
        rejected,
        verdicts[NO_FACE],
        verdicts[UNREADABLE],
        dict(by_reason.most_common()),
    )


# Settling ----------------------------------------------------------------------------------


Choices = Mapping[str, str | None]  # by the id of a face: keep, reject, or None to take it back


def chosen(rows: Sequence[Row], choices: Choices) -> list[Row]:
    """The same rows with a person's choices; faces that are not named keep theirs."""
    return [
        dataclasses.replace(row, overruled=choices[row.id]) if row.id in choices else row
        for row in rows
    ]


def settle(face_set: FaceSet, rules: Rules, choices: Choices | None = None) -> Counts:
    """Judge by these rules and choices, move crops to where they belong, write it all down.

    No photo is needed. Raises UserError.
    """
    with face_set.held():
        return _settle(face_set, rules, choices or {})


def _settle(face_set: FaceSet, rules: Rules, choices: Choices | None = None) -> Counts:
    rows = chosen(face_set.rows(), choices or {})
    rows = [_moved(face_set, row) for row in judged(rows, rules)]
    face_set.rewrite(rows)
    _tidy(face_set)
    counts = count(rows)
    report.write(face_set, rows, dataclasses.asdict(counts), dataclasses.asdict(rules))
    return counts


def _moved(face_set: FaceSet, row: Row) -> Row:
    """The row with its crop on the side of its verdict."""
    if row.crop is None:
        return row
    there = face_set.file(row)
    crop = f"{FOLDERS[row.verdict]}/{there.parent.name}/{there.name}"
    wanted = face_set.path / crop
    if there != wanted and there.exists():
        try:
            wanted.parent.mkdir(parents=True, exist_ok=True)
            there.replace(wanted)
        except OSError as error:
            raise files.not_written(wanted, error) from error
    return dataclasses.replace(row, crop=crop)


def _tidy(face_set: FaceSet) -> None:
    """Remove empty groups, which `ImageFolder` does not take, and what a killed process left."""
    for side in (face_set.faces, face_set.rejected):
        side.mkdir(exist_ok=True)
        for group in side.iterdir():
            if group.is_dir():
                files.remove_leftovers(group)
                with suppress(OSError):
                    group.rmdir()
    files.remove_leftovers(face_set.path)


def rules_of(face_set: FaceSet) -> Rules:
    """The rules a dataset was last judged by; the defaults where they cannot be told."""
    try:
        return Rules.checked(**report.read(face_set).get("rules", {}))
    except (UserError, TypeError):
        return Rules()


def overrule(face_set: FaceSet, face_id: str, choice: str | None) -> Row:
    """Keep or reject one face whatever the rules say; None takes that back.

    The whole set is judged again, for its duplicates may change. Raises UserError.
    """
    check_choice(choice)
    with face_set.held():
        if not any(row.id == face_id for row in face_set.each() if row.crop):
            raise UserError(f"There is no face '{face_id[:80]}' in '{face_set.name}'.")
        _settle(face_set, rules_of(face_set), {face_id: choice})
        return next(row for row in face_set.each() if row.id == face_id)


def check_choice(choice: object) -> None:
    """Raises UserError for what is neither keep, reject nor None."""
    if choice not in ("keep", "reject", None):
        raise UserError(f"'{choice!s:.40}' is no choice: use keep or reject.")


def rename(face_set: FaceSet, name: str) -> FaceSet:
    """Give a dataset another name, a free one. Raises UserError."""
    wanted = FaceSet(face_set.path.with_name(name))
    with face_set.held():
        try:
            if wanted.path.exists():
                raise FileExistsError(errno.EEXIST, "it is there already")
            face_set.path.rename(wanted.path)
        except OSError as error:
            raise UserError(
                f"'{face_set.name}' could not be named '{name}' ({error.strerror}): use another."
            ) from error
    return wanted


def remove(
    face_set: FaceSet,
    *,
    source: str | None = None,
    photo: tuple[str, str | None] | None = None,
    group: str | None = None,
    face_id: str | None = None,
) -> int:
    """Delete the crops and lines of a photo, a group (one person's folder) or one face.

    A photo is told by its `source`, or by that and its SHA-256. Returns how many faces are gone.
    Crops go first, so that no line outlives a face unseen.
    """

    def goes(row: Row) -> bool:
        same = (source, row.source), (photo, row.photo), (group, row.group), (face_id, row.id)
        return any(wanted is not None and wanted == has for wanted, has in same)

    with face_set.held():
        rows = face_set.rows()
        gone = [row for row in rows if goes(row)]
        for row in gone:
            if row.crop:
                face_set.file(row).unlink(missing_ok=True)
        face_set.rewrite(row for row in rows if not goes(row))
        _settle(face_set, rules_of(face_set))
    return sum(row.crop is not None for row in gone)
