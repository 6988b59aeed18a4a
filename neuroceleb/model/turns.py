"""Turns at the processor: of several threads that compute, one at a time, the most urgent first."""

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that is given to the waiting thread whose work is due first.

    Work that is due at its arrival plus its cost lets small requests pass large ones, and keeps
    none waiting for ever (earliest deadline first: Liu and Layland, JACM 1973).
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._is_taken = False

    @contextmanager
    def turn(self, due: float) -> Iterator[None]:
        """Wait for the turn of work that is due then (seconds of any one clock)."""
        self._take(due)
        try:
            yield
        finally:
            with self._condition:
                self._is_taken = False
                self._condition.notify_all()

    def _take(self, due: float) -> None:
        with self._condition:
            entry = (due, next(self._numbers))
            heapq.heappush(self._waiting, entry)
            try:
                self._condition.wait_for(lambda: not self._is_taken and self._waiting[0] == entry)
                self._is_taken = True
            finally:  # also where a signal ends the wait
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
                if not self._is_taken:
                    self._condition.notify_all()


FACES = Turns()  # of all threads of this process that draw or write faces
SECONDS_A_FACE = 0.02  # about what a face costs: drawn, encoded and written


def due(count: int) -> float:
    """When work on so many faces is due that is asked for now, for `FACES.turn`."""
    return time.monotonic() + SECONDS_A_FACE * count
