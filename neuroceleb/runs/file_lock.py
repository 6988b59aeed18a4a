"""Advisory locks on open files (flock), which the system releases however a process ends."""

import fcntl
import time

SHARED = fcntl.LOCK_SH
EXCLUSIVE = fcntl.LOCK_EX


def try_lock(descriptor: int, kind: int, timeout_s: float = 0.0) -> bool:
    """Lock an open file (SHARED or EXCLUSIVE); False if it is not free within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True
