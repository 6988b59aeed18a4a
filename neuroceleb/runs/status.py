"""The trainer's status.json: always fresh, whatever the trainer is busy with."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from neuroceleb.errors import UserError
from neuroceleb.runs import process
from neuroceleb.runs.run import Run

BEAT_S = 1.0

Fields = dict[str, Any]


class Heartbeat:
    """Writes a run's status every second from a thread of its own, until the block ends.

    `measured` is asked for more fields at every beat, such as the memory in use. A beat that
    cannot be written (a full disk) is left out: the next one may be. Without a run it writes
    nothing: for the processes that follow another one, which writes.
    """

    def __init__(
        self, run: Run | None, measured: Callable[[], Fields] = dict, **fields: Any
    ) -> None:
        self._run = run
        self._measured = measured
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
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._write()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        self._write()

    def update(self, **fields: Any) -> None:
        """Change some fields; a change of `state` is written at once, the rest with the beat."""
        changes_state = fields.get("state", self._fields["state"]) != self._fields["state"]
        self._fields = {**self._fields, **fields}
        if changes_state:
            self._write()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            self._write()

    def _write(self) -> None:
        if self._run is None:
            return
        with self._lock, suppress(UserError):
            self._run.write_status({**self._fields, **self._measured(), "heartbeat": time.time()})
