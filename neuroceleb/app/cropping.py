"""Cropping of uploaded photos, one batch at a time, in the background.

The batch holds the photos and the request, the dataset holds what was cropped: work that the end of
the server interrupted is resumed from them. Previews of whole photos are kept in memory only and
for a bounded time; nothing of a photo stays on disk but the crops.
"""

import dataclasses
import hashlib
import logging
import threading
import time
from collections import OrderedDict, deque
from contextlib import suppress
from functools import cache
from pathlib import Path

from neuroceleb import files, records
from neuroceleb.app import uploads
from neuroceleb.app.catalogue import SORRY
from neuroceleb.app.uploads import Batch, Uploads
from neuroceleb.data.faces import crop, edit, settle
from neuroceleb.data.faces.crop_photos import Options, Progress, crop_photos
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.errors import Message, UserError
from neuroceleb.records import DamagedFileError
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import IMAGE_SIZE

log = logging.getLogger(__name__)

PREVIEWS_BYTES = 256 * 2**20
PREVIEWS_KEPT_S = 3_600.0
NEWEST = 12  # photos shown while a batch is being cropped
CLOSE_TIMEOUT_S = 20.0

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


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
    group_by_person: bool = False

    def sources(self, batch: Batch) -> list[Path]:
        return batch.sources() if self.path is None else [Path(self.path)]


@dataclasses.dataclass(frozen=True)
class Status:
    """How far a batch is. `progress` is None before its photos are counted."""

    batch: str
    dataset: str
    state: str
    is_upload: bool
    progress: Progress | None = None
    seconds: float = 0.0
    sorted_faces: tuple[int, int] | None = None  # done and total, while they are sorted by person
    photos: int = 0
    new_faces: int = 0
    passed_over: int = 0  # files that are no photos
    removed: int = 0  # photos whose faces were removed earlier
    error: Message | None = None


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

    def drop(self, dataset: str) -> None:
        """Drop all previews of a dataset."""
        with self._lock:
            for known in [known for known in self._kept if known[0] == dataset]:
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


def photo_key(row: Row) -> str:
    """A short key of a row's photo."""
    text = f"{row.source}\0{row.source_sha256}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


class Cropper:
    """Crops one batch at a time in a thread, and reports its status."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.uploads = Uploads(workspace.uploads, workspace.received)
        self.previews = Previews()
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()
        self._status: Status | None = None  # of the latest batch
        self._newest: deque[tuple[Row, ...]] = deque(maxlen=NEWEST)

    def face_set(self, name: str) -> FaceSet:
        return FaceSet(self.workspace.datasets / name)

    # Status --------------------------------------------------------------------------------

    def statuses(self) -> list[Status]:
        """The status of the running or latest batch, if any; then of those interrupted earlier."""
        with self._lock:
            latest = [] if self._status is None else [self._status]
        batches = [batch for batch in self.uploads.all() if not batch.is_locked()]
        interrupted = [status for batch in batches if (status := _interrupted(batch)) is not None]
        return latest + [one for one in interrupted if not latest or one.batch != latest[0].batch]

    def newest(self) -> list[tuple[Row, ...]]:
        """The rows of the photos that were cropped last, the newest first."""
        with self._lock:
            return list(self._newest)

    def sweep(self) -> None:
        """Delete photos that were sent and never cropped, see `Uploads.sweep`."""
        self.uploads.sweep()

    # Start and stop ------------------------------------------------------------------------

    def start(self, batch: Batch, request: CropRequest) -> None:
        """Start or continue cropping; raises UserError where another batch is being cropped."""
        with self._lock:
            if self._status is not None and self._status.state == RUNNING:
                raise UserError("Other photos are being cropped: wait until they are done.")
            if batch.is_locked():
                raise UserError(uploads.IN_USE)
            _set_damaged_aside(batch)
            files.write_json(batch.record, dataclasses.asdict(request))
            self._newest.clear()
            self._cancelled.clear()
            self._status = _begun(batch, request, RUNNING)
            self._thread = threading.Thread(
                target=self._run, args=(batch, request), daemon=True, name="crop"
            )
            self._thread.start()

    def resume(self, batch: Batch) -> None:
        """Continue an interrupted batch; raises UserError, DamagedFileError."""
        request = _read_request(batch)
        if request is None:
            raise UserError("These photos are no longer here: drop them again.")
        self.start(batch, request)

    def cancel(self) -> None:
        """Stop after the photos in progress; `resume` continues from there."""
        self._cancelled.set()

    def close(self) -> None:
        """Stop, and wait for the end."""
        self.cancel()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)

    def discard(self, batch: Batch) -> None:
        """Remove photos that are not being cropped; their crops stay."""
        with self._lock:
            latest = self._status
            is_latest = latest is not None and latest.batch == batch.id
            if is_latest and latest is not None and latest.state == RUNNING:
                raise UserError("These photos are being cropped: stop that first.")
            if batch.is_locked():
                raise UserError(uploads.IN_USE)
            self._status = None if is_latest else latest
            status = _interrupted(batch)
            batch.remove()
            if status is None:
                return
            if self.face_set(status.dataset).exists():
                with suppress(UserError):  # whoever changes it settles it
                    settle.settle(self.face_set(status.dataset))

    # In the thread -------------------------------------------------------------------------

    def _run(self, batch: Batch, request: CropRequest) -> None:
        """Crop; whatever goes wrong becomes the state and one sentence."""
        try:
            with batch.locked():
                changes = self._crop(batch, request)
        except UserError as error:
            changes = {"state": FAILED, "error": error.message}
        except OSError as error:
            changes = {"state": FAILED, "error": files.not_written(batch.path, error).message}
        except Exception:
            log.exception("Cropping failed")
            changes = {"state": FAILED, "error": SORRY}
        self._update(**changes)

    def _update(self, **changes: object) -> None:
        with self._lock:
            if self._status is not None:
                self._status = dataclasses.replace(self._status, **changes)  # type: ignore[arg-type]

    def _crop(self, batch: Batch, request: CropRequest) -> dict[str, object]:
        face_set = self.face_set(request.dataset)
        began = time.monotonic()

        def report(progress: Progress) -> None:
            done = progress.photo
            if done is not None and done.rows:
                if done.preview is not None:
                    self.previews.put(request.dataset, photo_key(done.rows[0]), done.preview)
                with self._lock:
                    self._newest.appendleft(done.rows)
            seconds = time.monotonic() - began
            self._update(progress=dataclasses.replace(progress, photo=None), seconds=seconds)

        outcome = crop_photos(
            request.sources(batch),
            face_set,
            Options(
                *(request.size, request.align, request.detector),
                rules=edit.saved_rules(face_set),
                group_by_person=request.group_by_person,
            ),
            progress=report,
            cancelled=self._cancelled.is_set,
            previews=True,
            confirm=lambda _: request.agreed >= count(request.sources(batch)),
            sorting=lambda done, total: self._update(sorted_faces=(done, total)),
        )
        if not outcome.finished:
            return {"state": STOPPED}
        batch.remove()
        return {
            "state": FINISHED,
            "new_faces": outcome.new_faces,
            "photos": outcome.photos,
            "passed_over": outcome.system_files + outcome.other_files,
            "removed": outcome.removed,
        }


@cache
def cropper_of(workspace: Workspace) -> Cropper:
    """The one that crops in a workspace."""
    return Cropper(workspace)


def count(sources: list[Path]) -> int:
    """The number of photos in folders and zips; raises UserError."""
    return len(crop.list_photos(sources))


def _begun(batch: Batch, request: CropRequest, state: str) -> Status:
    return Status(batch.id, request.dataset, state, request.path is None)


def _interrupted(batch: Batch) -> Status | None:
    """The status of a batch that nobody crops; None where cropping has not begun."""
    try:
        request = _read_request(batch)
    except DamagedFileError as error:
        return Status(batch.id, batch.id, FAILED, is_upload=True, error=error.message)
    return None if request is None else _begun(batch, request, STOPPED)


def _read_request(batch: Batch) -> CropRequest | None:
    """The request of a batch; None where cropping has not begun. Raises DamagedFileError."""
    value = batch.request()
    if value is None:
        return None
    known = {spec.name for spec in dataclasses.fields(CropRequest)}
    request = CropRequest(**{name: item for name, item in value.items() if name in known})
    try:
        check_name(request.dataset)
    except UserError as error:
        raise DamagedFileError(batch.record, str(error)) from error
    return request


def _set_damaged_aside(batch: Batch) -> None:
    try:
        _read_request(batch)
    except DamagedFileError:
        records.set_aside(batch.record)
