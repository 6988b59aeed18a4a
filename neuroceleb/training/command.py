"""One training process from its first check to its last word: for the verb `train`.

Prepares or reopens a run, holds it, decodes the data, turns signals and the `stop` file into one
question, and makes every ending a state that the run directory tells.
"""

import logging
import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import PIL
import torch
from tqdm import tqdm

from neuroceleb import __version__, files
from neuroceleb.data import dataset, holdout
from neuroceleb.data.dataset import Dataset
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs import device_lock, jobs
from neuroceleb.runs.handover import Locks
from neuroceleb.runs.run import Run
from neuroceleb.runs.status import Heartbeat
from neuroceleb.runs.workspace import Workspace, check_name, create_run
from neuroceleb.settings import Settings
from neuroceleb.training import (
    device as devices,
)
from neuroceleb.training import (
    distributed,
    loop,
    precision,
    recovery,
    step,
    torchrun,
)
from neuroceleb.training.distributed import LostPeerError, Ranks
from neuroceleb.training.loop import Moment
from neuroceleb.training.step import FIGURES

log = logging.getLogger(__name__)
package_log = logging.getLogger(__package__)

NAMED_SKIPS = 12
KEPT_IN_STATUS = ("epoch", "images_seen", "adjusted", "precision")
MAY_CHANGE_ON_RESUME = frozenset({"epochs", "device", "ngpu"})


@dataclass(frozen=True)
class Session:
    """What one process is to do: a run, new or reopened, with its settings and its data."""

    workspace: Workspace
    run: Run
    settings: Settings
    config: dict[str, Any]
    source: Path
    resume: bool
    start_from: Path | None = None
    left_off: int | None = None  # the epoch after whose kept weights it goes on, without a state


def prepare(workspace: Workspace, name: str, text: str, given: dict[str, Any]) -> Session:
    """A session for a new run on the DATASET `text`; nothing is written yet. Raises UserError."""
    run = Run(workspace.checkpoints / check_name(name))
    if run.exists():
        raise UserError(f"There is already a run '{name}': use another name, or --resume.")
    settings = Settings.checked(**given)
    _check_machine(settings)
    source = dataset.locate(text, workspace.datasets)
    config = jobs.new_config(workspace, text, source, settings) | {"versions": _versions()}
    begin = _start(workspace, settings)
    return Session(workspace, run, settings, config, source, resume=False, start_from=begin)


def reopen(workspace: Workspace, name: str, text: str | None, given: dict[str, Any]) -> Session:
    """A session that goes on with a run; raises UserError.

    Only epochs, device and number of GPUs may differ.
    """
    run = workspace.run(name)
    config = run.config()
    if not isinstance(config.get("settings"), dict) or not isinstance(config.get("dataset"), dict):
        raise UserError(f"{run.path / 'config.json'} is damaged: the run cannot be resumed.")
    then = Settings.from_json(config["settings"])
    _refuse_other_changes(then, given)
    status = run.status()
    epochs = status.get("epochs") or then.epochs
    now = {k: v for k, v in given.items() if k in MAY_CHANGE_ON_RESUME}
    until = {"epochs": epochs, "images": 0} if status.get("epochs") or "epochs" in now else {}
    changes = {**until, **_adjusted(status), **now}
    settings = Settings.checked(**{**then.to_json(), **changes})
    _check_machine(settings)
    source = dataset.locate(text or str(run.dataset_path()), workspace.datasets)
    left_off = run.left_off_at()
    begin = None if left_off is None else run.weights(left_off)
    if begin is not None:
        step.check_start(begin, settings)
    elif not run.has_state():
        begin = _start(workspace, settings)
    return Session(workspace, run, settings, config, source, True, begin, left_off)


def _start(workspace: Workspace, settings: Settings) -> Path | None:
    """The generator that a run begins with, if it begins with one; raises UserError."""
    if not settings.start_from:
        return None
    path = workspace.weights(settings.start_from)
    step.check_start(path, settings)
    return path


def _adjusted(status: dict[str, Any]) -> dict[str, Any]:
    """The settings that were changed to mend the run, see `recovery`."""
    adjusted = status.get("adjusted")
    kept = adjusted if isinstance(adjusted, dict) else {}
    return {key: kept[key] for key in ("batch_size", "lr", "lr_d") if key in kept}


def _refuse_other_changes(then: Settings, given: dict[str, Any]) -> None:
    for key, value in given.items():
        if key not in MAY_CHANGE_ON_RESUME and value != getattr(then, key):
            flag = "--" + key.replace("_", "-")
            raise UserError(
                f"{flag} {value} cannot be changed on --resume (the run has "
                f"{getattr(then, key)}): leave it out, or start a new run."
            )


def _check_machine(settings: Settings) -> None:
    device = loop.pick_device(settings.device)
    here = torchrun.local_world_size() if torchrun.is_started_by_torchrun() else settings.ngpu
    there = torch.cuda.device_count()
    if device.type == "cuda" and here > there:
        raise UserError(
            f"--ngpu {here}: this machine has {there} for PyTorch; use at most so many, or start "
            "torchrun on several machines (docs/scaling.md)."
        )
    if settings.precision != "auto":
        precision.resolve(settings.precision, device)  # refuses what this machine has not
    if device.type == "cpu" and settings.batchnorm == "synced" and settings.ngpu > 1:
        raise UserError("--batchnorm synced: PyTorch has that for GPUs only, use device.")
    if settings.batch_size < settings.ngpu:
        raise UserError(
            f"--batch-size {settings.batch_size} leaves some of {settings.ngpu} GPUs without an "
            "image: use a larger one, or a smaller --ngpu."
        )


def _versions() -> dict[str, str]:
    return {
        "neuroceleb": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def carry_out(session: Session, locks: Locks | None = None) -> dict[str, Any]:
    """Train to the end or until told to stop; returns what `train --json` prints.

    `locks` are those of run and device, where this process was started by the queue. Raises
    UserError for what the user can mend; the run is then `failed` and says the same.
    """
    locks = locks or Locks()
    device = device_lock.device_for(session.settings.device)
    with device_lock.locked(session.workspace, device, session.run.name, locks.take_device()):
        return _carry_out(session, locks)


def _carry_out(session: Session, locks: Locks) -> dict[str, Any]:
    run = session.run
    data = None
    if not session.resume:
        data = _decode(session)
        session = _fitted(session, data)
        create_run(session.workspace, run.name, _described(session, data))
    may_be_asked_already = locks.run is not None
    with run.locked(locks.take_run()) as run_lock, _logging_to(run.log_file):
        if not may_be_asked_already:
            run.stop_file.unlink(missing_ok=True)
        files.remove_leftovers(run.path)
        before = run.status() if session.resume else {}
        kept = {key: before[key] for key in KEPT_IN_STATUS if key in before}
        with Heartbeat(run, devices.memory, epochs=session.settings.epochs, **kept) as heartbeat:
            try:
                if data is None:
                    data = _decode(session)
                session = _fitted(session, data)
                heartbeat.update(epochs=session.settings.epochs)
                if "fingerprint" not in session.config["dataset"]:
                    run_lock.write_config(_described(session, data))
                state = _train(session, data, heartbeat)
            except BaseException as error:
                _record_failure(heartbeat, error)
                raise
            run.stop_file.unlink(missing_ok=True)
            heartbeat.update(state=state, eta_seconds=None)
    last = run.stats()[-1:]
    outcome = {"run": run.name, "path": str(run.path), "state": state}
    return {**outcome, "epoch": run.status()["epoch"], "last": last[0] if last else None}


def _described(session: Session, data: Dataset) -> dict[str, Any]:
    """The run's configuration with what is known of its data now."""
    described = {
        **session.config["dataset"],
        "count": len(data),
        "skipped": len(data.skipped),
        "fingerprint": data.fingerprint,
    }
    settings = session.settings.to_json()
    return {**session.config, "settings": settings, "dataset": described, "versions": _versions()}


def _fitted(session: Session, data: Dataset) -> Session:
    """With as many epochs as these data need for the images that are to be shown."""
    count = len(_training_part(data, session.settings))
    return replace(session, settings=session.settings.for_faces(count))


def _kept_back(data: Dataset, settings: Settings) -> Pixels | None:
    """The faces that the quality is measured against, (N, 64, 64, 3), where some are kept back."""
    if not settings.holdout or not settings.evaluate_every:
        return None
    kept: Pixels = data.pixels[holdout.held_out(data.pixels, settings.holdout)]
    return kept


def _training_part(data: Dataset, settings: Settings) -> Dataset:
    """The faces trained on: all but those kept back to measure with."""
    if not settings.holdout:
        return data
    part = data.without(holdout.held_out(data.pixels, settings.holdout))
    if not len(part):
        raise UserError(f"--holdout {settings.holdout:g} leaves no face to train on: lower it.")
    return part


def _record_failure(heartbeat: Heartbeat, error: BaseException) -> None:
    """Put the reason into the status, and the whole of an unexpected one into the log."""
    if isinstance(error, UserError):
        heartbeat.update(state="failed", message=str(error))
        log.debug("%s", error)
    else:
        sentence = f"The training failed unexpectedly ({type(error).__name__}): see log.txt."
        heartbeat.update(state="failed", message=sentence)
        log.debug("%s", sentence, exc_info=error)


def _train(session: Session, data: Dataset, heartbeat: Heartbeat) -> str:
    run, settings = session.run, session.settings
    _name_skipped(data)
    compared_with = _kept_back(data, settings)
    data = _training_part(data, settings)
    device = loop.pick_device(settings.device)
    several = f"{settings.ngpu} x " if settings.ngpu > 1 else ""
    settings = replace(settings, precision=_precision(session, device))
    device_name = several + devices.name_of(device)
    heartbeat.update(device=device_name, precision=settings.precision)
    began = run.has_state() or session.left_off is not None
    verb = "Going on with" if began else "Training"
    faces = f"{len(data):,} faces"
    log.info("%s '%s' on %s, %s, %d epochs.", verb, run.name, faces, device, settings.epochs)
    images_in_all = len(data) * settings.epochs
    adjusted = _adjusted(run.status())
    with (
        _stop_requests(run, heartbeat) as should_stop,
        _ProgressBar(run, images_in_all) as bar,
        distributed.join() as us,
    ):
        _tell_followers(us, replace(session, settings=settings), adjusted)
        _check_same_faces(us, data)
        job = loop.Job(
            run,
            settings,
            data,
            device,
            session.resume,
            session.start_from,
            session.left_off,
            us,
            compared_with=compared_with,
        )
        state = recovery.train(job, adjusted, heartbeat, should_stop, bar.show)
    how = "; --resume goes on from here" if state == "stopped" else ""
    log.info("Run '%s' %s: %s%s.", run.name, state, run.path, how)
    return state


def _precision(session: Session, device: torch.device) -> str:
    """float32 or bfloat16: what the run began with, where it goes on."""
    recorded = session.run.status().get("precision") if session.resume else None
    known = recorded if recorded in (precision.FLOAT32, precision.BFLOAT16) else None
    return precision.resolve(session.settings.precision, device, known)


# Several processes -------------------------------------------------------------------------


def _tell_followers(us: Ranks, session: Session, adjusted: dict[str, Any]) -> None:
    plan = {
        "run": session.run.name,
        "settings": session.settings.to_json(),
        "source": str(session.source.resolve()),
        "resume": session.resume,
        "adjusted": adjusted,
    }
    us.tell(plan)


def follow(workspace: Workspace) -> None:
    """Train as one of several processes: whatever the first one does, writing nothing.

    Raises UserError for what is wrong with this one; where another has ended, that one has said
    what is to be said, and this one leaves with code 2.
    """
    try:
        with distributed.join() as us:
            _follow(us, workspace)
    except LostPeerError:
        sys.exit(2)


def _follow(us: Ranks, workspace: Workspace) -> None:
    _leave_stopping_to_the_first()
    plan = us.tell()
    settings = Settings.from_json(plan["settings"])
    device = loop.pick_device(settings.device)
    data = dataset.load(Path(plan["source"]), workspace.datasets)
    _check_same_faces(us, data)
    data = _training_part(data, settings)
    run = Run(workspace.checkpoints / plan["run"])
    job = loop.Job(run, settings, data, device, plan["resume"], ranks=us)
    recovery.train(job, plan["adjusted"], Heartbeat(None), lambda: False, lambda _: None)


def _leave_stopping_to_the_first() -> None:
    """Ctrl-C and SIGTERM reach all of them; when to stop, the first one says."""
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.SIG_IGN)


def _check_same_faces(us: Ranks, data: Dataset) -> None:
    if not us.are_alike(data.fingerprint):
        raise UserError(
            f"The images in {data.source} are not the same on every machine: copy them again, or "
            "use a folder that all of them see."
        )


def _decode(session: Session) -> Dataset:
    with tqdm(desc="Decoding", unit=" images", disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return dataset.load(session.source, session.workspace.datasets, progress)


def _name_skipped(data: Dataset) -> None:
    """All of the files passed over into the log; the first dozen, then a count, on the screen."""
    for index, skipped in enumerate(data.skipped):
        level = logging.INFO if index < NAMED_SKIPS else logging.DEBUG
        log.log(level, "Passed over %s", _printable(str(skipped)))
    more = len(data.skipped) - NAMED_SKIPS
    if more > 0:
        log.info("… and %s more files passed over; log.txt names them all.", f"{more:,}")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


class _LogFile(logging.FileHandler):
    """Lines in the log file; what a full disk does not take is lost in silence."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


class _Screen(logging.Handler):
    """Lines on stderr, above the progress bar rather than through it."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Everything said goes into the log file; what is for the eyes also goes to stderr.

    Once only where the two are the same file, as in a process started in the background.
    """
    in_file = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    handlers: list[logging.Handler] = [in_file]
    if not os.path.samestat(path.stat(), os.fstat(sys.stderr.fileno())):
        handlers.append(_Screen(logging.INFO))
    package_log.setLevel(logging.DEBUG)
    for handler in handlers:
        package_log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            package_log.removeHandler(handler)
            handler.close()


@contextmanager
def _stop_requests(run: Run, heartbeat: Heartbeat) -> Iterator[Any]:
    """Yield `should_stop`: true after Ctrl-C, SIGTERM or a `stop` file."""
    asked = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    def should_stop() -> bool:
        if asked or run.stop_file.exists():
            heartbeat.update(state="stopping")
            return True
        return False

    before = {kind: signal.signal(kind, ask) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield should_stop
    finally:
        for kind, handler in before.items():
            # torchrun, when one of its processes dies, sends SIGTERM to those that still say why.
            signal.signal(kind, signal.SIG_IGN if torchrun.world_size() > 1 else handler)


class _ProgressBar:
    """Epoch, images a second, remaining time and losses; a line an epoch where no one looks."""

    def __init__(self, run: Run, images_in_all: int) -> None:
        self._run = run
        self._bar = tqdm(total=images_in_all, unit=" images", disable=None, leave=False)
        self._told = len(run.stats())

    def __enter__(self) -> "_ProgressBar":
        return self

    def __exit__(self, *error: object) -> None:
        self._tell_finished_epochs()
        self._bar.close()

    def show(self, moment: Moment) -> None:
        before = moment.images_seen - moment.images
        if self._bar.n != before:  # of a run that goes on, the rate is of what comes now
            self._bar.n = self._bar.initial = before
        if moment.step == 1:
            self._tell_finished_epochs()
        self._bar.set_description(f"Epoch {moment.epoch} of {moment.epochs}", refresh=False)
        if moment.figures is not None:
            losses = {name: f"{moment.figures[name]:.3f}" for name in ("loss_d", "loss_g")}
            self._bar.set_postfix(losses, refresh=False)
        self._bar.update(moment.images)

    def _tell_finished_epochs(self) -> None:
        rows = self._run.stats()
        self._told = min(self._told, len(rows))
        for row in rows[self._told :]:
            log.info("%s", _epoch_line(row))
        self._told = len(rows)


def _epoch_line(row: dict[str, Any]) -> str:
    figures = "  ".join(f"{name} {row[name]:.4f}" for name in FIGURES)
    return (
        f"epoch {row['epoch']:>3}  {figures}  "
        f"{row['images_per_second']:.1f} images/s  {row['seconds']:.1f} s"
    )
