"""The heartbeat of a training process: its status.json, written every second by a thread."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from neuroceleb.errors import UserError
from neuroceleb.runs import process
from neuroceleb.runs.reserve import Reserve
from neuroceleb.runs.run import Run

INTERVAL_S = 1.0

Fields = dict[str, Any]


class Heartbeat:
    """Writes a run's status every INTERVAL_S from a thread of its own, until the block ends.

    `measure` returns more fields for every write, such as the memory in use. Where the disk is
    full, `reserve` is given up for the status; a write that fails even so is skipped. With `run`
    None nothing is written: for every rank but the first.
    """

    def __init__(
        self, run: Run | None, measure: Callable[[], Fields] = dict, **fields: Any
    ) -> None:
        self._run = run
        self.reserve = Reserve(run)
        self._measure = measure
        self._fields: dict[str, Any] = {
            "state": "starting",
            "epoch": 0,
            "epochs": 0,
            "step": 0,
            "steps": 0,
            "images_seen": 0,
            "images_per_second": None,
            "eta_seconds": None,
            "message": "",
            **fields,
            **process.identity(),
        }
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_regularly, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._write()
        self.reserve.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        self.reserve.__exit__(*error)
        self._write()

    def update(self, **fields: Any) -> None:
        """Change some fields; a change of `state` is written at once, others by the thread."""
        changes_state = fields.get("state", self._fields["state"]) != self._fields["state"]
        self._fields = {**self._fields, **fields}
        if changes_state:
            self._write()

    def _write_regularly(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            self._write()

    def _write(self) -> None:
        if self._run is None:
            return
        with self._lock, suppress(UserError):
            status = {**self._fields, **self._measure(), "heartbeat": time.time()}
            self.reserve.writing(partial(self._run.write_status, status))
