"""The identity of the process that trains a run, and killing that process and no other.

psutil's identity (pid and creation time) would not do: its creation time shifts when the clock is
set, and a machine that only trains has no psutil.
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuroceleb.errors import UserError

PROC = Path("/proc")
IDENTITY = frozenset({"pid", "start_ticks", "boot_id"})


def identity(pid: int | None = None) -> dict[str, Any]:
    """The fields of status.json that identify a process: `pid`, `start_ticks`, `boot_id`.

    By default of this process. The system reuses a pid sooner or later, but never with the same
    start (clock ticks after boot) in the same boot. On systems other than Linux only the pid.
    """
    pid = os.getpid() if pid is None else pid
    fields: dict[str, Any] = {"pid": pid}
    with suppress(OSError, ValueError, IndexError):
        text = (PROC / str(pid) / "stat").read_text("ascii", errors="replace")
        fields["start_ticks"] = int(text.rpartition(")")[2].split()[19])
        fields["boot_id"] = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    return fields


def is_suspended(status: dict[str, Any]) -> bool:
    """Whether the process that a status.json names waits to be continued (SIGSTOP, Ctrl-Z).

    False where the system does not say.
    """
    pid = status.get("pid")
    if not isinstance(pid, int) or pid <= 1 or not _is_the_same(status, identity(pid)):
        return False
    return _state(pid).startswith(("T", "t"))


def _state(pid: int) -> str:
    """The letters of the state of a process, as `ps` shows them; "" where it is not known."""
    with suppress(OSError, IndexError):
        text = (PROC / str(pid) / "stat").read_text("ascii", errors="replace")
        return text.rpartition(")")[2].split()[0]
    with suppress(OSError, subprocess.SubprocessError):
        command = ["ps", "-o", "state=", "-p", str(pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
        return done.stdout.strip()
    return ""


def kill(status: dict[str, Any], locked_file: Path) -> None:
    """Kill (SIGKILL) the process that a status.json names, if its identity is certain.

    It is certain if pid, start and boot are those of the status, the command line is that of a
    training, and the process has `locked_file`, which it locks while it trains, open: a status
    that somebody made up names no other process. The check and the signal go through one
    pidfd, so the signal cannot reach another process that was given the pid in between. Raises
    UserError, with the pid, otherwise.
    """
    pid = status.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 1:
        raise UserError("The run does not say which process trains it: wait until it has begun.")
    if not hasattr(os, "pidfd_open"):
        raise UserError(
            "This system cannot identify processes: end process {pid} yourself.", pid=pid
        )
    try:
        pidfd = os.pidfd_open(pid)
    except OSError as error:
        raise _not_the_process(pid) from error
    try:
        is_the_same = status.keys() >= IDENTITY and _is_the_same(status, identity(pid))
        if not (is_the_same and _trains(pid) and _has_open(pid, locked_file)):
            raise _not_the_process(pid)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except PermissionError as error:
        raise UserError(
            "Process {pid} belongs to another user: ask them, or end it as administrator.", pid=pid
        ) from error
    finally:
        os.close(pidfd)


def _not_the_process(pid: int) -> UserError:
    return UserError(
        "Process {pid} is not the one that trains this run (any more), so it was left alone: "
        "look at the run again; if it is still running, it is on another machine or in another "
        "container, and has to be ended there.",
        pid=pid,
    )


def _is_the_same(status: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether the fields in both agree; the oldest runs have the pid only."""
    keys = ("pid", "start_ticks", "boot_id")
    return all(status[key] == found.get(key) for key in keys if key in status)


def _trains(pid: int) -> bool:
    """Whether the command line is one of ours with the verb `train`."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    programs = [index for index, word in enumerate(words) if word.endswith(b"neuroceleb")]
    return any(words[index + 1 : index + 2] == [b"train"] for index in programs)


def _has_open(pid: int, path: Path) -> bool:
    wanted = path.stat()
    for link in (PROC / str(pid) / "fd").iterdir():
        with suppress(FileNotFoundError):
            if os.path.samestat(link.stat(), wanted):
                return True
    return False
