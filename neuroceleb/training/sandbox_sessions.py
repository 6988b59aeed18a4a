"""The open sandboxes of the page's visitors: one a session, a few in all, closed when idle."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection

from neuroceleb.errors import UserError
from neuroceleb.training.sandbox import Sandbox

MAX_OPEN = 2  # a sandbox of width 64 takes up to half a gigabyte
EXPIRY_S = 15 * 60.0


class Sandboxes:
    """At most `most` sandboxes by session; each is dropped after `expiry_s` seconds without use.

    A timer drops them, so that their memory is freed though nobody asks for anything. All of them
    hold faces of their run's photos; `close_of` drops those of some runs.
    """

    def __init__(
        self,
        most: int = MAX_OPEN,
        expiry_s: float = EXPIRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._expiry_s = expiry_s
        self._clock = clock
        self._open: OrderedDict[str, tuple[Sandbox, float]] = OrderedDict()  # least used first
        self._runs: dict[str, str] = {}  # by session
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def put(self, session: str, sandbox: Sandbox, run: str = "") -> None:
        """Keep a session's sandbox in place of its former one, and of the least used beyond.

        `run` is the name of the run that it is a copy of.
        """
        with self._lock:
            self._use(session, sandbox)
            self._runs[session] = run
            while len(self._open) > self._most:
                self._drop(next(iter(self._open)))
            self._start_timer()

    def get(self, session: str) -> Sandbox:
        """The sandbox of a session; raises UserError where it has none any more."""
        self.drop_expired()
        with self._lock:
            if session not in self._open:
                raise UserError("The sandbox was closed after a while without use: open it again.")
            sandbox, _ = self._open[session]
            self._use(session, sandbox)
            return sandbox

    def close(self, session: str) -> None:
        """Drop a session's sandbox, if it has one."""
        with self._lock:
            self._drop(session)

    def close_of(self, runs: Collection[str]) -> None:
        """Drop every sandbox that is a copy of one of these runs."""
        with self._lock:
            for session in [one for one, run in self._runs.items() if run in runs]:
                self._drop(session)

    def drop_expired(self) -> None:
        """Drop every sandbox that was not used for `expiry_s` seconds."""
        with self._lock:
            now = self._clock()
            for session, (_, used) in list(self._open.items()):
                if now - used >= self._expiry_s:
                    self._drop(session)

    def __len__(self) -> int:
        return len(self._open)

    def _drop(self, session: str) -> None:
        self._open.pop(session, None)
        self._runs.pop(session, None)

    def _use(self, session: str, sandbox: Sandbox) -> None:
        self._open[session] = sandbox, self._clock()
        self._open.move_to_end(session)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._expiry_s / 4, self._on_timer)
            self._timer.daemon = True
            self._timer.start()

    def _on_timer(self) -> None:
        self.drop_expired()
        with self._lock:
            self._timer = None
            if self._open:
                self._start_timer()
