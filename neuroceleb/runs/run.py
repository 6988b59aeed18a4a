"""The run directory: where programs meet. Its paths, and reading and writing its plain files.

Contract 1 of the design: one writer a file, whole files only, readable with `ls` and `cat`.
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroceleb import files
from neuroceleb.errors import UserError

HEARTBEAT_LIMIT_S = 30.0
GOING_ON = frozenset({"starting", "running", "stopping"})
STATES = GOING_ON | {"queued", "stopped", "finished", "failed"}
MAX_RECORD_BYTES = 16 * 2**20  # of config.json and status.json

_SHEET = re.compile(r"fake_samples_epoch_(\d{3,7})\.(?:png|webp)")
_WEIGHTS = re.compile(r"netG_epoch_(\d{3,7})\.safetensors")


@dataclass(frozen=True)
class Run:
    """One run directory. Reading never fails on what a killed writer left behind."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def exists(self) -> bool:
        return (self.path / "config.json").is_file()

    # Paths ---------------------------------------------------------------------------------

    @property
    def stop_file(self) -> Path:
        return self.path / "stop"

    @property
    def log_file(self) -> Path:
        return self.path / "log.txt"

    @property
    def state_file(self) -> Path:
        return self.path / "state.pt"

    @property
    def older_state_file(self) -> Path:
        return self.path / "state.previous.pt"

    def sheet_file(self, epoch: int, suffix: str = "png") -> Path:
        return self.path / f"fake_samples_epoch_{epoch:03d}.{suffix}"

    def real_sheet_file(self, suffix: str = "png") -> Path:
        return self.path / f"real_samples.{suffix}"

    def weights_file(self, epoch: int) -> Path:
        return self.path / f"netG_epoch_{epoch:03d}.safetensors"

    @property
    def discriminator_file(self) -> Path:
        return self.path / "netD.safetensors"

    # What there is -------------------------------------------------------------------------

    def sheets(self) -> dict[int, Path]:
        """Sample sheets of the fixed noise: epoch -> file, in order of epochs."""
        return self._numbered(_SHEET)

    def kept(self) -> dict[int, Path]:
        """Kept generator weights: epoch -> file, in order of epochs."""
        return self._numbered(_WEIGHTS)

    def _numbered(self, pattern: re.Pattern[str]) -> dict[int, Path]:
        try:
            names = os.listdir(self.path)
        except OSError:
            return {}
        matches = (pattern.fullmatch(name) for name in names)
        return dict(sorted((int(m[1]), self.path / m[0]) for m in matches if m))

    def weights(self, epoch: int | None = None) -> Path:
        """The kept weights of `epoch`, or the last; raises UserError naming the epochs kept."""
        kept = self.kept()
        if not kept:
            raise UserError(f"The run '{self.name}' has no weights yet: train it for an epoch.")
        if epoch is None:
            return kept[max(kept)]
        if epoch not in kept:
            epochs = ", ".join(map(str, kept))
            raise UserError(f"The run '{self.name}' kept no epoch {epoch}: it kept {epochs}.")
        return kept[epoch]

    # Reading -------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """config.json; raises UserError where it is not there or not whole."""
        try:
            value = _read_json(self.path / "config.json")
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.path / 'config.json'} cannot be read: the run cannot be used without it."
            ) from error
        return value

    def status(self) -> dict[str, Any]:
        """status.json as the trainer last wrote it, `state` told truthfully (see `state`)."""
        status = self._status()
        if status["state"] in GOING_ON and not self._is_alive(status):
            status = self._status()  # it may have ended, and said so, since we looked
            if status["state"] in GOING_ON:
                status["state"] = "lost"
        return status

    def _status(self) -> dict[str, Any]:
        try:
            status = _read_json(self.path / "status.json")
        except (OSError, ValueError):
            status = {}
        state = status.get("state")
        known = isinstance(state, str) and state in STATES
        return {**status, "state": state if known else "stopped"}

    def state(self) -> str:
        """queued, starting, running, stopping, stopped, finished or failed, as the trainer says;

        or `lost`, where it says that it goes on but its process is gone or silent for 30 s.
        """
        return str(self.status()["state"])

    def _is_alive(self, status: dict[str, Any]) -> bool:
        beat = status.get("heartbeat")
        fresh = isinstance(beat, int | float) and time.time() - beat < HEARTBEAT_LIMIT_S
        return fresh and self.is_held()

    def stats(self) -> list[dict[str, Any]]:
        """stats.jsonl: one dictionary an epoch; an unfinished or damaged line is passed over."""
        try:
            text = (self.path / "stats.jsonl").read_text("utf-8", errors="replace")
        except OSError:
            return []
        rows = []
        for line in text.split("\n")[:-1]:  # what follows the last newline is not finished
            with suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict) and isinstance(row.get("epoch"), int):
                    rows.append(row)
        return rows

    def has_state(self) -> bool:
        """Whether there is a state to go on from exactly."""
        return self.state_file.exists() or self.older_state_file.exists()

    def left_off_at(self) -> int | None:
        """The epoch whose kept weights are all there is to go on from; None where there is more.

        That is where it ended, or kept weights more than once, and its state is gone: a run that
        ships, or one cleared of what takes room. A run killed before its first save has nothing
        to lose, and begins again.
        """
        kept = self.kept()
        if self.has_state() or not kept:
            return None
        last = max(kept)
        ended = self.state() in {"finished", "stopped", "failed"}
        is_lost_otherwise = len(kept) > 1 or ended or self._planned_epochs() == last + 1
        return last if is_lost_otherwise else None

    def _planned_epochs(self) -> int | None:
        """How many epochs it was begun with, where its config.json says so."""
        try:
            settings = self.config().get("settings")
        except UserError:
            return None
        return settings.get("epochs") if isinstance(settings, dict) else None

    # Writing -------------------------------------------------------------------------------

    def write_status(self, status: dict[str, Any]) -> None:
        files.write_json(self.path / "status.json", status)

    def append_stats(self, row: dict[str, Any]) -> None:
        """Add one epoch's row, whole or not at all; raises UserError where it cannot be written."""
        path = self.path / "stats.jsonl"
        try:
            with path.open("ab", buffering=0) as file:
                size = file.tell()
                try:
                    files.write_whole(file, json.dumps(row).encode() + b"\n")
                    os.fsync(file.fileno())
                except OSError:
                    os.ftruncate(file.fileno(), size)
                    raise
        except OSError as error:
            raise files.not_written(path, error) from error

    def rewind(self, epochs: int) -> None:
        """Forget stats, sheets and weights of epoch `epochs` and later: they will come again."""
        rows = [row for row in self.stats() if row["epoch"] < epochs]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        files.write_bytes(self.path / "stats.jsonl", text.encode())
        for epoch, path in [*self.sheets().items(), *self.kept().items()]:
            if epoch >= epochs:
                path.unlink(missing_ok=True)

    # Who works on it -----------------------------------------------------------------------

    @contextmanager
    def held(self, handed_over: int | None = None) -> Iterator["Hold"]:
        """Hold the run for this process: the system lets go of it however the process ends.

        `handed_over` is the descriptor of a hold taken by the process that started this one.
        Raises UserError where another process holds the run.
        """
        hold = Hold(self, self._taken() if handed_over is None else handed_over)
        try:
            yield hold
        finally:
            hold.release()

    def _taken(self) -> int:
        """A locked descriptor of config.json: of the file that has that name now."""
        path = self.path / "config.json"
        while True:
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except OSError as error:
                raise UserError(f"{path} cannot be read ({error.strerror}): mend it.") from error
            if not try_lock(descriptor, fcntl.LOCK_EX, patience_s=1.0):
                os.close(descriptor)
                raise UserError(
                    f"The run '{self.name}' is going on in another process: stop it first."
                )
            with suppress(OSError):
                if os.path.samestat(path.stat(), os.fstat(descriptor)):
                    return descriptor
            os.close(descriptor)  # replaced by its former holder while we waited

    def is_held(self) -> bool:
        """Whether a living process works on this run."""
        try:
            with (self.path / "config.json").open("rb") as file:
                return not try_lock(file.fileno(), fcntl.LOCK_SH)
        except OSError:
            return False


class Hold:
    """A run held by this process: nobody else trains, renames or deletes it."""

    def __init__(self, run: Run, descriptor: int) -> None:
        self.run = run
        self.descriptor = descriptor

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace config.json; the new file is held before it can be seen."""
        path = self.run.path / "config.json"
        with files.replacing(path) as temporary:
            files.write_json(temporary, config)
            descriptor = os.open(temporary, os.O_RDONLY)
            try_lock(descriptor, fcntl.LOCK_EX)
        os.close(self.descriptor)
        self.descriptor = descriptor

    def release(self) -> None:
        os.close(self.descriptor)


def try_lock(descriptor: int, kind: int, patience_s: float = 0.0) -> bool:
    """Lock an open file (LOCK_EX or LOCK_SH), waiting so long at most; whether it was free."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _read_json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_RECORD_BYTES:
        raise ValueError(f"{path.name} is too large")
    value = json.loads(path.read_text("utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} is not an object")
    return value
