"""Turns: one thread at a time, the smallest request first, and none starved."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.model.turns import Turns
from tests import helpers


def in_threads(turns: Turns, works: list[Callable[[], None]]) -> None:
    """Let each work wait for a turn before the first of them gets one."""
    with turns.request(0) as first, first.turn(0):
        threads = [threading.Thread(target=work) for work in works]
        for number, thread in enumerate(threads, 1):
            thread.start()
            helpers.wait_for(lambda number=number: len(turns._waiting) == number)
    for thread in threads:
        thread.join()


def working(
    turns: Turns, sizes: list[int], order: list[int], batch: int
) -> list[Callable[[], None]]:
    """One request of each size, which notes its number at every turn."""

    def work(number: int) -> None:
        with turns.request(sizes[number]) as request:
            while request.left > 0:
                with request.turn(min(request.left, batch)):
                    order.append(number)

    return [lambda number=number: work(number) for number in range(len(sizes))]


@given(st.lists(st.integers(1, 10), min_size=1, max_size=6))
def test_those_that_wait_come_in_the_order_of_their_work(sizes: list[int]) -> None:
    turns, order = Turns(), list[int]()
    in_threads(turns, working(turns, sizes, order, batch=10))
    assert order == sorted(range(len(sizes)), key=lambda number: sizes[number])
    assert turns._served == pytest.approx(max(sizes))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), min_size=1, max_size=8))
def test_no_request_is_done_later_than_by_equal_shares(arrivals: list[tuple[int, int]]) -> None:
    """Simulated: a unit of work in a unit of time; arrivals are (time, work)."""
    ends = _served_by_turns(arrivals)
    equal = _served_equally(arrivals)
    for end, at_most in zip(ends, equal, strict=True):
        assert end <= at_most + 1 + 1e-6  # the unit that is being done when it arrives


def _served_by_turns(arrivals: list[tuple[int, int]]) -> list[float]:
    turns, stack, ends = Turns(), ExitStack(), [0.0] * len(arrivals)
    places: dict[int, tuple[float, int]] = {}
    left = {number: work for number, (_, work) in enumerate(arrivals)}
    now = 0
    while left:
        for number, (at, work) in enumerate(arrivals):
            if at <= now and number not in places:
                places[number] = stack.enter_context(turns.request(work)).place
        waiting = [number for number in left if number in places]
        now += 1
        if waiting:
            first = min(waiting, key=places.__getitem__)
            turns.take(places[first])
            turns.give(1)
            left[first] -= 1
            if not left[first]:
                del left[first]
                ends[first] = now
    return ends


def _served_equally(arrivals: list[tuple[int, int]]) -> list[float]:
    left = dict(enumerate(float(work) for _, work in arrivals))
    ends, now = [0.0] * len(arrivals), 0.0
    while left:
        here = [number for number in left if arrivals[number][0] <= now]
        coming = [arrivals[n][0] for n in left if arrivals[n][0] > now]
        step = min([left[n] * len(here) for n in here] + [at - now for at in coming])
        now += step
        for number in here:
            left[number] -= step / len(here)
            if left[number] < 1e-9:
                del left[number]
                ends[number] = now
    return ends


def test_a_small_request_does_not_wait_for_large_ones_that_are_late() -> None:
    turns = Turns()
    stack = ExitStack()
    large = [stack.enter_context(turns.request(256)) for _ in range(16)]
    with large[0].turn(200):  # they are as late as may be by the clock
        pass
    small = stack.enter_context(turns.request(1))
    assert small.place < min(request.place for request in large)


def test_one_thread_at_a_time_has_the_turn() -> None:
    turns = Turns()
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            with turns.request(1) as request, request.turn(1):
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
    turns = Turns()
    with pytest.raises(RuntimeError), turns.request(1) as one, one.turn(1):
        raise RuntimeError

    def interrupted(_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(turns._condition, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt), turns.request(1) as one, one.turn(1):
            pass
    with turns.request(1) as one, one.turn(1):
        pass


def test_a_request_that_is_given_up_takes_no_share() -> None:
    turns = Turns()
    with turns.request(5) as given_up, given_up.turn(1):
        pass
    with turns.request(10) as request, request.turn(10):
        pass
    assert turns._ends == []
