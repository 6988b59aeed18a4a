"""Locks are handed over through a socket to a process that inherits nothing."""

import os
from pathlib import Path

import pytest

from neuroceleb.errors import UserError
from neuroceleb.runs import handover
from neuroceleb.runs.handover import Locks


def test_a_process_that_inherits_no_descriptors_receives_the_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("run", "device"):
        (tmp_path / name).write_text(name)
    run, device = (os.open(tmp_path / name, os.O_RDONLY) for name in ("run", "device"))
    with handover.offered(Locks(run, device)) as environment:
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        received = handover.receive()
        assert received.run is not None
        assert received.device is not None
        assert os.read(received.run, 9) == b"run"
        assert os.read(received.device, 9) == b"device"
        assert not os.get_inheritable(received.run)
        assert handover.VARIABLE not in os.environ
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(run)  # now the other process's alone
    os.fstat(device)  # kept by its caller
    for descriptor in (device, received.run, received.device):
        os.close(descriptor)


def test_locks_that_nobody_receives(tmp_path: Path) -> None:
    device = os.open(tmp_path, os.O_RDONLY)
    with handover.offered(Locks(None, device)) as environment:
        pass
    os.close(device)
    with pytest.raises(UserError, match="has gone"):
        handover._receive_from(environment[handover.VARIABLE])
