"""Turns: one thread at a time, the most urgent first, and none lost."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.model import turns
from neuroceleb.model.turns import Turns
from tests import helpers


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6))
def test_those_that_wait_come_in_the_order_in_which_they_are_due(dues: list[float]) -> None:
    one = Turns()
    order: list[float] = []

    def work(due: float) -> None:
        with one.turn(due):
            order.append(due)

    with one.turn(0.0):
        threads = [threading.Thread(target=work, args=(due,)) for due in dues]
        for thread in threads:
            thread.start()
        helpers.wait_for(lambda: len(one._waiting) == len(dues))
        assert order == []
    for thread in threads:
        thread.join()
    assert order == sorted(dues)


def test_one_thread_at_a_time_has_the_turn() -> None:
    one = Turns()
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            with one.turn(float(number)):
                inside.append(number)
                most.append(len(inside))
                time.sleep(0.0001)
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 160
    assert max(most) == 1


def test_who_fails_or_stops_waiting_blocks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Turns()
    with pytest.raises(RuntimeError), one.turn(0.0):
        raise RuntimeError

    def interrupted(_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(one._condition, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt), one.turn(0.0):
            pass
    with one.turn(1.0):
        pass


def test_a_large_request_is_due_later() -> None:
    assert turns.due(256) - turns.due(1) > 1
