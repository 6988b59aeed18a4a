"""Untrusted files are read in a child whose memory and time are bounded."""

import os
import time
from pathlib import Path

import pytest

from neuroceleb import limited
from neuroceleb.errors import UserError
from neuroceleb.limited import LimitExceededError

HERE = f"{__name__}:"


def double(text: str) -> str:
    return 2 * text


def refuse(name: str) -> None:
    raise UserError("The file '{name}' is refused.", name=name)


def allocate(megabytes: str) -> int:
    return len(bytearray(int(megabytes) * 2**20))


def die(_: str) -> None:
    os._exit(3)


def wait(_: str) -> None:
    time.sleep(60)


def test_the_result_and_the_sentence_come_back() -> None:
    assert limited.call(HERE + "double", ["얼굴\n"], 2**20) == "얼굴\n얼굴\n"
    with pytest.raises(UserError, match=r"^The file 'a\.p' is refused\.$") as refusal:
        limited.call(HERE + "refuse", ["a.p"], 2**20)
    assert refusal.value.message.text == "The file '{name}' is refused."


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_too_much_memory_is_an_error_of_the_call_alone() -> None:
    assert limited.call(HERE + "allocate", ["50"], 100 * 2**20) == 50 * 2**20
    with pytest.raises(LimitExceededError, match="memory"):
        limited.call(HERE + "allocate", ["500"], 100 * 2**20)
    assert limited.call(HERE + "allocate", ["500"], 600 * 2**20) == 500 * 2**20


def test_a_child_that_dies_or_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitExceededError, match="exit code 3"):
        limited.call(HERE + "die", [""], 2**20)
    monkeypatch.setattr(limited, "TIMEOUT_S", 1.0)
    with pytest.raises(LimitExceededError, match="took over 1 s"):
        limited.call(HERE + "wait", [""], 2**20)
    monkeypatch.setattr(limited, "TIMEOUT_S", 60.0)
    assert limited.call(HERE + "double", ["a"], 2**20) == "aa"


def test_this_process_is_limited_for_the_block_only() -> None:
    with pytest.raises(MemoryError), limited.memory_limited(2**20):
        bytearray(2**30)
    assert len(bytearray(2**28)) == 2**28
