"""Stopping a training: Ctrl-C, SIGTERM, SIGHUP, and the `stop` file of the run."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from neuroceleb import stop_signals
from neuroceleb.runs.run import Run
from neuroceleb.runs.status import Heartbeat
from neuroceleb.training import torchrun


@contextmanager
def stop_requests(run: Run, heartbeat: Heartbeat) -> Iterator[Callable[[], bool]]:
    """Yield `should_stop`: True after a stop signal, or while the `stop` file exists."""
    is_requested = False

    def request_stop() -> None:
        nonlocal is_requested
        is_requested = True

    def should_stop() -> bool:
        if is_requested or run.stop_file.exists():
            heartbeat.update(state="stopping")
            return True
        return False

    before = stop_signals.install(request_stop)
    try:
        yield should_stop
    finally:
        for number, handler in before.items():
            # When a process dies, torchrun sends SIGTERM to the others, which still report why.
            is_launched = torchrun.world_size() > 1
            signal.signal(number, signal.SIG_IGN if is_launched else handler)


def ignore() -> None:
    """Ignore the stop signals, which reach all ranks: rank 0 decides when to stop."""
    for number in stop_signals.signals():
        signal.signal(number, signal.SIG_IGN)
