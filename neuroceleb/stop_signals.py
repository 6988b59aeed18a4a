"""The signals that ask a process to finish what it is doing and end.

SIGINT (Ctrl-C), SIGTERM, and SIGHUP (the terminal was closed or the connection lost).
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

HANGUP: int | None = getattr(signal, "SIGHUP", None)  # not on Windows

Handlers = dict[int, Any]


def signals() -> tuple[int, ...]:
    """The signals to handle; without SIGHUP where `nohup` has it ignored."""
    is_handled = HANGUP is not None and signal.getsignal(HANGUP) is not signal.SIG_IGN
    hangup = (HANGUP,) if HANGUP is not None and is_handled else ()
    return (signal.SIGINT, signal.SIGTERM, *hangup)


def install(request_stop: Callable[[], None]) -> Handlers:
    """Call `request_stop` on every stop signal; returns the handlers before.

    After SIGHUP, output to the terminal that has gone is discarded instead of failing.
    """
    terminals = [number for number in (1, 2) if _is_terminal(number)]

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == HANGUP:
            _discard(terminals)
        request_stop()

    return {number: signal.signal(number, handle) for number in signals()}


def restore(before: Handlers) -> None:
    """Set the handlers that `install` returned."""
    for number, handler in before.items():
        signal.signal(number, handler)


def _is_terminal(descriptor: int) -> bool:
    with suppress(OSError):
        return os.isatty(descriptor)
    return False


def _discard(descriptors: list[int]) -> None:
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in descriptors:
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
    with suppress(OSError, ValueError):
        sys.stderr.flush()
