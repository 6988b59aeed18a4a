"""Device locks: one run at a time trains on a device of a workspace.

The lock files `checkpoints/.queue/cpu.lock` and `cuda.lock` hold the name of the run that has the
device.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.file_lock import EXCLUSIVE, SHARED, LocksUnsupportedError, try_lock
from neuroceleb.runs.workspace import Workspace


def device_for(setting: str) -> str:
    """The device, `cpu` or `cuda`, that a run with this --device occupies.

    `auto` is the GPU where there is one. That is found without PyTorch, which takes seconds to
    load.
    """
    return ("cuda" if _has_gpu() else "cpu") if setting == "auto" else setting


def _has_gpu() -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in {"", "-1"}:
        return False
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def holder(workspace: Workspace, device: str) -> str | None:
    """The name of the run that occupies this device of the workspace; None if it is free."""
    try:
        path = workspace.queue_folder / f"{device}.lock"
        with files.open_regular(path) as file:
            if try_lock(file.fileno(), SHARED, path):
                return None
            return file.read(1_024).decode("utf-8", "replace") or "?"
    except (OSError, LocksUnsupportedError):
        return None


def acquire(workspace: Workspace, device: str, run_name: str) -> int | None:
    """A locked descriptor of the device's lock file; None if the device is occupied."""
    path = workspace.lock_file(f"{device}.lock")
    descriptor = os.open(path, os.O_RDWR)
    try:
        is_acquired = try_lock(descriptor, EXCLUSIVE, path, timeout_s=0.5)
    except LocksUnsupportedError:
        os.close(descriptor)
        raise
    if not is_acquired:
        os.close(descriptor)
        return None
    with suppress(OSError):  # a full disk: the name is only shown to people
        os.ftruncate(descriptor, 0)
        os.write(descriptor, run_name.encode())
    return descriptor


@contextmanager
def locked(
    workspace: Workspace, device: str, run_name: str, inherited: int | None = None
) -> Iterator[int]:
    """Lock the device for this process; yields the descriptor of the lock.

    `inherited` is the descriptor of a lock that the process that started this one acquired.
    Raises UserError, with the name of the run that occupies the device, if it is not free.
    """
    descriptor = acquire(workspace, device, run_name) if inherited is None else inherited
    if descriptor is None:
        other = holder(workspace, device)
        if other == run_name:
            raise UserError(
                "The run '{name}' is running in another process: stop it first.",
                name=run_name,
            )
        name = "GPU" if device == "cuda" else "CPU"
        raise UserError(
            "The {device} is busy with the run '{name}': wait until it ends, or add --queue to "
            "have this one start by itself then.",
            device=name,
            name=other,
        )
    try:
        yield descriptor
    finally:
        os.close(descriptor)
