"""Work on batches of one size, captured once as a CUDA graph and replayed: one launch a step.

A step of a small network is hundreds of short kernels, and launching them one by one takes longer
than they do. What a graph replays is what was captured: the same kernels on the same memory. So a
batch is copied to where the first one lay; another size, and all on the CPU, is done plainly.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

WARM_UPS = 3  # plain calls before capture: kernels are chosen, optimizers make their state

Work = Callable[[torch.Tensor, bool], torch.Tensor]
Replay = Callable[[], torch.Tensor]
Capture = Callable[[Callable[[], torch.Tensor]], Replay]


class NotCapturedError(Exception):
    """The GPU, or PyTorch, did not let work be captured; why, in their words."""


class Graphs:
    """Calls `work(batch, kind)`, a graph for each kind, once it was done plainly a few times.

    The plain calls are no rehearsal: they count. What is returned holds until the next call.
    Raises NotCapturedError where capturing is refused: what took part is then of no use any more.
    """

    def __init__(self, work: Work, size: int, capture: Capture | None) -> None:
        self._work = work
        self._size = size
        self._capture = capture
        self._warm_ups = {False: 0, True: 0}
        self._replays: dict[bool, Replay] = {}
        self._batch: torch.Tensor | None = None

    def __call__(self, batch: torch.Tensor, kind: bool) -> torch.Tensor:
        if self._capture is None or len(batch) != self._size:
            return self._work(batch, kind)
        if self._warm_ups[kind] < WARM_UPS:
            self._warm_ups[kind] += 1
            return self._work(batch, kind)
        held = self._lay_down(batch)
        if kind not in self._replays:
            self._replays[kind] = _attempt(self._capture, lambda: self._work(held, kind))
        return self._replays[kind]()

    def _lay_down(self, batch: torch.Tensor) -> torch.Tensor:
        """Copy the batch to the memory that the graphs read."""
        if self._batch is None:
            self._batch = torch.empty_like(batch)
        return self._batch.copy_(batch)


def _attempt(capture: Capture, work: Callable[[], torch.Tensor]) -> Replay:
    try:
        return capture(work)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise NotCapturedError(str(error).strip().partition("\n")[0]) from error


def capture_of(generators: Sequence[torch.Generator]) -> Capture:
    """How CUDA captures work that draws from these generators.

    At every replay they give other numbers, and stand afterwards where drawing plainly would have
    left them.
    """

    def capture(work: Callable[[], torch.Tensor]) -> Replay:
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # Only what this thread does is captured: others beat the heart and write files meanwhile.
        stream = torch.cuda.current_stream()
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            result = work()

        def replay() -> torch.Tensor:
            graph.replay()
            return result

        return replay

    return capture


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Queue what is done on a GPU in a stream that can be captured, not in the default one."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream(device).wait_stream(stream)
