"""Work that the app repeats in the background."""

import threading
from collections.abc import Callable
from contextlib import suppress

from neuroceleb.errors import UserError


def repeat(
    name: str, every_s: float, work: Callable[[threading.Event], object]
) -> Callable[[], None]:
    """Call `work` every so many seconds in a daemon thread; returns the function that ends it.

    `work` gets the event that is set at the end. A UserError or OSError is left to the next call.
    """
    ended = threading.Event()

    def loop() -> None:
        while not ended.wait(every_s):
            with suppress(UserError, OSError):
                work(ended)

    threading.Thread(target=loop, daemon=True, name=name).start()
    return ended.set
