"""Locks on files, between processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from neuroceleb import file_lock
from neuroceleb.errors import Message, UserError
from tests import helpers

BUSY = Message("It is in use: wait.")
HOLD = """
import sys, time
from pathlib import Path
from neuroceleb import file_lock
from neuroceleb.errors import Message
with file_lock.held(Path(sys.argv[1]), Message("busy")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_by_one_process_and_released_when_it_dies(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not file_lock.is_held(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], env=helpers.environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert file_lock.is_held(path)
        with pytest.raises(UserError, match="It is in use"), file_lock.held(path, BUSY):
            pytest.fail("two processes hold one lock")
        process.kill()
    assert not file_lock.is_held(path)
    with file_lock.held(path, BUSY):
        assert file_lock.is_held(path)
    with pytest.raises(UserError, match="could not be written"):
        file_lock.held(tmp_path / "nowhere" / "x", BUSY).__enter__()
