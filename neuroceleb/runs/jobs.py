"""Background trainings: start, stop, resume, rename, delete. Standard library only.

A run is trained by a detached process of its own; the run directory is the only link to it. If its
device is occupied, the run waits in the queue.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuroceleb import files
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import device_lock, launch, process, queue, starts, trash
from neuroceleb.runs.run import ENDED, Run
from neuroceleb.runs.workspace import Workspace, check_name, create_run
from neuroceleb.settings import SWITCHES, Settings

ESTIMATE_LIMIT_S = 600
GRACE_S = 20.0  # from the request to stop until the process may be killed
KILL_TIMEOUT_S = 10.0
EXIT_TIMEOUT_S = 10.0  # from a run's last status until its process has ended, on a busy machine
LOG_TAIL_BYTES = 32 * 2**10


# Starting ----------------------------------------------------------------------------------


def new_config(workspace: Workspace, source: Path, settings: Settings) -> dict[str, Any]:
    """The config.json of a new run on the DATASET that was found at `source`.

    A dataset of the workspace is recorded by its name, so that a moved workspace finds it.
    The training process adds what only it knows: the dataset's fingerprint and the versions.
    """
    name = workspace.dataset_name(source)
    return {
        "recipe": settings.recipe,
        "settings": settings.to_json(),
        "dataset": {"path": name or str(files.absolute(source))},
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def start(workspace: Workspace, name: str, config: dict[str, Any]) -> Run:
    """Create a run and start it, or queue it if its device is occupied; raises UserError."""
    settings = Settings.from_json(config["settings"])
    with queue.locked(workspace):
        run = create_run(workspace, name, config)
        queue.append(workspace, run, device_lock.device_for(settings.device))
        run.write_status(_queued({}, 0 if settings.images else settings.epochs))
    launch.start_next(workspace)
    return run


def resume(workspace: Workspace, name: str, epochs: int | None = None) -> Run:
    """Resume a run that stopped, failed or was lost, or queue it if its device is occupied.

    `epochs` replaces the number of epochs; it is validated here. Raises UserError if the run is
    active, queued already, or finished, or has more epochs already.
    """
    run = workspace.run(name)
    settings = Settings.from_json(_settings(run))
    if epochs is not None:
        Settings.checked(epochs=epochs)
    _wait_for_exit(run)
    with queue.locked(workspace), run.locked():
        run.readable_status()  # raises if it is damaged
        status = run.status()
        if queue.position(workspace, name) is not None:
            raise UserError("The run '{name}' is in the queue already.", name=name)
        origin(workspace, name)
        if epochs is not None:
            check_epochs(name, epochs, status)
        wanted = epochs or status.get("epochs") or settings.epochs
        if status["state"] == "finished" and wanted <= int(status.get("epoch") or 0):
            raise UserError(
                "The run '{name}' is finished: give it more epochs to continue it.", name=name
            )
        files.remove(run.stop_file)
        queue.append(workspace, run, device_lock.device_for(settings.device), epochs)
        run.write_status(_queued(status, wanted))
    launch.start_next(workspace)
    return run


def check_epochs(name: str, epochs: int, status: dict[str, Any]) -> None:
    """Raise UserError if a run is to have fewer epochs than its status or state says are done."""
    done = int(status.get("epoch") or 0)
    if epochs < done:
        raise UserError(
            "--epochs {epochs} is less than the {done} that the run '{name}' has: give at least "
            "so many.",
            epochs=epochs,
            done=done,
            name=name,
        )


def origin(workspace: Workspace, name: str) -> tuple[str, Settings]:
    """The DATASET and the settings of a run, to train another like it; raises UserError."""
    run = workspace.run(name)
    path = run.dataset_path()
    if path is None:
        raise UserError(
            "{path} does not name a dataset: start a new run.", path=run.path / "config.json"
        )
    return path, Settings.from_json(_settings(run))


def _settings(run: Run) -> dict[str, Any]:
    settings = run.config().get("settings")
    if not isinstance(settings, dict):
        raise UserError(
            "{path} is damaged: the run cannot be resumed.", path=run.path / "config.json"
        )
    return settings


def _queued(status: dict[str, Any], epochs: int) -> dict[str, Any]:
    kept: dict[str, Any] = {
        key: status[key] for key in ("images_seen", "adjusted") if key in status
    }
    return {"state": "queued", "epoch": status.get("epoch", 0), "epochs": epochs, **kept}


def estimate(workspace: Workspace, name: str, text: str, settings: Settings) -> dict[str, Any]:
    """The time and memory a run would take, as `training.estimate` returns them.

    Measured in a process of its own, so that this one does not load PyTorch. Raises UserError if a
    setting is out of bounds or the estimate takes over ESTIMATE_LIMIT_S.
    """
    flags = []
    for spec in dataclasses.fields(settings):
        flag, value = f"--{spec.name.replace('_', '-')}", getattr(settings, spec.name)
        if spec.name not in SWITCHES:
            flags.append(f"{flag}={value}")
        elif value == "yes":
            flags.append(flag)
    options = [*flags, f"--run={name}", "--estimate", "--json", "--", text]
    return launch.run_verb(workspace, "train", options, ESTIMATE_LIMIT_S)


# Stopping ----------------------------------------------------------------------------------


def stop(workspace: Workspace, name: str) -> None:
    """Request a training to finish its step, save and end; or take a run out of the queue.

    Raises UserError if the run is neither active nor queued.
    """
    run = workspace.run(name)
    with queue.locked(workspace):
        queue.remove(workspace, run)
        if run.state() == "queued":
            run.write_status({**run.status(), "state": "stopped"})
            return
    if not run.is_locked():
        raise UserError("The run '{name}' is not running: there is nothing to stop.", name=name)
    with _writing(run.stop_file):
        run.stop_file.touch()


def force_stop(workspace: Workspace, name: str) -> None:
    """Kill a training that was requested to stop and has not ended; its saved files stay whole.

    Raises UserError until GRACE_S have passed since the request, and if it is not certain which
    process trains the run.
    """
    run = workspace.run(name)
    if not run.is_locked():
        raise UserError("The run '{name}' is not running: there is nothing to stop.", name=name)
    left = GRACE_S - _seconds_since_stop(run)
    if left > 0:
        raise UserError(
            "The run '{name}' may still end by itself: stop it first, and force it only when it "
            "has not ended {seconds:.0f} s later ({left:.0f} s from now).",
            name=name,
            seconds=GRACE_S,
            left=left,
        )
    process.kill(run.status(), run.path / "config.json")
    if not _wait_until(lambda: not run.is_locked(), KILL_TIMEOUT_S):
        raise UserError("The run '{name}' has not ended yet: look again in a moment.", name=name)
    with run.locked():
        files.remove(run.stop_file)
        message = Message("Ended by force: it resumes from its last saved state.")
        run.write_status({**run.status(), "state": "stopped", **message.as_fields("message")})
    launch.start_next(workspace)


def wait_for_end(run: Run, seconds: float) -> bool:
    """Wait for the run's process to end; False if it has not within so many seconds."""
    return _wait_until(lambda: not run.is_locked(), seconds)


def _wait_for_exit(run: Run) -> None:
    """Wait until the process of a run that has ended, by its status, is gone and unlocks it."""
    status = run.status()
    if status.get("pid") and status["state"] in ENDED:
        wait_for_end(run, EXIT_TIMEOUT_S)


def may_force(run: Run) -> bool:
    """Whether GRACE_S have passed since a run was requested to stop, and it has not ended."""
    return run.is_locked() and _seconds_since_stop(run) >= GRACE_S


def _seconds_since_stop(run: Run) -> float:
    """Seconds since the run was requested to stop; 0 if it was not."""
    try:
        return max(0.0, time.time() - run.stop_file.stat().st_mtime)
    except OSError:
        return 0.0


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


# Renaming, deleting, the log ---------------------------------------------------------------


def rename(workspace: Workspace, name: str, new: str) -> Run:
    """Rename a run; raises UserError if it is active or the name is taken."""
    run, renamed = workspace.run(name), Run(workspace.checkpoints / check_name(new))
    _wait_for_exit(run)
    with queue.locked(workspace), run.locked():
        if os.path.lexists(renamed.path):
            raise UserError("There is already a run '{name}': use another name.", name=new)
        with _writing(renamed.path):
            run.path.rename(renamed.path)
        queue.rename(workspace, run, new)
    return renamed


def delete(workspace: Workspace, name: str) -> None:
    """Move a run directory to the trash; raises UserError if the run is active or shipped."""
    run = workspace.run(name)
    if starts.shipped(run):
        raise UserError("The run '{name}' ships with Neuro-celeb: it cannot be deleted.", name=name)
    _wait_for_exit(run)
    with queue.locked(workspace), run.locked():
        queue.remove(workspace, run)
        trash.put(workspace, run.path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise files.not_written(path, error) from error


def log_tail(run: Run, lines: int = 200) -> list[str]:
    """The last lines of a run's log."""
    try:
        with files.open_regular(run.log_file) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_TAIL_BYTES))
            text = file.read(LOG_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    whole = text.splitlines()[1 if size > LOG_TAIL_BYTES else 0 :]
    return whole[-lines:]
