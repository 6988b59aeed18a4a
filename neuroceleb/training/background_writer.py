"""Writing files in a background thread, in order, while the GPU continues to train.

On the CPU, where a second thread would slow the training down, files are written at once. Either
way tasks run in order, none runs after one that failed, and the error is raised.
"""

import operator
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import torch

MAX_PENDING = 64  # tasks; with a disk slower than the training, `submit` blocks

Task = Callable[[], None]


class Writer:
    """Runs tasks one after another. A context manager that ends when all tasks have run.

    `run_task` runs each of them (see `Reserve.writing`).

    `submit`, `wait` and the end of the block raise the error of a failed task, except that an error
    of the block itself takes precedence.
    """

    def __init__(
        self, in_background: bool, run_task: Callable[[Task], None] = operator.call
    ) -> None:
        self._run_task = run_task
        self._pool = ThreadPoolExecutor(1, "writer") if in_background else None
        self._pending: deque[Future[None]] = deque()
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

    def submit(self, task: Task) -> None:
        """Run the task now or later. Its data must not change until then: see `copy_to_host`."""
        if self._pool is None:
            self._run_task(task)
            return
        self._wait_for_pending(MAX_PENDING)
        self._pending.append(self._pool.submit(self._run_unless_failed, task))

    def wait(self) -> None:
        """Wait until all tasks have run; raises the error of a failed one."""
        self._wait_for_pending(0)

    def _run_unless_failed(self, task: Task) -> None:
        if self._has_failed:
            return
        try:
            self._run_task(task)
        except BaseException:
            self._has_failed = True
            raise

    def _wait_for_pending(self, limit: int) -> None:
        """Wait until at most `limit` tasks are pending."""
        while self._pending and (len(self._pending) > limit or self._pending[0].done()):
            self._pending.popleft().result()


def copy_to_host(value: Any) -> tuple[Any, Task]:
    """A copy of nested containers with GPU tensors in pinned memory, and a function to wait for it.

    The copy is asynchronous: call the function before reading it. A value without GPU tensors is
    returned as it is, not copied.
    """
    if not any(tensor.is_cuda for tensor in _tensors(value)):
        return value, lambda: None
    copied = _map_tensors(value, _copy_to_pinned_memory)
    event = torch.cuda.Event()
    event.record()
    return copied, event.synchronize


def _copy_to_pinned_memory(tensor: torch.Tensor) -> torch.Tensor:
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


def _map_tensors(value: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, Mapping):
        return {key: _map_tensors(item, function) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map_tensors(item, function) for item in value)
    return value
