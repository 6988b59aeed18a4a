"""Starting the queued runs, each in a process of its own. Standard library only.

There is no scheduler process. Whoever comes by calls `start_next`: a training that ends, the app
every few seconds, a verb of the command line. It acquires the locks of run and device first and
hands them over to the new process (`handover`).
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neuroceleb import files, records
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import device_lock, handover, queue
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

log = logging.getLogger(__name__)

# Added to the environment of a process: it writes its UserError as `Message.to_json`.
JSON_ERRORS = {"NEUROCELEB_ERRORS": "json"}
# What torchrun sets for its processes, which a process started by one of them must not see.
TORCHRUN_VARIABLES = frozenset(
    {"OMP_NUM_THREADS", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"}
)


def start_next(workspace: Workspace) -> list[str]:
    """Start the next queued run of every device that is free; returns the names of those started.

    Cheap if the queue is empty. Entries of runs whose state is no longer `queued` are removed.
    """
    if not queue.entries(workspace):
        return []
    started: list[str] = []
    devices_seen: set[str] = set()
    with queue.locked(workspace):
        for entry in queue.entries(workspace):
            state = entry.run.state()
            if state == "damaged":
                log.warning("%s", entry.run.status().get("message"))
            elif state != "queued":
                files.remove(entry.path)
            elif entry.device not in devices_seen:
                devices_seen.add(entry.device)
                if _start(workspace, entry):
                    started.append(entry.run.name)
    return started


def _start(workspace: Workspace, entry: queue.Entry) -> bool:
    """Whether the run of this entry was started, or failed to start; False if it is locked."""
    device = device_lock.acquire(workspace, entry.device, entry.run.name)
    if device is None:
        return False
    try:
        with entry.run.locked() as lock:
            _launch(workspace, entry, lock.descriptor, device)
    except UserError:  # somebody resumed it by hand this very moment
        return False
    finally:
        os.close(device)
    return True


def _launch(workspace: Workspace, entry: queue.Entry, run_lock: int, device: int) -> None:
    run = entry.run
    files.remove(run.stop_file)
    status = {**run.status(), "heartbeat": time.time()}
    changes = () if entry.epochs is None else ("--epochs", str(entry.epochs))
    try:
        run.write_status({**status, "state": "starting"})
        with files.open_to_write(run.log_file, appends=True) as log:
            process = subprocess.Popen(  # noqa: S603
                [*command_line("train", workspace), "--run", run.name, "--resume", *changes],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment() | {handover.VARIABLE: f"{run_lock},{device}"},
                pass_fds=(run_lock, device),
                start_new_session=True,
            )
    except (OSError, UserError) as error:
        with suppress(UserError):
            reason = error.message if isinstance(error, UserError) else str(error)
            message = Message(
                "The training could not be started ({reason}): fix that, then resume.",
                reason=reason,
            )
            run.write_status({**status, "state": "failed", **message.as_fields("message")})
    else:
        threading.Thread(target=process.wait, daemon=True, name=f"waits for {run.name}").start()
    files.remove(entry.path)


def command_line(verb: str, workspace: Workspace) -> list[str]:
    """The first arguments of a command line of this program, usable from any folder."""
    root = str(files.absolute(workspace.root))
    return [sys.executable, "-P", "-m", "neuroceleb", verb, "--workspace", root]


def message_of(line: str) -> Message:
    """The message in a line that a process with JSON_ERRORS wrote to stderr; else the line."""
    with suppress(ValueError, RecursionError):
        return Message.from_json(json.loads(line))
    return Message(line)


def run_verb(workspace: Workspace, verb: str, options: list[str], limit_s: float) -> dict[str, Any]:
    """Run a verb of the command line in its own process, to its end; the JSON that it prints.

    Raises UserError with the verb's own message, or where it takes over `limit_s` seconds.
    """
    try:
        done = subprocess.run(  # noqa: S603
            [*command_line(verb, workspace), *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment() | JSON_ERRORS,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            "It took over {minutes:.0f} minutes: use the command line.", minutes=limit_s / 60
        ) from error
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == 2 and lines:
        raise UserError(message_of(lines[-1]))
    if done.returncode != 0:
        log.error("%s", "\n".join(lines))
        raise UserError("Something went wrong on the server: the details are in its log.")
    result: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return result


def environment() -> dict[str, str]:
    """This process's environment for a child, in which this very package is found first."""
    home = str(Path(__file__).resolve().parents[2])
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [home, *(path for path in others if path not in {"", home})]
    left_out = TORCHRUN_VARIABLES if "TORCHELASTIC_RUN_ID" in os.environ else frozenset()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in left_out and not name.startswith("TORCHELASTIC_")
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def training_process(workspace: Workspace, name: str) -> Iterator[handover.Locks]:
    """The whole work of a process that trains the run `name`; yields the locks handed over to it.

    If it was started by `start_next`, nobody reads its output, so an exception raised before the
    training has begun is written to the run's status as well. At the end the next run is started.
    """
    locks = handover.receive()
    try:
        yield locks
    except BaseException as error:
        if locks.run is not None:
            _write_failure(Run(workspace.checkpoints / name), error)
        raise
    finally:
        locks.close()
        with suppress(UserError):
            start_next(workspace)


def _write_failure(run: Run, error: BaseException) -> None:
    message = Message("It failed ({kind}): see log.txt.", kind=type(error).__name__)
    if isinstance(error, UserError):
        message = error.message
    with suppress(UserError):
        status = run.status()
        if status["state"] == "damaged":
            records.set_aside(run.path / "status.json")
        run.write_status({**status, "state": "failed", **message.as_fields("message")})
