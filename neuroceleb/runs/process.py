"""Which process works on a run, told by more than a number; and ending that one, never another."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuroceleb.errors import UserError

PROC = Path("/proc")


def identity(pid: int | None = None) -> dict[str, Any]:
    """What status.json says of a process: `pid`, and when and since which boot it runs.

    By default of this one. A number alone is given to another process sooner or later; number,
    start (clock ticks after boot) and boot together never. Where the system tells no more than
    the number (not Linux), only that.
    """
    pid = os.getpid() if pid is None else pid
    known: dict[str, Any] = {"pid": pid}
    with suppress(OSError, ValueError, IndexError):
        text = (PROC / str(pid) / "stat").read_text("ascii", errors="replace")
        known["start_ticks"] = int(text.rpartition(")")[2].split()[19])
        known["boot_id"] = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    return known


def end_by_force(status: dict[str, Any], held_file: Path) -> None:
    """Kill the process that a status.json names, if it is certain to be the one.

    Certain is: the number, start and boot are those of the status, and the process has
    `held_file`, the file it locks while it works, open. The process is pinned first (a pidfd),
    then looked at, then killed: so the signal cannot reach another that was given the number in
    between. Raises UserError where it is not certain, naming the number.
    """
    pid = status.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 1:
        raise UserError("The run does not say which process trains it: wait until it has begun.")
    if not hasattr(os, "pidfd_open"):
        raise UserError(f"This system cannot tell processes apart: end process {pid} yourself.")
    try:
        pinned = os.pidfd_open(pid)
    except OSError as error:
        raise _stranger(pid) from error
    try:
        if not (_is_the_same(status, identity(pid)) and _has_open(pid, held_file)):
            raise _stranger(pid)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pinned, signal.SIGKILL)
    except PermissionError as error:
        raise UserError(
            f"Process {pid} belongs to another user: ask them, or end it as administrator."
        ) from error
    finally:
        os.close(pinned)


def _stranger(pid: int) -> UserError:
    return UserError(
        f"Process {pid} is not the one that trains this run (any more), so it was left alone: "
        "look at the run again; if it is still going on, it is on another machine or in another "
        "container, and has to be ended there."
    )


def _is_the_same(status: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether what is known of both agrees; runs of older versions noted the number only."""
    keys = ("pid", "start_ticks", "boot_id")
    return all(status[key] == found.get(key) for key in keys if key in status)


def _has_open(pid: int, path: Path) -> bool:
    wanted = path.stat()
    for link in (PROC / str(pid) / "fd").iterdir():
        with suppress(FileNotFoundError):
            if os.path.samestat(link.stat(), wanted):
                return True
    return False
