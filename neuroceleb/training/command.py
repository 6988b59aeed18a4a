"""Running a prepared training in this process, as rank 0 or another rank.

Takes the locks, loads the dataset, trains, and records in the status how it ended.
"""

import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from neuroceleb import files
from neuroceleb.data import dataset
from neuroceleb.data.dataset import Dataset
from neuroceleb.data.holdout import Mask
from neuroceleb.errors import Message, UserError
from neuroceleb.files import DiskFullError
from neuroceleb.runs import device_lock
from neuroceleb.runs.handover import Locks
from neuroceleb.runs.reserve import DISK_FULL
from neuroceleb.runs.run import Run
from neuroceleb.runs.status import Heartbeat
from neuroceleb.runs.workspace import Workspace, create_run
from neuroceleb.settings import Settings
from neuroceleb.training import device as devices
from neuroceleb.training import (
    distributed,
    precision,
    recovery,
    signals,
    start_model,
    training_data,
)
from neuroceleb.training.console import ProgressBar, logging_to
from neuroceleb.training.distributed import DistributedContext, LostPeerError
from neuroceleb.training.session import Session, adjusted_settings, versions
from neuroceleb.training.spec import TrainingSpec

log = logging.getLogger(__name__)

KEPT_IN_STATUS = ("epoch", "images_seen", "adjusted", "precision")


def execute(session: Session, locks: Locks | None = None) -> dict[str, Any]:
    """Train until the end or until stopped; returns what `train --json` prints.

    `locks` are those taken by the queue, where it started this process. Raises UserError for errors
    that the user can fix; the status of the run is then `failed` with the same message.
    """
    locks = locks or Locks()
    device = device_lock.device_for(session.settings.device)
    with device_lock.locked(session.workspace, device, session.run.name, locks.take_device()):
        return _execute(session, locks)


def _execute(session: Session, locks: Locks) -> dict[str, Any]:
    run = session.run
    data = None
    if not session.resume:
        data = _load(session)
        session = _with_start_model(_with_epochs_for(session, data), data)
        create_run(session.workspace, run.name, _complete_config(session, data))
    is_queued = locks.run is not None
    with run.locked(locks.take_run()) as run_lock, logging_to(run.log_file):
        if not is_queued:  # a request to stop may precede the start of a queued run
            files.remove(run.stop_file)
        files.remove_leftovers(run.path)
        before = run.status() if session.resume else {}
        kept = {key: before[key] for key in KEPT_IN_STATUS if key in before}
        with Heartbeat(run, devices.memory, epochs=session.settings.epochs, **kept) as heartbeat:
            try:
                if data is None:
                    data = _load(session)
                session = _with_epochs_for(session, data)
                heartbeat.update(epochs=session.settings.epochs)
                if session.resume and not run.has_state() and session.initial_weights is None:
                    session = _with_start_model(session, data)
                if "fingerprint" not in session.config["dataset"]:
                    run_lock.write_config(_complete_config(session, data))
                elif session.resume and _names_other_path(session, data):
                    run_lock.write_config(session.config)
                state = _train(session, data, heartbeat)
            except BaseException as error:
                _record_failure(heartbeat, error)
                raise
            files.remove(run.stop_file)
            heartbeat.update(state=state, eta_seconds=None)
    return _outcome(run, state)


def _load(session: Session) -> Dataset:
    data = training_data.load(session.source, session.workspace, session.names_encoding)
    return training_data.with_holdout(data, session.settings, session.config["dataset"])


def _names_other_path(session: Session, data: Dataset) -> bool:
    """Whether the same images are at another path than config.json says."""
    recorded = session.run.dataset_path()
    named = session.config["dataset"]
    return bool(data.fingerprint == named["fingerprint"] and named.get("path") != recorded)


def _outcome(run: Run, state: str) -> dict[str, Any]:
    last = run.stats()[-1:]
    outcome = {"run": run.name, "path": str(run.path), "state": state}
    return {**outcome, "epoch": run.status()["epoch"], "last": last[0] if last else None}


def _with_epochs_for(session: Session, data: Dataset) -> Session:
    """The session with the number of epochs in which this dataset gives `--images` images."""
    count = len(training_data.without_holdout(data, session.settings))
    return replace(session, settings=session.settings.for_faces(count))


def _with_start_model(session: Session, data: Dataset) -> Session:
    """The session with the model that it starts from, as `--start-from` and the dataset say."""
    faces = training_data.without_holdout(data, session.settings).pixels
    start = start_model.resolve(session.workspace, session.settings, faces)
    config = {**session.config, "start_model": start.to_json()}
    return replace(session, config=config, initial_weights=start.weights)


def _complete_config(session: Session, data: Dataset) -> dict[str, Any]:
    """The run's config.json, with what is known after loading the dataset."""
    described = {
        **session.config["dataset"],
        "count": len(data),
        "trained_on": len(training_data.without_holdout(data, session.settings)),
        "skipped": len(data.skipped),
        "fingerprint": data.fingerprint,
        **training_data.to_record(data),
    }
    settings = session.settings.to_json()
    return {**session.config, "settings": settings, "dataset": described, "versions": versions()}


def _record_failure(heartbeat: Heartbeat, error: BaseException) -> None:
    """Write the reason to the status; the traceback of an unexpected error to the log."""
    if isinstance(error, DiskFullError):
        heartbeat.update(state="stopped", **DISK_FULL.as_fields("message"))
        log.debug("%s", error)
    elif isinstance(error, UserError):
        heartbeat.update(state="failed", **error.message.as_fields("message"))
        log.debug("%s", error)
    else:
        message = Message(
            "The training failed unexpectedly ({kind}): see log.txt.", kind=type(error).__name__
        )
        heartbeat.update(state="failed", **message.as_fields("message"))
        log.debug("%s", message, exc_info=error)


def _train(session: Session, data: Dataset, heartbeat: Heartbeat) -> str:
    run = session.run
    training_data.log_skipped(data)
    device = devices.pick(session.settings.device)
    settings = replace(session.settings, precision=_resolve_precision(session, device))
    reference_faces, held_out = training_data.reference_faces(data, settings), data.held_out
    data = training_data.without_holdout(data, settings)
    count = f"{settings.ngpu} x " if settings.ngpu > 1 else ""
    heartbeat.update(device=count + devices.name_of(device), precision=settings.precision)
    is_continued = run.has_state() or session.weights_epoch is not None
    verb, faces = "Resuming" if is_continued else "Training", f"{len(data):,} faces"
    epochs = "1 epoch" if settings.epochs == 1 else f"{settings.epochs} epochs"
    log.info("%s '%s' on %s, %s, %s.", verb, run.name, faces, device, epochs)
    start = session.config.get("start_model")
    if not is_continued and isinstance(start, dict):
        log.info("%s %s", start.get("reason", ""), start.get("terms", ""))
    adjusted = adjusted_settings(run.status())
    with (
        signals.stop_requests(run, heartbeat) as should_stop,
        ProgressBar(run, len(data) * settings.epochs) as bar,
        distributed.process_group() as dist,
    ):
        shared = _Shared(
            *(run.name, settings, session.source, session.resume, adjusted),
            *(session.names_encoding, held_out),
        )
        _share(dist, shared)
        _check_equal_data(dist, data)
        spec = TrainingSpec(
            run,
            settings,
            data,
            device,
            session.resume,
            session.initial_weights,
            session.weights_epoch,
            dist,
            reference_faces=reference_faces,
        )
        state = recovery.train(spec, adjusted, heartbeat, should_stop, bar.update)
    hint = "; --resume continues from here" if state == "stopped" else ""
    log.info("Run '%s' %s: %s%s.", run.name, state, run.path, hint)
    return state


def _resolve_precision(session: Session, device: torch.device) -> str:
    """float32 or bfloat16; for a resumed run, as recorded in its status."""
    recorded = session.run.status().get("precision") if session.resume else None
    known = recorded if recorded in (precision.FLOAT32, precision.BFLOAT16) else None
    return precision.resolve(session.settings.precision, device, known)


# Several processes -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shared:
    """What rank 0 sends to the other ranks."""

    run_name: str
    settings: Settings
    source: Path
    resume: bool
    adjusted: dict[str, Any]
    names_encoding: str
    held_out: Mask | None


def _share(dist: DistributedContext, shared: _Shared | None = None) -> _Shared:
    if shared is not None:
        shared = replace(shared, source=files.absolute(shared.source))
    received: _Shared = dist.broadcast_object(shared)
    return received


def execute_nonzero_rank(workspace: Workspace) -> None:
    """Train as another rank than 0, with what rank 0 sends; writes no files.

    Raises UserError for errors of this process. Exits with code 2 where another process has ended:
    that one has reported the error.
    """
    try:
        with distributed.process_group() as dist:
            _train_nonzero_rank(dist, workspace)
    except LostPeerError:
        sys.exit(2)


def _train_nonzero_rank(dist: DistributedContext, workspace: Workspace) -> None:
    signals.ignore()
    shared = _share(dist)
    device = devices.pick(shared.settings.device)
    data = dataset.load(shared.source, workspace.datasets, names_encoding=shared.names_encoding)
    _check_equal_data(dist, data)
    data = training_data.without_holdout(replace(data, held_out=shared.held_out), shared.settings)
    run = Run(workspace.checkpoints / shared.run_name)
    spec = TrainingSpec(run, shared.settings, data, device, shared.resume, dist=dist)
    recovery.train(spec, shared.adjusted, Heartbeat(None), lambda: False, lambda _: None)


def _check_equal_data(dist: DistributedContext, data: Dataset) -> None:
    if not dist.are_equal(data.fingerprint):
        raise UserError(
            "The images in {source} are not the same on every machine: copy them again, or use "
            "a folder that all machines can read.",
            source=data.source,
        )
