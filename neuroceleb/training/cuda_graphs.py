"""Capture of training steps as CUDA graphs, which replay hundreds of kernels with one launch.

Launching the short kernels of a small network one by one takes longer than running them. A graph
replays the captured kernels on the captured memory, so each batch is copied to the memory of the
first one. Batches of another size, and all batches on the CPU, are computed without a graph.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

WARM_UP_CALLS = 3  # before the capture, so that kernels are chosen and optimizer state exists

Function = Callable[[torch.Tensor, bool], torch.Tensor]
Replay = Callable[[], torch.Tensor]
Capture = Callable[[Callable[[], torch.Tensor]], Replay]


class CaptureError(Exception):
    """PyTorch or the GPU refused a capture; the message is the first line of its error."""


class GraphedFunction:
    """Calls `function(batch, flag)`, with one graph for each flag after some calls without.

    The warm-up calls are ordinary calls with the caller's batches. A returned tensor is valid until
    the next call. Raises CaptureError where a capture is refused: networks and optimizers cannot be
    used any more after that.
    """

    def __init__(self, function: Function, batch_size: int, capture: Capture | None) -> None:
        self._function = function
        self._batch_size = batch_size
        self._capture = capture
        self._warm_ups = {False: 0, True: 0}
        self._replays: dict[bool, Replay] = {}
        self._input: torch.Tensor | None = None

    def __call__(self, batch: torch.Tensor, flag: bool) -> torch.Tensor:
        if self._capture is None or len(batch) != self._batch_size:
            return self._function(batch, flag)
        if self._warm_ups[flag] < WARM_UP_CALLS:
            self._warm_ups[flag] += 1
            return self._function(batch, flag)
        static_input = self._copy_to_input(batch)
        if flag not in self._replays:
            self._replays[flag] = _try_capture(
                self._capture, lambda: self._function(static_input, flag)
            )
        return self._replays[flag]()

    def _copy_to_input(self, batch: torch.Tensor) -> torch.Tensor:
        """Copy the batch to the memory that the graphs read."""
        if self._input is None:
            self._input = torch.empty_like(batch)
        return self._input.copy_(batch)


def _try_capture(capture: Capture, function: Callable[[], torch.Tensor]) -> Replay:
    try:
        return capture(function)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise CaptureError(str(error).strip().partition("\n")[0]) from error


def capture_with(generators: Sequence[torch.Generator]) -> Capture:
    """A function that captures a call as a CUDA graph which draws from these generators.

    Each replay draws new numbers and advances the generators as an ordinary call does.
    """

    def capture(function: Callable[[], torch.Tensor]) -> Replay:
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # Capture only this thread: the heartbeat and the writer use CUDA in other threads.
        stream = torch.cuda.current_stream()
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            result = function()

        def replay() -> torch.Tensor:
            graph.replay()
            return result

        return replay

    return capture


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """Run the block in a stream of its own on a GPU: the default stream cannot be captured."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream(device).wait_stream(stream)
