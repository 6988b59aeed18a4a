"""Cropping of uploaded photos, one batch at a time, as a background task.

The batch holds the photos and the request, the dataset holds what was cropped: a task that the end
of the server interrupted is resumed from them. Previews of whole photos are kept in memory only and
for a bounded time; nothing of a photo stays on disk but the crops.
"""

import dataclasses
import hashlib
import math
import threading
import time
from collections import OrderedDict, deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuroceleb import files
from neuroceleb.app import background, uploads
from neuroceleb.app.background import Kind, Task, Tasks
from neuroceleb.app.catalogue import rendered
from neuroceleb.app.uploads import Batch, Uploads
from neuroceleb.data.faces import crop, edit, settle
from neuroceleb.data.faces.crop_photos import Options, Progress, crop_photos
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.errors import Message, UserError
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE

PREVIEWS_BYTES = 256 * 2**20
PREVIEWS_KEPT_S = 3_600.0
NEWEST = 24  # photos shown while a batch is being cropped

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"
STATES = {
    background.QUEUED: RUNNING,
    background.RUNNING: RUNNING,
    background.FAILED: FAILED,
    background.CANCELLED: STOPPED,
}
KIND = Kind(
    "crop",
    max_pending=1,
    busy=Message("Other photos are being cropped: wait until they are done."),
    abandoned_after_s=None,
    kept_s=math.inf,
    max_kept=1,
)


@dataclasses.dataclass(frozen=True)
class CropRequest:
    """What to crop into which dataset.

    `path` is a folder, zip or photo on this machine instead of the batch; `agreed` is the number of
    photos that the visitor agreed to send to Google.
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
    """Small JPEGs of whole photos; the least recently used are dropped first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, float]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, dataset: str, key: str, jpeg: bytes) -> None:
        with self._lock:
            self._drop((dataset, key))
            self._kept[dataset, key] = jpeg, time.monotonic()
            self._bytes += len(jpeg)
            self._expire()

    def get(self, dataset: str, key: str) -> bytes | None:
        with self._lock:
            self._expire()
            found = self._kept.get((dataset, key))
            if found is None:
                return None
            self._kept[dataset, key] = found[0], time.monotonic()
            self._kept.move_to_end((dataset, key))
            return found[0]

    def has(self, dataset: str, key: str) -> bool:
        with self._lock:
            self._expire()
            return (dataset, key) in self._kept

    def drop(self, dataset: str, key: str | None = None) -> None:
        """Drop the preview of one photo, or all of a dataset."""
        with self._lock:
            for known in [known for known in self._kept if known[0] == dataset]:
                if key in {None, known[1]}:
                    self._drop(known)

    def rename(self, old: str, new: str) -> None:
        """Move the previews of a renamed dataset."""
        with self._lock:
            renamed = ((new if name == old else name, key) for name, key in self._kept)
            self._kept = OrderedDict(zip(renamed, self._kept.values(), strict=True))

    def _expire(self) -> None:
        oldest = time.monotonic() - PREVIEWS_KEPT_S
        while self._kept:
            known, (_, used_at) = next(iter(self._kept.items()))
            if self._bytes <= PREVIEWS_BYTES and used_at >= oldest:
                return
            self._drop(known)

    def _drop(self, known: tuple[str, str]) -> None:
        found = self._kept.pop(known, None)
        self._bytes -= len(found[0]) if found else 0


def photo_key(source: str, sha256: str | None) -> str:
    """A short key of a photo for URLs."""
    return hashlib.sha256(f"{source}\0{sha256}".encode("utf-8", "replace")).hexdigest()[:16]


class Cropper:
    """Crops one batch at a time and reports its status."""

    def __init__(self, workspace: Workspace, tasks: Tasks) -> None:
        self.workspace = workspace
        self.uploads = Uploads(workspace.uploads)
        self.previews = Previews()
        self._tasks = tasks
        self._lock = threading.Lock()
        self._task: Task | None = None
        self._status: dict[str, Any] = {}  # of the latest batch, but for the task's state
        self._newest: deque[list[Row]] = deque(maxlen=NEWEST)

    def face_set(self, name: str) -> FaceSet:
        return FaceSet(self.workspace.datasets / name)

    # Status --------------------------------------------------------------------------------

    def statuses(self) -> list[dict[str, Any]]:
        """The status of the running or latest batch, if any; then of those interrupted earlier."""
        with self._lock:
            latest = [] if self._task is None else [self._latest(self._task)]
        known = {status["batch"] for status in latest}
        return latest + [one for one in self._interrupted() if one["batch"] not in known]

    def _latest(self, task: Task) -> dict[str, Any]:
        if task.state == background.DONE:
            return self._status | (task.result or {})
        return self._status | {"state": STATES[task.state], "error": rendered(task.error)}

    def newest(self) -> list[list[Row]]:
        """The rows of the photos that were cropped last, the newest first."""
        with self._lock:
            return list(self._newest)

    def _interrupted(self) -> list[dict[str, Any]]:
        batches = [batch for batch in self.uploads.all() if not batch.is_locked()]
        requests = [(batch, _read_request(batch)) for batch in batches]
        return [
            {"state": STOPPED, **_described(batch, request)}
            for batch, request in requests
            if request is not None
        ]

    # Start and stop ------------------------------------------------------------------------

    def start(self, batch: Batch, request: CropRequest) -> None:
        """Start or continue cropping; raises UserError where another batch is being cropped."""

        def work(task: Task) -> dict[str, Any]:
            with batch.locked():
                return self._crop(task, batch, request)

        with self._lock:
            if self._is_running():
                raise UserError(KIND.busy)
            if batch.is_locked():
                raise UserError(uploads.IN_USE)
            files.write_json(batch.record, dataclasses.asdict(request))
            self._newest.clear()
            self._status = _described(batch, request)
            self._task = self._tasks.submit(KIND, work)

    def _is_running(self) -> bool:
        return self._task is not None and not self._task.has_ended

    def resume(self, batch: Batch) -> None:
        """Continue an interrupted batch; raises UserError."""
        request = _read_request(batch)
        if request is None:
            raise UserError("These photos are no longer here: drop them again.")
        self.start(batch, request)

    def cancel(self) -> None:
        """Stop after the photos in progress; `resume` continues from there."""
        if self._task is not None:
            self._task.cancel()

    def discard(self, batch: Batch) -> None:
        """Remove photos that are not being cropped; their crops stay."""
        with self._lock:
            is_latest = self._status.get("batch") == batch.id
            if is_latest and self._is_running():
                raise UserError("These photos are being cropped: stop that first.")
            if batch.is_locked():
                raise UserError(uploads.IN_USE)
            request = _read_request(batch)
            batch.remove()
            if is_latest:
                self._task, self._status = None, {}
            if request is not None and self.face_set(request.dataset).exists():
                with suppress(UserError):  # whoever changes it settles it
                    settle.settle(self.face_set(request.dataset))

    # In the task's thread ------------------------------------------------------------------

    def _crop(self, task: Task, batch: Batch, request: CropRequest) -> dict[str, Any]:
        face_set = self.face_set(request.dataset)
        began = time.monotonic()

        def report(progress: Progress) -> None:
            task.progress = progress.done / max(progress.total, 1)
            self._report(request, progress, time.monotonic() - began)

        outcome = crop_photos(
            request.sources(batch),
            face_set,
            Options(
                request.size, request.align, request.detector, rules=edit.saved_rules(face_set)
            ),
            progress=report,
            cancelled=lambda: task.is_cancelled,
            previews=True,
            confirm=lambda _: request.agreed >= count(request.sources(batch)),
        )
        if not outcome.finished:
            return {"state": STOPPED}
        batch.remove()
        return {"state": FINISHED, "new_faces": outcome.new_faces, "photos": outcome.photos}

    def _report(self, request: CropRequest, progress: Progress, seconds: float) -> None:
        rate = progress.done / max(seconds, 0.1)
        counts = {name: getattr(progress, name) for name in COUNTED}
        left = (progress.total - progress.done) / rate
        done = progress.photo
        if done is not None and done.rows and done.preview is not None:
            self.previews.put(request.dataset, photo_key(*done.rows[0].photo), done.preview)
        with self._lock:
            self._status |= {**counts, "rate": rate, "seconds_left": left}
            if done is not None and done.rows:
                self._newest.appendleft(list(done.rows))


COUNTED = ("done", "total", "kept", "rejected", "no_face", "unreadable")


def count(sources: list[Path]) -> int:
    """The number of files in folders and zips; raises UserError."""
    return len(crop.list_photos(sources))


def _described(batch: Batch, request: CropRequest) -> dict[str, Any]:
    return {"batch": batch.id, "dataset": request.dataset, "sent": request.path is None}


def _read_request(batch: Batch) -> CropRequest | None:
    value = batch.request()
    try:
        return None if value is None else CropRequest(**value)
    except TypeError:
        return None
