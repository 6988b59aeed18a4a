"""Turns at the processor: of several requests that compute, one at a time, the smallest first."""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that is given to the request that would be done first if all were served equally.

    Small requests pass large ones, and none is later than if each got an equal share of the
    processor (the fair sojourn protocol: Friedman and Henderson, *Fairness and efficiency in web
    server protocols*, SIGMETRICS 2003). Deadlines on the clock would not do: with more work than
    time every waiting request is overdue, and a small new one waits for all of them.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._is_taken = False
        self._served = 0.0  # work that equal service would have given to each request till now
        self._ends: list[float] = []  # where `_served` will be when each of them would be done

    @contextmanager
    def request(self, work: float) -> Iterator["Request"]:
        """A request for so much work, in any unit that all requests share."""
        with self._condition:
            end = self._served + work
            heapq.heappush(self._ends, end)
            request = Request(self, (end, next(self._numbers)), work)
        try:
            yield request
        finally:
            if request.left > 0:
                self._forget(end)

    def take(self, place: tuple[float, int]) -> None:
        """Wait for the turn of the request with this place; the smallest place comes first."""
        with self._condition:
            heapq.heappush(self._waiting, place)
            try:
                self._condition.wait_for(lambda: not self._is_taken and self._waiting[0] == place)
                self._is_taken = True
            finally:  # also where a signal ends the wait
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
                if not self._is_taken:
                    self._condition.notify_all()

    def give(self, work: float) -> None:
        """End the turn, in which so much work was done."""
        with self._condition:
            self._is_taken = False
            self._share(work)
            self._condition.notify_all()

    def _share(self, work: float) -> None:
        """Divide work among all requests that equal service would not have done yet."""
        while self._ends and work > 0:
            share = min(work / len(self._ends), self._ends[0] - self._served)
            work -= share * len(self._ends)
            self._served += share
            while self._ends and self._ends[0] <= self._served:
                heapq.heappop(self._ends)

    def _forget(self, end: float) -> None:
        """Share no more work with a request that was given up."""
        with self._condition:
            if end in self._ends:
                self._ends.remove(end)
                heapq.heapify(self._ends)


class Request:
    """Work that is done in several turns; made by `Turns.request`."""

    def __init__(self, turns: Turns, place: tuple[float, int], work: float) -> None:
        self.place, self.left = place, work
        self._turns = turns

    @contextmanager
    def turn(self, work: float) -> Iterator[None]:
        """Wait for a turn, in which so much of the request's work is done."""
        self._turns.take(self.place)
        try:
            yield
        finally:
            self.left -= work
            self._turns.give(work)


FACES = Turns()  # of all threads of this process that draw or write faces; work: a face
