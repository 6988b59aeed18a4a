"""Long work that a page asks for: one at a time, a few waiting, none that nobody waits for.

The page starts an errand, then asks for its news until it is done; one that nobody has asked after
for some seconds (its tab was closed) is given up.
"""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from neuroceleb.app.translations import SORRY
from neuroceleb.errors import UserError

MOST_AT_ONCE = 6
FORGOTTEN_AFTER_S = 20.0

log = logging.getLogger(__name__)

News = dict[str, Any]


class GivenUpError(Exception):
    """Nobody wants the result any more."""


class Errand:
    """One piece of work, as its thread sees it and as its page asks after it."""

    def __init__(self, work: "Work") -> None:
        self.token = secrets.token_urlsafe(12)
        self.state = "waiting"
        self.result: News | None = None
        self.error: str | None = None
        self._work = work
        self._done = 0.0
        self._news: list[News] = []
        self._cancelled = threading.Event()
        self._asked = time.monotonic()

    def tell(self, done: float, news: News | None = None) -> None:
        """Say how far the work has come, 0..1, and what is new; raises GivenUpError."""
        self._done = done
        if news is not None:
            self._news.append(news)
        if self._cancelled.is_set() or self.is_forgotten:
            raise GivenUpError

    @property
    def is_forgotten(self) -> bool:
        return time.monotonic() - self._asked > FORGOTTEN_AFTER_S

    @property
    def is_over(self) -> bool:
        return self.state in {"done", "failed", "cancelled"}

    def cancel(self) -> None:
        self._cancelled.set()

    def look(self, since: int) -> News:
        """How it stands, and the news from number `since` on."""
        self._asked = time.monotonic()
        news = self._news[max(0, since) :]
        known = {"state": self.state, "done": round(self._done, 4), "news": news}
        return known | {"result": self.result, "error": self.error}

    def run(self) -> None:
        """Do the work, in the thread of the errands."""
        try:
            self.tell(0.0)
            self.state = "working"
            self.result = self._work(self)
            self.state = "done"
        except GivenUpError:
            self.state = "cancelled"
        except UserError as error:
            self.error, self.state = str(error), "failed"
        except Exception:
            log.exception("An errand failed")
            self.error, self.state = SORRY, "failed"
        finally:
            self._work = _nothing  # let go of what it was given, a photo for one


Work = Callable[[Errand], News]


def _nothing(_: Errand) -> News:
    return {}


TOLD_REMEMBERED = 256  # tokens of errands whose end was told


class Errands:
    """The errands of one server."""

    def __init__(self) -> None:
        self._runner = ThreadPoolExecutor(1, thread_name_prefix="errand")
        self._there: dict[str, Errand] = {}
        self._told: deque[str] = deque(maxlen=TOLD_REMEMBERED)
        self._changing = threading.Lock()

    def start(self, work: Work) -> str:
        """Begin when those before are done; its token. Raises UserError where too many wait."""
        errand = Errand(work)
        with self._changing:
            self._clear()
            if sum(not other.is_over for other in self._there.values()) >= MOST_AT_ONCE:
                raise UserError("Others are waiting for their results already: try in a minute.")
            self._there[errand.token] = errand
        self._runner.submit(errand.run)
        return errand.token

    def look(self, token: str, since: int) -> News:
        """How an errand stands; one that is over is forgotten once it was told."""
        errand = self._errand(token)
        news = errand.look(since)
        if news["state"] in {"done", "failed", "cancelled"}:
            with self._changing:
                self._told.append(token)
                self._there.pop(token, None)
        return news

    def cancel(self, token: str) -> None:
        """End an errand; one whose end was told while this was on its way is left at that."""
        if token not in self._told:
            self._errand(token).cancel()

    def _errand(self, token: str) -> Errand:
        errand = self._there.get(token)
        if errand is None:
            raise UserError("That is over and forgotten: ask for it again.")
        return errand

    def _clear(self) -> None:
        gone = [token for token, errand in self._there.items() if errand.is_forgotten]
        for token in gone:
            self._there.pop(token).cancel()
