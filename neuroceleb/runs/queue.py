"""The queue: runs that wait for their device, and starting the next one. Standard library only.

One run trains at a time on a device of a workspace; the others wait in plain files,
`checkpoints/.queue/000001.json` and so on. Whoever comes by starts the next one (`pump`): a
training that ends, the app now and then, a verb. The starter takes the locks of run and device
first and hands them over to the new process: so two starters never start one run twice, and what
dies, however it dies, lets go of both.
"""

import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run, try_lock
from neuroceleb.runs.workspace import Workspace, check_name

HANDED_OVER = "NEUROCELEB_HANDED_OVER"


# What waits --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """A run in the queue: its entry's file, its device's name, and epochs if they change."""

    path: Path
    run: Run
    device: str
    epochs: int | None = None


def queue(workspace: Workspace) -> list[Waiting]:
    """The runs that wait for their device, the next one first."""
    try:
        names = sorted(os.listdir(_folder(workspace)))
    except OSError:
        return []
    entries = [_entry(workspace, _folder(workspace) / name) for name in names if _is_entry(name)]
    return [entry for entry in entries if entry is not None]


def _folder(workspace: Workspace) -> Path:
    return workspace.checkpoints / ".queue"


def _is_entry(name: str) -> bool:
    return name.endswith(".json") and name[:-5].isdecimal()


def _entry(workspace: Workspace, path: Path) -> Waiting | None:
    try:
        value = json.loads(path.read_text("utf-8"))
        name, device, epochs = value["run"], value["device"], value.get("epochs")
        run = Run(workspace.checkpoints / check_name(name))
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None
    known = device in {"cpu", "cuda"} and (epochs is None or isinstance(epochs, int))
    return Waiting(path, run, device, epochs) if known else None


def append(workspace: Workspace, run: Run, device: str, epochs: int | None = None) -> None:
    """Put a run at the end of the queue, which must be held."""
    last = max((int(waiting.path.stem) for waiting in queue(workspace)), default=0)
    value = {"run": run.name, "device": device, "epochs": epochs, "since": time.time()}
    files.write_json(_folder(workspace) / f"{last + 1:06d}.json", value)


@contextmanager
def held(workspace: Workspace) -> Iterator[None]:
    """Nobody else reads or changes the queue meanwhile."""
    with _lock_file(workspace, "lock").open("ab") as file:
        if not try_lock(file.fileno(), fcntl.LOCK_EX, patience_s=10.0):
            raise UserError("The queue is in use by another process: try again in a moment.")
        yield


def _lock_file(workspace: Workspace, name: str) -> Path:
    folder = _folder(workspace)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    except OSError as error:
        raise files.not_written(folder / name, error) from error
    return folder / name


# Devices -----------------------------------------------------------------------------------


def device_of(setting: str) -> str:
    """`cpu` or `cuda`: whom a run with this --device keeps busy.

    Told without PyTorch, which takes seconds to load: `auto` is the GPU where there is one.
    """
    return ("cuda" if _has_gpu() else "cpu") if setting == "auto" else setting


def _has_gpu() -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in {"", "-1"}:
        return False
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def busy_with(workspace: Workspace, device: str) -> str | None:
    """The name of the run that trains on this device of the workspace now; None if it is free."""
    path = _folder(workspace) / f"{device}.lock"
    try:
        with path.open("rb") as file:
            if try_lock(file.fileno(), fcntl.LOCK_SH):
                return None
            return file.read(1_024).decode("utf-8", "replace") or "?"
    except OSError:
        return None


def _take_device(workspace: Workspace, device: str, name: str) -> int | None:
    """A locked descriptor of the device's file, with the run's name in it; None if it is busy."""
    descriptor = os.open(_lock_file(workspace, f"{device}.lock"), os.O_RDWR)
    if not try_lock(descriptor, fcntl.LOCK_EX, patience_s=0.5):
        os.close(descriptor)
        return None
    with suppress(OSError):  # a full disk: the name is only for the eyes
        os.ftruncate(descriptor, 0)
        os.write(descriptor, name.encode())
    return descriptor


@contextmanager
def device_held(
    workspace: Workspace, device: str, name: str, handed_over: int | None = None
) -> Iterator[int]:
    """Keep the device for this process, and yield the descriptor of its lock.

    Raises UserError that names the run it is busy with.
    """
    taken = handed_over
    if taken is None:
        taken = _take_device(workspace, device, name)
    if taken is None:
        other = busy_with(workspace, device)
        if other == name:
            raise UserError(f"The run '{name}' is going on in another process: stop it first.")
        raise UserError(
            f"The {_spoken(device)} is busy with the run '{other}': wait until it ends, "
            "or add --queue to have this one start by itself then."
        )
    try:
        yield taken
    finally:
        os.close(taken)


def _spoken(device: str) -> str:
    return "GPU" if device == "cuda" else "CPU"


# Starting the next one -------------------------------------------------------------------


def pump(workspace: Workspace) -> list[str]:
    """Start the next run of every device that is free; the names of those started.

    Cheap where nothing waits. Entries whose run is no longer queued are dropped.
    """
    if not queue(workspace):
        return []
    started: list[str] = []
    passed: set[str] = set()
    with held(workspace):
        for waiting in queue(workspace):
            if waiting.run.state() != "queued":
                waiting.path.unlink(missing_ok=True)
            elif waiting.device not in passed:
                passed.add(waiting.device)
                if _start_waiting(workspace, waiting):
                    started.append(waiting.run.name)
    return started


def _start_waiting(workspace: Workspace, waiting: Waiting) -> bool:
    device = _take_device(workspace, waiting.device, waiting.run.name)
    if device is None:
        return False
    try:
        with waiting.run.held() as hold:
            _launch(workspace, waiting, hold.descriptor, device)
    except UserError:  # somebody took it up by hand this very moment
        return False
    finally:
        os.close(device)
    return True


def _launch(workspace: Workspace, waiting: Waiting, hold: int, device: int) -> None:
    """Start the process, and hand it the locks of its run and its device."""
    run = waiting.run
    run.stop_file.unlink(missing_ok=True)
    status = {**run.status(), "heartbeat": time.time()}
    changes = () if waiting.epochs is None else ("--epochs", str(waiting.epochs))
    try:
        run.write_status({**status, "state": "starting"})
        with run.log_file.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [*verb_line("train", workspace), "--run", run.name, "--resume", *changes],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment() | {HANDED_OVER: f"{hold},{device}"},
                pass_fds=(hold, device),
                start_new_session=True,
            )
    except (OSError, UserError) as error:
        with suppress(UserError):
            message = f"The training could not be started ({error}): mend it, then resume."
            run.write_status({**status, "state": "failed", "message": message})
    else:
        threading.Thread(target=process.wait, daemon=True, name=f"waits for {run.name}").start()
    waiting.path.unlink(missing_ok=True)


def verb_line(verb: str, workspace: Workspace) -> list[str]:
    """The beginning of a command line of ours that works from any folder."""
    root = str(workspace.root.resolve())
    return [sys.executable, "-P", "-m", "neuroceleb", verb, "--workspace", root]


def environment() -> dict[str, str]:
    """This process's environment, with this very package found first.

    Without what torchrun told this process, if it did: what is started is no part of that.
    """
    home = str(Path(__file__).resolve().parents[2])
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [home, *(path for path in others if path not in {"", home})]
    of_torchrun = {"OMP_NUM_THREADS", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"}
    left_out = of_torchrun if "TORCHELASTIC_RUN_ID" in os.environ else set()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in left_out and not name.startswith("TORCHELASTIC_")
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


# In the process that was started -----------------------------------------------------------


@dataclass
class Locks:
    """What the starter took for this process; None where it was started by hand."""

    run: int | None = None
    device: int | None = None

    def take_run(self) -> int | None:
        """The run's lock, from now on in the care of the caller."""
        taken, self.run = self.run, None
        return taken

    def take_device(self) -> int | None:
        """The device's lock, from now on in the care of the caller."""
        taken, self.device = self.device, None
        return taken


@contextmanager
def at_work(workspace: Workspace, name: str) -> Iterator[Locks]:
    """Everything a training process does, from its first line on.

    What goes wrong before the training has begun is told by the run's status too, where the
    process was started by `pump`: nobody reads its output. At the end the next one is started.
    """
    locks = _handed_over()
    try:
        yield locks
    except BaseException as error:
        if locks.run is not None:
            _tell_failure(Run(workspace.checkpoints / name), error)
        raise
    finally:
        for descriptor in (locks.take_run(), locks.take_device()):
            if descriptor is not None:
                os.close(descriptor)
        with suppress(UserError):
            pump(workspace)


def _handed_over() -> Locks:
    text = os.environ.pop(HANDED_OVER, None)
    if text is None:
        return Locks()
    if text.startswith(os.sep):
        return _fetched(text)
    run, device = map(int, text.split(","))
    for descriptor in (run, device):
        os.set_inheritable(descriptor, False)
    return Locks(run, device)


@contextmanager
def handed_on(locks: Locks) -> Iterator[dict[str, str]]:
    """Yield the environment that brings these locks to a process that others start for this one.

    torchrun closes what its processes would inherit, so the first of them fetches the descriptors
    from a socket in a folder of this user's alone. The run's is then that process's only; the
    device's is kept here, too, for its caller.
    """
    with tempfile.TemporaryDirectory(prefix="neuroceleb-") as folder:
        path = str(Path(folder) / "locks")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            hand = threading.Thread(target=_hand_on, args=(listener, locks), daemon=True)
            hand.start()
            try:
                yield {HANDED_OVER: path}
            finally:
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)  # nobody came: it need not wait any longer
                hand.join()


def _hand_on(listener: socket.socket, locks: Locks) -> None:
    run, device = locks.take_run(), locks.take_device()
    there = [descriptor for descriptor in (device, run) if descriptor is not None]
    try:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                socket.send_fds(connection, [b"locks"], there)
                connection.recv(1)  # until they have arrived
    finally:
        if run is not None:
            os.close(run)


def _fetched(path: str) -> Locks:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            _, there, _, _ = socket.recv_fds(connection, 16, 2)
    except OSError as error:
        raise UserError(
            "The process that started this one has gone: start the training again."
        ) from error
    for descriptor in there:
        os.set_inheritable(descriptor, False)
    device, *run = there
    return Locks(run[0] if run else None, device)


def _tell_failure(run: Run, error: BaseException) -> None:
    kind = type(error).__name__
    message = str(error) if isinstance(error, UserError) else f"It failed ({kind}): see log.txt."
    with suppress(UserError):
        run.write_status({**run.status(), "state": "failed", "message": message})
