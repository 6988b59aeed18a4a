"""What one does with a training: start, stop, resume, rename, delete. Standard library only.

A run is trained by a process of its own, detached from whoever asked for it; the run directory is
the only link. Where its device is busy, a run waits in the queue (`queueing`).
"""

import dataclasses
import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.runs import process, queue
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name, create_run
from neuroceleb.settings import Settings

log = logging.getLogger(__name__)

ESTIMATE_LIMIT_S = 600
GRACE_S = 20.0  # between asking a training to stop and being allowed to end it by force
DYING_S = 10.0
LOG_TAIL_BYTES = 32 * 2**10


# Starting ----------------------------------------------------------------------------------


def new_config(workspace: Workspace, text: str, source: Path, settings: Settings) -> dict[str, Any]:
    """config.json of a new run on the DATASET `text`, which is at `source`.

    What only the training process knows (the dataset's fingerprint, the versions) it adds itself.
    """
    is_named = source.is_relative_to(workspace.datasets)
    return {
        "recipe": settings.recipe,
        "settings": settings.to_json(),
        "dataset": {"path": text if is_named else str(source.resolve())},
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def start(workspace: Workspace, name: str, config: dict[str, Any]) -> Run:
    """Make a new run and start it, or let it wait for its device; raises UserError."""
    settings = Settings.from_json(config["settings"])
    with queue.held(workspace):
        run = create_run(workspace, name, config)
        queue.append(workspace, run, queue.device_of(settings.device))
        run.write_status(_queued({}, 0 if settings.images else settings.epochs))
    queue.pump(workspace)
    return run


def resume(workspace: Workspace, name: str, epochs: int | None = None) -> Run:
    """Go on with a run that stopped, failed or was lost, now or when its device is free.

    `epochs` may come from anywhere and is checked. Raises UserError where it is going on, waits
    already, or has nothing left to do.
    """
    run = workspace.run(name)
    settings = Settings.from_json(_settings(run))
    if epochs is not None:
        Settings.checked(epochs=epochs)
    with queue.held(workspace), run.held():
        status = run.status()
        if any(waiting.run == run for waiting in queue.queue(workspace)):
            raise UserError(f"The run '{name}' waits in the queue already.")
        origin(workspace, name)
        wanted = epochs or status.get("epochs") or settings.epochs
        if status["state"] == "finished" and wanted <= int(status.get("epoch") or 0):
            raise UserError(f"The run '{name}' is finished: give it more epochs to go on.")
        run.stop_file.unlink(missing_ok=True)
        queue.append(workspace, run, queue.device_of(settings.device), epochs)
        run.write_status(_queued(status, wanted))
    queue.pump(workspace)
    return run


def origin(workspace: Workspace, name: str) -> tuple[str, Settings]:
    """The DATASET and the settings of a run, to begin another like it; raises UserError."""
    run = workspace.run(name)
    described = run.config().get("dataset")
    path = described.get("path") if isinstance(described, dict) else None
    if not isinstance(path, str):
        raise UserError(
            f"{run.path / 'config.json'} does not say which dataset it was: start anew."
        )
    return path, Settings.from_json(_settings(run))


def _settings(run: Run) -> dict[str, Any]:
    settings = run.config().get("settings")
    if not isinstance(settings, dict):
        raise UserError(f"{run.path / 'config.json'} is not whole: the run cannot go on.")
    return settings


def _queued(status: dict[str, Any], epochs: int) -> dict[str, Any]:
    kept: dict[str, Any] = {
        key: status[key] for key in ("images_seen", "adjusted") if key in status
    }
    return {"state": "queued", "epoch": status.get("epoch", 0), "epochs": epochs, **kept}


def estimate(workspace: Workspace, name: str, text: str, settings: Settings) -> dict[str, Any]:
    """What a run would take, and what stands in its way: see the module `estimate`.

    Measured in a process of its own, which loads PyTorch and lets go of it again. Raises
    UserError where a setting is out of bounds or it takes too long.
    """
    flags = [
        f"--{spec.name.replace('_', '-')}={getattr(settings, spec.name)}"
        for spec in dataclasses.fields(settings)
    ]
    asked = [*queue.verb_line("train", workspace), *flags, f"--run={name}", "--estimate"]
    try:
        done = subprocess.run(  # noqa: S603
            [*asked, "--json", "--", text],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=queue.environment(),
            timeout=ESTIMATE_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"Looking at {text[:200]} took over {ESTIMATE_LIMIT_S // 60} minutes: estimate it on "
            "the command line, with train --estimate."
        ) from error
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == 2 and said:
        raise UserError(said[-1])
    if done.returncode != 0:
        log.error("%s", "\n".join(said))
        raise UserError("The estimate failed: the details are in the server's log.")
    found: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return found


# Stopping ----------------------------------------------------------------------------------


def stop(workspace: Workspace, name: str) -> None:
    """Ask a training to finish its step, save and end; or take a waiting run out of the queue.

    Raises UserError where there is nothing to stop.
    """
    run = workspace.run(name)
    with queue.held(workspace):
        for waiting in queue.queue(workspace):
            if waiting.run == run:
                waiting.path.unlink(missing_ok=True)
        if run.state() == "queued":
            run.write_status({**run.status(), "state": "stopped"})
            return
    if not run.is_held():
        raise UserError(f"The run '{name}' is not going on: there is nothing to stop.")
    with _writing(run.stop_file):
        run.stop_file.touch()


def force_stop(workspace: Workspace, name: str) -> None:
    """Kill a training that was asked to stop and has not; what it saved is kept, whole.

    Raises UserError before GRACE_S have passed since it was asked, and where it is not certain
    which process to end.
    """
    run = workspace.run(name)
    if not run.is_held():
        raise UserError(f"The run '{name}' is not going on: there is nothing to stop.")
    left = GRACE_S - _seconds_asked(run)
    if left > 0:
        raise UserError(
            f"The run '{name}' may still end by itself: stop it first, and force it only "
            f"when it has not ended {GRACE_S:.0f} s later ({left:.0f} s from now)."
        )
    process.end_by_force(run.status(), run.path / "config.json")
    if not _wait_until(lambda: not run.is_held(), DYING_S):
        raise UserError(f"The run '{name}' has not ended yet: look again in a moment.")
    with run.held():
        run.stop_file.unlink(missing_ok=True)
        message = "Ended by force: it goes on from its last saved state."
        run.write_status({**run.status(), "state": "stopped", "message": message})
    queue.pump(workspace)


def wait_for_end(run: Run, seconds: float) -> bool:
    """Whether the run's process has ended within so many seconds."""
    return _wait_until(lambda: not run.is_held(), seconds)


def may_force(run: Run) -> bool:
    """Whether a run was asked to stop so long ago that it may be ended by force."""
    return run.is_held() and _seconds_asked(run) >= GRACE_S


def _seconds_asked(run: Run) -> float:
    """How long ago the run was asked to stop; 0 if it was not."""
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


# Keeping house -----------------------------------------------------------------------------


def rename(workspace: Workspace, name: str, new: str) -> Run:
    """Give a run another name; raises UserError where it is going on or the name is taken."""
    run, renamed = workspace.run(name), Run(workspace.checkpoints / check_name(new))
    with queue.held(workspace), run.held():
        if os.path.lexists(renamed.path):
            raise UserError(f"There is already a run '{new}': use another name.")
        with _writing(renamed.path):
            run.path.rename(renamed.path)
        for waiting in queue.queue(workspace):
            if waiting.run == run:
                value = json.loads(waiting.path.read_text("utf-8"))
                files.write_json(waiting.path, {**value, "run": new})
    return renamed


def delete(workspace: Workspace, name: str) -> None:
    """Delete a run with everything in it; raises UserError where it is going on.

    It is gone at once, whole: it is moved out of sight first, then taken apart.
    """
    run = workspace.run(name)
    doomed = workspace.checkpoints / f".deleted-{os.getpid()}-{time.time_ns()}"
    with queue.held(workspace), run.held():
        for waiting in queue.queue(workspace):
            if waiting.run == run:
                waiting.path.unlink(missing_ok=True)
        with _writing(run.path):
            run.path.rename(doomed)
    for path in workspace.checkpoints.glob(".deleted-*"):
        if path.is_symlink():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise files.not_written(path, error) from error


def log_tail(run: Run, lines: int = 200) -> list[str]:
    """The last lines of a run's log."""
    try:
        with run.log_file.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_TAIL_BYTES))
            text = file.read(LOG_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    whole = text.splitlines()[1 if size > LOG_TAIL_BYTES else 0 :]
    return whole[-lines:]
