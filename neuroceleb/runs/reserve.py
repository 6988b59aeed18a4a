"""Disk space of a run that is kept free for its last files, and given up when the disk is full."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress

from neuroceleb import files
from neuroceleb.errors import Message
from neuroceleb.files import DiskFullError
from neuroceleb.runs.run import Run

FILE = ".reserve"
BYTES = 16 * 2**20
MAX_SHARE = 8  # at most an eighth of what is free

DISK_FULL = Message("Stopped: the disk is full. Make room, then resume it.")


class Reserve:
    """A file that fills space in a run directory; a context manager that deletes it at the end.

    With `run` None there is none. Thread-safe.
    """

    def __init__(self, run: Run | None) -> None:
        self._run = run
        self._lock = threading.Lock()
        self.is_given_up = False

    def __enter__(self) -> "Reserve":
        if self._run is not None:
            with suppress(OSError):  # as good as nothing was reserved
                self._fill(self._run)
        return self

    def __exit__(self, *error: object) -> None:
        if self._run is not None:
            with suppress(OSError):
                (self._run.path / FILE).unlink(missing_ok=True)

    @staticmethod
    def _fill(run: Run) -> None:
        status = os.statvfs(run.path)
        size = min(BYTES, status.f_bavail * status.f_frsize // MAX_SHARE)
        with files.open_to_write(run.path / FILE) as file:
            allocate = getattr(os, "posix_fallocate", None)
            if allocate is not None and size:
                allocate(file.fileno(), 0, size)
            else:  # macOS
                files.write_whole(file, bytes(size))

    def writing(self, task: Callable[[], None]) -> None:
        """Run a task that writes files; where the disk is full, give up the reserve and retry it.

        Raises the DiskFullError of the second attempt. The task must be repeatable.
        """
        try:
            task()
        except DiskFullError:
            if not self._give_up():
                raise
            task()

    def _give_up(self) -> bool:
        """Delete the reserve, and the older state while the newest is whole; whether it helped."""
        with self._lock:
            if self._run is None or self.is_given_up:
                return False
            self.is_given_up = True
            superseded = [self._run.older_state_file] if self._run.state_file.exists() else []
            for path in (self._run.path / FILE, *superseded):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            return True
