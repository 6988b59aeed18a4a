"""Work that is repeated in the background."""

import threading

from neuroceleb.app import background
from neuroceleb.errors import UserError
from tests import helpers


def test_repeated_work_survives_user_errors_and_ends() -> None:
    calls: list[threading.Event] = []

    def work(is_ended: threading.Event) -> None:
        calls.append(is_ended)
        raise UserError("Busy.")

    stop = background.repeat("test", 0.001, work)
    helpers.wait_for(lambda: len(calls) > 2)
    stop()
    assert calls[0].is_set()
