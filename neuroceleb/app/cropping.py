"""Cropping behind the page: one job at a time, in this process, whatever becomes of the page.

What was sent and what is to become of it lies in the batch, how far it came in the dataset: so a
job that the server's end interrupted goes on from there. Previews of whole photos are in memory
only, for as long as somebody looks at them; on disk nothing of a photo remains but the crops.
"""

import dataclasses
import hashlib
import logging
import threading
import time
from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

from neuroceleb import files
from neuroceleb.app.uploads import Batch, Uploads
from neuroceleb.data.faces import crop, edit
from neuroceleb.data.faces.crop_photos import Options, Progress, crop_photos
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE

log = logging.getLogger(__name__)

PREVIEWS_BYTES = 256 * 2**20
PREVIEWS_KEPT_S = 3_600.0
NEWEST = 24  # photos shown while cropping goes on
END_PATIENCE_S = 20.0

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


@dataclasses.dataclass(frozen=True)
class Job:
    """What to crop into which dataset. `path` is a place on this machine instead of a batch's.

    `agreed` is to how many photos somebody agreed that they be sent to Google.
    """

    dataset: str
    size: int = IMAGE_SIZE
    detector: str = "yunet"
    path: str | None = None
    agreed: int = 0
    align: str = "landmarks"

    def sources(self, batch: Batch) -> list[Path]:
        return batch.sources() if self.path is None else [Path(self.path)]


class Previews:
    """Small JPEGs of whole photos, the ones not looked at for long let go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, float]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, dataset: str, key: str, jpeg: bytes) -> None:
        with self._lock:
            self._drop((dataset, key))
            self._kept[dataset, key] = jpeg, time.monotonic()
            self._bytes += len(jpeg)
            self._tidy()

    def get(self, dataset: str, key: str) -> bytes | None:
        with self._lock:
            self._tidy()
            found = self._kept.get((dataset, key))
            if found is None:
                return None
            self._kept[dataset, key] = found[0], time.monotonic()
            self._kept.move_to_end((dataset, key))
            return found[0]

    def has(self, dataset: str, key: str) -> bool:
        with self._lock:
            self._tidy()
            return (dataset, key) in self._kept

    def forget(self, dataset: str, key: str | None = None) -> None:
        """Let go of one photo's, or of a whole dataset's."""
        with self._lock:
            for known in [known for known in self._kept if known[0] == dataset]:
                if key in {None, known[1]}:
                    self._drop(known)

    def rename(self, old: str, new: str) -> None:
        """The same photos under another dataset's name."""
        with self._lock:
            renamed = ((new if name == old else name, key) for name, key in self._kept)
            self._kept = OrderedDict(zip(renamed, self._kept.values(), strict=True))

    def _tidy(self) -> None:
        oldest = time.monotonic() - PREVIEWS_KEPT_S
        while self._kept:
            known, (_, looked_at) = next(iter(self._kept.items()))
            if self._bytes <= PREVIEWS_BYTES and looked_at >= oldest:
                return
            self._drop(known)

    def _drop(self, known: tuple[str, str]) -> None:
        found = self._kept.pop(known, None)
        self._bytes -= len(found[0]) if found else 0


def photo_key(source: str, sha256: str | None) -> str:
    """A short name for a photo, for addresses."""
    return hashlib.sha256(f"{source}\0{sha256}".encode("utf-8", "replace")).hexdigest()[:16]


class Darkroom:
    """Crops one batch at a time, and tells how far it is."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.uploads = Uploads(workspace.root / ".cache" / "uploads")
        self.previews = Previews()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()
        self._closed = False
        self._state: dict[str, Any] = {}
        self._newest: deque[list[Row]] = deque(maxlen=NEWEST)

    def face_set(self, name: str) -> FaceSet:
        return FaceSet(self.workspace.datasets / name)

    # Telling -------------------------------------------------------------------------------

    def jobs(self) -> list[dict[str, Any]]:
        """The job that goes on or ended last, if any; then those that were interrupted earlier."""
        with self._lock:
            known = [dict(self._state)] if self._state else []
        told = {job["batch"] for job in known}
        return known + [job for job in self._interrupted() if job["batch"] not in told]

    def newest(self) -> list[list[Row]]:
        """The rows of the photos that were done last, the newest first."""
        with self._lock:
            return list(self._newest)

    def _interrupted(self) -> list[dict[str, Any]]:
        jobs = [(batch, _read(batch)) for batch in self.uploads.all()]
        return [{"state": STOPPED, **_about(batch, job)} for batch, job in jobs if job is not None]

    # Doing ---------------------------------------------------------------------------------

    def start(self, batch: Batch, job: Job) -> None:
        """Begin to crop, or go on; raises UserError where other photos are being cropped."""
        with self._lock:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                raise UserError("Other photos are being cropped: wait until they are done.")
            files.write_json(batch.record, dataclasses.asdict(job))
            self._cancelled.clear()
            self._newest.clear()
            self._state = {"state": RUNNING, **_about(batch, job)}
            work = threading.Thread(target=self._work, args=(batch, job), name="darkroom")
            self._thread = work
            work.start()

    def resume(self, batch: Batch) -> None:
        """Go on with what was interrupted; raises UserError."""
        job = _read(batch)
        if job is None:
            raise UserError("These photos are no longer here: drop them again.")
        self.start(batch, job)

    def cancel(self) -> None:
        """Stop after the photos that are on their way; `resume` goes on from there."""
        self._cancelled.set()

    def discard(self, batch: Batch) -> None:
        """Remove photos that are not being cropped; what was cut out of them stays."""
        with self._lock:
            is_it = self._state.get("batch") == batch.id
            if is_it and self._thread is not None and self._thread.is_alive():
                raise UserError("These photos are being cropped: stop that first.")
            batch.remove()
            if is_it:
                self._state = {}

    def close(self) -> None:
        """Stop for good, as the server ends; what is on its way is finished and written down."""
        self._closed = True
        self._cancelled.set()
        if self._thread is not None:
            self._thread.join(END_PATIENCE_S)

    # In the thread -------------------------------------------------------------------------

    def _work(self, batch: Batch, job: Job) -> None:
        try:
            self._tell(**self._crop(batch, job))
        except UserError as error:
            self._tell(state=FAILED, sentence=str(error))
        except Exception:
            log.exception("Cropping into %s failed", job.dataset)
            self._tell(state=FAILED, sentence=None)

    def _crop(self, batch: Batch, job: Job) -> dict[str, Any]:
        face_set = self.face_set(job.dataset)
        began = time.monotonic()

        def show(progress: Progress) -> None:
            self._show(job, progress, time.monotonic() - began)

        outcome = crop_photos(
            job.sources(batch),
            face_set,
            Options(job.size, job.align, job.detector, rules=edit.saved_rules(face_set)),
            progress=show,
            cancelled=self._cancelled.is_set,
            previews=True,
            confirm=lambda _: self._has_agreed(batch, job),
        )
        if not outcome.finished:
            return {"state": STOPPED}
        batch.remove()
        return {"state": FINISHED, "new_faces": outcome.new_faces, "photos": outcome.photos}

    def _has_agreed(self, batch: Batch, job: Job) -> bool:
        return job.agreed >= count(job.sources(batch))

    def _show(self, job: Job, progress: Progress, seconds: float) -> None:
        told = {name: getattr(progress, name) for name in _COUNTED}
        rate = progress.done / max(seconds, 0.1)
        self._tell(**told, rate=rate, seconds_left=(progress.total - progress.done) / rate)
        done = progress.photo
        if done is None or not done.rows:
            return
        if done.preview is not None:
            row = done.rows[0]
            self.previews.put(job.dataset, photo_key(*row.photo), done.preview)
        with self._lock:
            self._newest.appendleft(list(done.rows))

    def _tell(self, **news: Any) -> None:
        with self._lock:
            self._state = self._state | news


_COUNTED = ("done", "total", "kept", "rejected", "no_face", "unreadable")


def count(sources: list[Path]) -> int:
    """How many files there are in folders and zips; raises UserError."""
    return len(crop.list_photos(sources))


def _about(batch: Batch, job: Job) -> dict[str, Any]:
    return {"batch": batch.id, "dataset": job.dataset, "sent": job.path is None}


def _read(batch: Batch) -> Job | None:
    value = batch.job()
    try:
        return None if value is None else Job(**value)
    except TypeError:
        return None
