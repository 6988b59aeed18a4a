"""Signals that end a process in good order."""

import os
import pty
import signal
import subprocess
import sys

from neuroceleb import stop_signals
from tests import helpers


def test_every_stop_signal_is_handled_and_restored() -> None:
    before = [signal.getsignal(number) for number in stop_signals.signals()]
    asked: list[int] = []
    handlers = stop_signals.install(lambda: asked.append(1))
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
    finally:
        stop_signals.restore(handlers)
    assert asked == [1, 1, 1]
    assert [signal.getsignal(number) for number in stop_signals.signals()] == before


def test_nohup_keeps_its_meaning() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in stop_signals.signals()
    finally:
        signal.signal(signal.SIGHUP, before)


CLOSED = """
import sys, time
from pathlib import Path
from neuroceleb import stop_signals
asked = []
stop_signals.install(lambda: asked.append(1))
print("ready", flush=True)
while not asked: time.sleep(0.01)
print("this goes nowhere", flush=True)
print("this, too", file=sys.stderr, flush=True)
Path(sys.argv[1]).write_text("ended in good order")
"""


def test_output_to_a_closed_terminal_does_not_fail(tmp_path: object) -> None:
    master, terminal = pty.openpty()
    result = f"{tmp_path}/result"
    process = subprocess.Popen(
        [sys.executable, "-c", CLOSED, result],
        env=helpers.environment(),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    said = b""
    while not said.endswith(b"\n"):  # the end of the line may come later
        said += os.read(master, 100)
    assert said == b"ready\r\n"
    os.close(master)  # the window is closed
    process.send_signal(signal.SIGHUP)
    assert process.wait(helpers.PATIENCE_S) == 0
    with open(result) as file:
        assert file.read() == "ended in good order"
