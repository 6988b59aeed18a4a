"""A run directory: its paths, and reading and writing its plain files.

Every file has one writer and is written whole or not at all; `ls` and `cat` show everything.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroceleb import files, records
from neuroceleb.errors import UserError
from neuroceleb.file_lock import (
    EXCLUSIVE,
    SHARED,
    LocksUnsupportedError,
    open_to_lock,
    try_lock,
)
from neuroceleb.records import DamagedFileError
from neuroceleb.runs import evaluation, process
from neuroceleb.runs.schemas import Config, StatsRow, Status

HEARTBEAT_LIMIT_S = 30.0
ACTIVE = frozenset({"starting", "running", "stopping"})
ENDED = frozenset({"stopped", "finished", "failed"})
STATES = ACTIVE | ENDED | {"queued"}
MAX_RECORD_BYTES = 16 * 2**20  # of config.json
MAX_STATUS_BYTES = 64 * 2**10  # of status.json
MAX_REPORTED_LINES = 3  # damaged ones of stats.jsonl

_SHEET = re.compile(r"fake_samples_epoch_(\d{3,7})\.(?:png|webp)")
_WEIGHTS = re.compile(r"netG_epoch_(\d{3,7})\.safetensors")


@dataclass(frozen=True)
class Run:
    """One run directory. Reading tolerates whatever a killed writer left behind."""

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

    # Its contents -------------------------------------------------------------------------

    def sheets(self) -> dict[int, Path]:
        """Sample sheets of the fixed noise, by epoch in ascending order."""
        return self._numbered(_SHEET)

    def kept(self) -> dict[int, Path]:
        """Kept generator weights, by epoch in ascending order."""
        return self._numbered(_WEIGHTS)

    def _numbered(self, pattern: re.Pattern[str]) -> dict[int, Path]:
        try:
            with os.scandir(self.path) as found:
                names = [it.name for it in found if it.is_file(follow_symlinks=False)]
        except OSError:
            return {}
        matches = (pattern.fullmatch(name) for name in names)
        return dict(sorted((int(m[1]), self.path / m[0]) for m in matches if m))

    def weights(self, epoch: int | None = None) -> Path:
        """The kept weights of `epoch`, or the last; raises UserError naming the epochs kept."""
        kept = self.kept()
        if not kept:
            raise UserError(
                "The run '{name}' has kept no weights yet: train it to its first kept epoch.",
                name=self.name,
            )
        if epoch is None:
            return kept[max(kept)]
        if epoch not in kept:
            epochs = ", ".join(map(str, kept))
            raise UserError(
                "The run '{name}' kept no epoch {epoch}: it kept {epochs}.",
                name=self.name,
                epoch=epoch,
                epochs=epochs,
            )
        return kept[epoch]

    # Reading -------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The configuration in config.json; raises UserError if it is missing or damaged."""
        value = records.read(self.path / "config.json", Config, MAX_RECORD_BYTES)
        if value is None:
            raise UserError(
                "{path} is missing: the run cannot be used without it.",
                path=files.printable(self.path / "config.json"),
            )
        return value

    def dataset_path(self) -> str | None:
        """The DATASET it was trained on: a name under `datasets/` or an absolute path.

        None if the run does not say (an imported one). Raises UserError as `config` does.
        """
        return self._dataset_text("path")

    def dataset_fingerprint(self) -> str | None:
        """The fingerprint of the images it was trained on; None if the run does not say.

        Raises UserError as `config` does.
        """
        return self._dataset_text("fingerprint")

    def _dataset_text(self, key: str) -> str | None:
        dataset = self.config().get("dataset")
        text = dataset.get(key) if isinstance(dataset, dict) else None
        return text if isinstance(text, str) and text else None

    def status(self) -> dict[str, Any]:
        """status.json as the trainer last wrote it, with the `state` of the method `state`.

        If the file is damaged, the state is `damaged` and the `message` says how.
        """
        status = self._status()
        if status["state"] in ACTIVE and not self._is_alive(status):
            status = self._status()  # it may have ended in the meantime
            if status["state"] in ACTIVE:
                status["state"] = "suspended" if self._is_suspended(status) else "lost"
        return status

    def _status(self) -> dict[str, Any]:
        try:
            return {"state": "stopped", **self.readable_status()}
        except DamagedFileError as error:
            return {"state": "damaged", "message": str(error)}

    def readable_status(self) -> dict[str, Any]:
        """status.json, {} without one; raises DamagedFileError."""
        return records.read(self.path / "status.json", Status, MAX_STATUS_BYTES) or {}

    def state(self) -> str:
        """One of STATES as the trainer wrote it, or `lost`, `suspended` or `damaged`.

        A run is lost if its state is one of ACTIVE but its process is gone, or has not written a
        heartbeat for HEARTBEAT_LIMIT_S. It is `suspended` if its process waits to be continued
        (kill -STOP, Ctrl-Z). It is damaged if its status.json cannot be read.
        """
        return str(self.status()["state"])

    def _is_suspended(self, status: dict[str, Any]) -> bool:
        return self.is_locked() and process.is_suspended(status)

    def _is_alive(self, status: dict[str, Any]) -> bool:
        fresh = time.time() - status.get("heartbeat", 0.0) < HEARTBEAT_LIMIT_S
        return fresh and self.is_locked()

    def stats(self) -> list[dict[str, Any]]:
        """stats.jsonl: one dictionary per epoch; unfinished and damaged lines are skipped.

        A figure that is NaN is None. For damaged lines see `damage`.
        """
        return [row for row in self._stats() if not isinstance(row, DamagedFileError)]

    def _stats(self) -> Iterator[dict[str, Any] | DamagedFileError]:
        return records.lines(self.path / "stats.jsonl", StatsRow)

    def damage(self) -> list[str]:
        """A sentence for every damaged file of the run, and for those that were set aside."""
        aside = records.aside(self.path)
        set_aside = [DamagedFileError(path, "it was set aside") for path in aside]
        return [str(error) for error in [*self.damaged(), *set_aside]]

    def damaged(self) -> list[DamagedFileError]:
        """The damaged files of the run; of lines in stats.jsonl the first few."""
        found = []
        readers: list[Callable[[], object]] = [
            lambda: records.read(self.path / "config.json", Config, MAX_RECORD_BYTES),
            lambda: records.read(self.path / "status.json", Status, MAX_STATUS_BYTES),
            lambda: evaluation.read(self.path),
        ]
        for read in readers:
            try:
                read()
            except DamagedFileError as error:
                found.append(error)
        lines = [row for row in self._stats() if isinstance(row, DamagedFileError)]
        return found + lines[:MAX_REPORTED_LINES]

    def has_state(self) -> bool:
        """Whether there is a saved state to resume from."""
        return self.state_file.exists() or self.older_state_file.exists()

    def left_off_at(self) -> int | None:
        """The epoch whose kept weights a run without a saved state resumes from, if it must.

        That is the last kept epoch of a run that ended or kept weights more than once, whose state
        was deleted or never shipped. None if there is a state, or if the run was killed before its
        first save: then it starts from the beginning.
        """
        kept = self.kept()
        if self.has_state() or not kept:
            return None
        last = max(kept)
        ended = self.state() in ENDED
        has_progress = len(kept) > 1 or ended or self._planned_epochs() == last + 1
        return last if has_progress else None

    def _planned_epochs(self) -> int | None:
        """The number of epochs in its config.json."""
        try:
            settings = self.config().get("settings")
        except UserError:
            return None
        epochs = settings.get("epochs") if settings else None
        return epochs if isinstance(epochs, int) else None

    # Writing -------------------------------------------------------------------------------

    def write_status(self, status: dict[str, Any]) -> None:
        files.write_json(self.path / "status.json", status)

    def append_stats(self, row: dict[str, Any]) -> None:
        """Append one epoch's row, whole or not at all; raises UserError if it cannot be written."""
        path = self.path / "stats.jsonl"
        try:
            with files.open_to_write(path, appends=True) as file:
                size = file.seek(0, os.SEEK_END)
                try:
                    files.write_whole(file, _line(row))
                    os.fsync(file.fileno())
                except OSError:
                    os.ftruncate(file.fileno(), size)
                    raise
        except OSError as error:
            raise files.not_written(path, error) from error

    def rewind(self, epochs: int) -> None:
        """Delete stats, sheets and weights of epoch `epochs` and later: they are repeated."""
        found = list(self._stats())
        rows = [r for r in found if not isinstance(r, DamagedFileError) and r["epoch"] < epochs]
        if any(isinstance(row, DamagedFileError) for row in found):
            records.set_aside(self.path / "stats.jsonl", keeps_file=True)
        files.write_bytes(self.path / "stats.jsonl", b"".join(map(_line, rows)))
        for epoch, path in [*self.sheets().items(), *self.kept().items()]:
            if epoch >= epochs:
                path.unlink(missing_ok=True)

    # Lock ----------------------------------------------------------------------------------

    @contextmanager
    def locked(self, inherited: int | None = None) -> Iterator["RunLock"]:
        """Lock the run for this process; the system releases it however the process ends.

        `inherited` is the descriptor of a lock that the process that started this one acquired.
        Raises UserError if another process has locked the run.
        """
        lock = RunLock(self, self._acquire() if inherited is None else inherited)
        try:
            yield lock
        finally:
            lock.release()

    def _acquire(self) -> int:
        """A locked descriptor of the file that is named config.json now."""
        path = self.path / "config.json"
        while True:
            try:
                descriptor = open_to_lock(path)
            except OSError as error:
                raise UserError(
                    "{path} cannot be read ({reason}): fix its permissions.",
                    path=path,
                    reason=error.strerror,
                ) from error
            if not self._try_lock(descriptor):
                self._refuse_if_suspended()
                raise UserError(
                    "The run '{name}' is running in another process: stop it first.", name=self.name
                )
            with suppress(OSError):
                if os.path.samestat(path.stat(), os.fstat(descriptor)):
                    return descriptor
            os.close(descriptor)  # config.json was replaced while this process waited

    def _try_lock(self, descriptor: int) -> bool:
        """Whether the lock was acquired within a second; else the descriptor is closed."""
        is_acquired = False
        try:
            path = self.path / "config.json"
            is_acquired = try_lock(descriptor, EXCLUSIVE, path, timeout_s=1.0)
        finally:
            if not is_acquired:
                os.close(descriptor)
        return is_acquired

    def _refuse_if_suspended(self) -> None:
        status = self._status()
        if process.is_suspended(status):
            raise UserError(
                "The run '{name}' is suspended: continue it with kill -CONT {pid}, or stop it "
                "first.",
                name=self.name,
                pid=status["pid"],
            )

    def is_locked(self) -> bool:
        """Whether a living process has locked this run: it trains, renames or deletes it."""
        try:
            with files.open_regular(self.path / "config.json") as file:
                return not try_lock(file.fileno(), SHARED, self.path / "config.json")
        except (OSError, LocksUnsupportedError):
            return False


class RunLock:
    """The lock on a run's config.json: no other process trains, renames or deletes the run."""

    def __init__(self, run: Run, descriptor: int) -> None:
        self.run = run
        self.descriptor = descriptor

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace config.json; the new file is locked before it is visible."""
        path = self.run.path / "config.json"
        with files.replacing(path) as temporary:
            files.write_json(temporary, config)
            descriptor = open_to_lock(temporary)
            try_lock(descriptor, EXCLUSIVE, temporary)
        os.close(self.descriptor)
        self.descriptor = descriptor

    def release(self) -> None:
        os.close(self.descriptor)


def _line(row: dict[str, Any]) -> bytes:
    return files.json_text(row).encode("utf-8", "replace") + b"\n"
