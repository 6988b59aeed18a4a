"""Background tasks of the app: a queue per kind, progress, results, cancellation, expiry.

A page submits a task, then polls its status until it has ended. The tasks of a kind run one at a
time. A task that nobody polls (its tab was closed) is cancelled; an ended one is kept for a bounded
time, its file with it.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse

from neuroceleb import files
from neuroceleb.app.catalogue import SORRY, rendered
from neuroceleb.app.payloads import file_headers
from neuroceleb.errors import Message, UserError

log = logging.getLogger(__name__)

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
ENDED = frozenset({DONE, FAILED, CANCELLED})
EXPIRED_EVERY_S = 30.0
LEFTOVER_S = 3_600.0  # files of a server that was killed are removed after this
CLOSE_TIMEOUT_S = 20.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """How the tasks of one kind are queued and kept.

    Where `max_pending` are queued or running, another is refused with the sentence `busy`. A task
    that was not polled for `abandoned_after_s` is cancelled (None: never). An ended task is kept
    for `kept_s`; of several, the newest `max_kept`.
    """

    name: str
    max_pending: int
    busy: Message
    abandoned_after_s: float | None
    kept_s: float
    max_kept: int


class TaskCancelledError(Exception):
    """Raised within the work of a task that was cancelled or abandoned."""


class Task:
    """One task, as its work and its page see it."""

    def __init__(self, kind: Kind, work: "Work", folder: Path, file_name: str) -> None:
        self.kind = kind
        self.key = secrets.token_urlsafe(12)
        self.file = folder / f"{self.key}{Path(file_name).suffix}"
        self.file_name = file_name
        self.state = QUEUED
        self.progress = 0.0
        self.result: Json | None = None
        self.error: Message | None = None
        self._updates: list[Json] = []
        self._work: Work | None = work
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._polled_at = self._ended_at = time.monotonic()

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def is_cancelled(self) -> bool:
        """Whether the work should stop."""
        return self._cancelled.is_set() or self._is_abandoned

    @property
    def _is_abandoned(self) -> bool:
        limit = self.kind.abandoned_after_s
        return limit is not None and time.monotonic() - self._polled_at > limit

    @property
    def has_expired(self) -> bool:
        return self.has_ended and time.monotonic() - self._ended_at > self.kind.kept_s

    def report(self, progress: float, update: Json | None = None) -> None:
        """Set the progress, 0..1, and add an incremental result; raises TaskCancelledError."""
        self.progress = progress
        if update is not None:
            self._updates.append(update)
        if self.is_cancelled:
            raise TaskCancelledError

    def report_frames(self, done: int, total: int) -> None:
        """Set the progress to a share of frames; raises TaskCancelledError."""
        self.report(done / max(total, 1))

    def cancel(self) -> None:
        self._cancelled.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; False where it takes longer than that."""
        return self._ended.wait(timeout_s)

    def poll(self, since: int = 0) -> Json:
        """The status as JSON, with the incremental results from number `since` on, translated."""
        self._polled_at = time.monotonic()
        return {
            "state": self.state,
            "progress": round(self.progress, 4),
            "updates": self._updates[max(0, since) :],
            "result": rendered(self.result),
            "error": rendered(self.error),
        }

    def run(self) -> None:
        """Do the work; whatever goes wrong becomes the task's state and one sentence."""
        state = FAILED
        try:
            if self.is_cancelled or self._work is None:
                raise TaskCancelledError
            self.state = RUNNING
            self.result = self._work(self)
            self.progress, state = 1.0, DONE
        except TaskCancelledError:
            state = CANCELLED
        except UserError as error:
            self.error = error.message
        except OSError as error:
            self.error = files.not_written(self.file.parent, error).message
        except Exception:
            log.exception("A task of the kind '%s' failed", self.kind.name)
            self.error = SORRY
        self._work = None  # frees what it was given, e.g. a photo
        if state != DONE:
            self.remove_file()
        self._ended_at = time.monotonic()
        self.state = state
        self._ended.set()

    def remove_file(self) -> None:
        with suppress(OSError):
            self.file.unlink(missing_ok=True)


Work = Callable[[Task], Json]


class Tasks:
    """The tasks of one server; their files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tasks: dict[str, Task] = {}
        self._workers: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        self._stop_expiring = repeat("tasks", EXPIRED_EVERY_S, lambda _: self.expire())

    def submit(self, kind: Kind, work: Work, file_name: str = "") -> Task:
        """Queue a task. `work` may write `task.file`, which is downloaded as `file_name`.

        Raises UserError where `kind.max_pending` are queued or running.
        """
        if file_name:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise files.not_written(self._folder, error) from error
        self.expire()
        task = Task(kind, work, self._folder, file_name)
        with self._lock:
            if self._is_closed or len(self._pending(kind)) >= kind.max_pending:
                raise UserError(kind.busy)
            self._tasks[task.key] = task
            if kind.name not in self._workers:
                self._workers[kind.name] = ThreadPoolExecutor(1, thread_name_prefix=kind.name)
            self._workers[kind.name].submit(task.run)
        return task

    def _pending(self, kind: Kind) -> list[Task]:
        tasks = self._tasks.values()
        return [task for task in tasks if task.kind == kind and not task.has_ended]

    def get(self, key: str) -> Task:
        """The task with this key; raises UserError where there is none (any more)."""
        task = self._tasks.get(key)
        if task is None or task.has_expired:
            raise UserError("There is no such task (any more): start it again.")
        return task

    def file_of(self, key: str) -> Task:
        """The task with this key, whose file is ready; raises UserError."""
        task = self.get(key)
        if task.state != DONE or not task.file.is_file():
            raise UserError("The file is not ready yet, or no longer here: wait, or make it again.")
        return task

    def expire(self) -> None:
        """Forget ended tasks that are old or too many, with their files."""
        with self._lock:
            ended: dict[str, list[Task]] = {}
            for task in reversed(self._tasks.values()):
                if task.has_ended:
                    ended.setdefault(task.kind.name, []).append(task)
            for tasks in ended.values():
                for place, task in enumerate(tasks):
                    if task.has_expired or place >= task.kind.max_kept:
                        task.remove_file()
                        del self._tasks[task.key]
            known = {task.file for task in self._tasks.values()}
        for path in self._folder.glob("*.*"):
            with suppress(OSError):
                if path not in known and time.time() - path.stat().st_mtime > LEFTOVER_S:
                    path.unlink()

    def close(self) -> None:
        """Cancel all tasks, wait for those that run, remove their files."""
        self._stop_expiring()
        with self._lock:
            self._is_closed = True
            tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        for worker in self._workers.values():
            worker.shutdown(wait=False)
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        for task in tasks:
            task.wait(max(0.0, deadline - time.monotonic()))
            task.remove_file()


def repeat(
    name: str, every_s: float, work: Callable[[threading.Event], object]
) -> Callable[[], None]:
    """Call `work` every so many seconds in a daemon thread; returns the function that ends it.

    `work` gets the event that is set at the end. A UserError or OSError is left to the next call.
    """
    ended = threading.Event()

    def loop() -> None:
        while not ended.wait(every_s):
            with suppress(UserError, OSError):
                work(ended)

    threading.Thread(target=loop, daemon=True, name=name).start()
    return ended.set


def add_routes(app: FastAPI, tasks: Tasks) -> None:
    """`tasks/<key>` to poll and to cancel (DELETE), `tasks/<key>/file` for its file."""

    @app.get("/tasks/{key}")
    def poll(key: str, since: int = 0) -> Json:
        return tasks.get(key).poll(since)

    @app.delete("/tasks/{key}")
    def cancel(key: str) -> Json:
        tasks.get(key).cancel()
        return {}

    @app.get("/tasks/{key}/file")
    def file(key: str) -> FileResponse:
        task = tasks.file_of(key)
        return FileResponse(task.file, headers=file_headers(task.file_name, "inline"))
