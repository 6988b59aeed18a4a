"""Handing the locks of a run and its device over to the process that trains it.

Whoever starts a training acquires both locks first and passes their descriptors on. So a run
never starts twice, and the locks are released when the training process ends, however it ends.
"""

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from neuroceleb.errors import UserError

VARIABLE = "NEUROCELEB_HANDED_OVER"  # "RUN,DEVICE" descriptors, or the path of a socket


@dataclass
class Locks:
    """Descriptors that were handed over to this process; None if it was started by hand."""

    run: int | None = None
    device: int | None = None

    def take_run(self) -> int | None:
        """The descriptor of the run's lock; the caller closes it from now on."""
        taken, self.run = self.run, None
        return taken

    def take_device(self) -> int | None:
        """The descriptor of the device's lock; the caller closes it from now on."""
        taken, self.device = self.device, None
        return taken

    def close(self) -> None:
        """Release the locks that were not taken."""
        for descriptor in (self.take_run(), self.take_device()):
            if descriptor is not None:
                os.close(descriptor)


def receive() -> Locks:
    """The locks that the starter of this process handed over. Raises UserError if it has gone."""
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return Locks()
    if text.startswith(os.sep):
        return _receive_from(text)
    run, device = map(int, text.split(","))
    for descriptor in (run, device):
        os.set_inheritable(descriptor, False)
    return Locks(run, device)


def _receive_from(path: str) -> Locks:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            _, descriptors, _, _ = socket.recv_fds(connection, 16, 2)
    except OSError as error:
        raise UserError(
            "The process that started this one has gone: start the training again."
        ) from error
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    device, *run = descriptors
    return Locks(run[0] if run else None, device)


@contextmanager
def offered(locks: Locks) -> Iterator[dict[str, str]]:
    """Offer the locks to a grandchild; yields the environment variables it needs for `receive`.

    torchrun closes all descriptors that its processes would inherit, so the first of them receives
    these through a socket in a folder that only this user can open. The run's lock then belongs to
    that process alone; the caller keeps the device's, too.
    """
    with tempfile.TemporaryDirectory(prefix="neuroceleb-") as folder:
        path = str(Path(folder) / "locks")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            sender = threading.Thread(target=_send, args=(listener, locks), daemon=True)
            sender.start()
            try:
                yield {VARIABLE: path}
            finally:
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)  # ends `accept` if nobody connected
                sender.join()


def _send(listener: socket.socket, locks: Locks) -> None:
    run, device = locks.take_run(), locks.take_device()
    descriptors = [descriptor for descriptor in (device, run) if descriptor is not None]
    try:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                socket.send_fds(connection, [b"locks"], descriptors)
                connection.recv(1)  # until they have arrived
    finally:
        if run is not None:
            os.close(run)
