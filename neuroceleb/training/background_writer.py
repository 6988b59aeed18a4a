"""Writing beside the training: in order, by one thread, so that the device need not wait for it.

On the CPU, where writing takes what training needs, it is done at once. Either way it is done in
order, nothing follows what failed, and what failed is raised.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import torch

MOST_WAITING = 64  # sheets and rows; where a disk is slower than the training, that waits

Work = Callable[[], None]


class Writer:
    """Does what it is given, one after another; use it as a context, which ends when all is done.

    `do` and the end raise what failed since. Where the block raises, that is what counts.
    """

    def __init__(self, in_background: bool) -> None:
        self._pool = ThreadPoolExecutor(1, "writer") if in_background else None
        self._waiting: deque[Future[None]] = deque()
        self._has_failed = False

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        if error is None:
            self.wait()

    def do(self, work: Work) -> None:
        """Do it now or soon. What it needs must not change until then: see `copied`."""
        if self._pool is None:
            work()
            return
        self._wait_until_left(MOST_WAITING)
        self._waiting.append(self._pool.submit(self._unless_failed, work))

    def wait(self) -> None:
        """Until all that was given is done; raises what failed."""
        self._wait_until_left(0)

    def _unless_failed(self, work: Work) -> None:
        if self._has_failed:
            return
        try:
            work()
        except BaseException:
            self._has_failed = True
            raise

    def _wait_until_left(self, count: int) -> None:
        while self._waiting and (len(self._waiting) > count or self._waiting[0].done()):
            self._waiting.popleft().result()


def copied(value: Any) -> tuple[Any, Work]:
    """The value with its tensors copied off the GPU, and what to call before it is read.

    Nothing waits: the copies arrive in memory of the machine, pinned, while the GPU goes on. Of
    what is on the CPU, nothing is copied.
    """
    if not any(tensor.is_cuda for tensor in _tensors(value)):
        return value, lambda: None
    copy = _mapped(value, _pinned)
    arrived = torch.cuda.Event()
    arrived.record()
    return copy, arrived.synchronize


def _pinned(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_cuda:
        return tensor.clone()
    return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor, non_blocking=True)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from (tensor for item in value.values() for tensor in _tensors(item))
    elif isinstance(value, list | tuple):
        yield from (tensor for item in value for tensor in _tensors(item))


def _mapped(value: Any, copy: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return copy(value)
    if isinstance(value, Mapping):
        return {key: _mapped(item, copy) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, copy) for item in value)
    return value
