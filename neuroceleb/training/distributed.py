"""Data-parallel training of one run in several processes, with torch.distributed.

Each process computes its shard of every batch, on a GPU of its own (NCCL) or on the CPU (gloo);
gradients and metrics are those of the whole batch. Rank 0 makes decisions and writes files. In a
single process all collectives are no-ops.
"""

import gc
import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from neuroceleb.errors import UserError
from neuroceleb.training import torchrun

TIMEOUT = timedelta(minutes=30)  # the others wait this long while rank 0 decodes the dataset
PEER_ERRORS = ("connection", "socket", "broken pipe", "timed out", "timeout", "peer")
PEER_BACKENDS = ("gloo", "nccl")


class LostPeerError(UserError):
    """Another process of the same training has ended early."""


@dataclass(frozen=True)
class DistributedContext:
    """The rank of this process and the number of processes that train the run."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_rank_zero(self) -> bool:
        """Whether this process makes decisions and writes files."""
        return self.rank == 0

    def shard(self, batch_size: int) -> slice:
        """This process's shard of a batch; shards differ by one image at most.

        Never empty: with fewer images than processes, the remaining ones compute with the first
        image, and `shard_weight` is 0 for them.
        """
        size, remainder = divmod(batch_size, self.world_size)
        begin = self.rank * size + min(self.rank, remainder)
        end = begin + size + (self.rank < remainder)
        return slice(begin, end) if end > begin else slice(0, 1)

    def shard_weight(self, batch_size: int) -> float:
        """The weight of this shard's mean, so that the mean over processes is the batch's mean.

        1 where the batch is divided evenly.
        """
        size, remainder = divmod(batch_size, self.world_size)
        return (size + (self.rank < remainder)) * self.world_size / batch_size

    def reduce_mean(self, values: torch.Tensor, weight: float) -> torch.Tensor:
        """The weighted mean over all processes, on each of them."""
        if self.world_size == 1:
            return values
        total = values * (weight / self.world_size)
        distributed.all_reduce(total)
        return total

    def broadcast_int(self, value: int) -> int:
        """The value of rank 0. Waits for all processes."""
        if self.world_size == 1:
            return value
        tensor = torch.tensor([value])
        distributed.broadcast(tensor, src=0)
        return int(tensor)

    def broadcast_object(self, value: Any = None) -> Any:
        """The value of rank 0, which can be any picklable object. Waits for all processes."""
        if self.world_size == 1:
            return value
        objects = [value]
        distributed.broadcast_object_list(objects, src=0, device=torch.device("cpu"))
        return objects[0]

    def are_equal(self, value: str) -> bool:
        """Whether all processes have the same value."""
        if self.world_size == 1:
            return True
        values: list[str | None] = [None] * self.world_size
        distributed.all_gather_object(values, value)
        return len(set(values)) == 1

    def wrap(self, network: nn.Module, batchnorm: str) -> nn.Module:
        """The network in DistributedDataParallel, starting from rank 0's weights and buffers.

        With `batchnorm` "device", BatchNorm uses the statistics of each process's shard, as the
        original's DataParallel does, and rank 0's running statistics are kept; with "synced", those
        of the whole batch (PyTorch has that for GPUs only).
        """
        if batchnorm == "synced":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # its layers, in place
        for buffer in network.buffers():
            distributed.broadcast(buffer, src=0)
        return DistributedDataParallel(network, **_NO_BUFFER_SYNC)


SINGLE_PROCESS = DistributedContext()

# Do not overwrite BatchNorm's buffers with rank 0's at every forward pass. The option has two names
# in different versions of PyTorch.
_OPTIONS = inspect.signature(DistributedDataParallel).parameters
_IS_RENAMED = "forward_sync_buffers" in _OPTIONS
_NO_BUFFER_SYNC: dict[str, Any] = {
    "forward_sync_buffers" if _IS_RENAMED else "broadcast_buffers": False
}


def no_sync(network: nn.Module) -> AbstractContextManager[None]:
    """Accumulate gradients locally; the next backward pass outside averages them as well."""
    if isinstance(network, DistributedDataParallel):
        return network.no_sync()
    return nullcontext()


@contextmanager
def process_group() -> Iterator[DistributedContext]:
    """Join the process group of torchrun, if it started this process.

    Within the block, LostPeerError is raised where a collective fails because of another process.
    """
    if torchrun.world_size() == 1:
        yield SINGLE_PROCESS
        return
    with _lost_peer_errors():
        if torch.cuda.is_available() and torchrun.local_rank() < torch.cuda.device_count():
            torch.cuda.set_device(torchrun.local_rank())
        has_nccl = torch.cuda.is_available() and distributed.is_nccl_available()
        backend = "cpu:gloo,cuda:nccl" if has_nccl else "gloo"
        distributed.init_process_group(backend, timeout=TIMEOUT)
        yield DistributedContext(distributed.get_rank(), distributed.get_world_size())
        distributed.all_reduce(torch.zeros(1))  # a barrier on the CPU
        gc.collect()  # networks in reference cycles would outlive the group and crash at exit
        distributed.destroy_process_group()


@contextmanager
def _lost_peer_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not _is_lost_peer(error):
            raise
        raise LostPeerError(
            "Another process of this training has ended, so this one did too: look at its error "
            "message; --resume continues from the last saved state."
        ) from error


def _is_lost_peer(error: RuntimeError) -> bool:
    if isinstance(error, UserError | torch.OutOfMemoryError):
        return False
    is_from_torch = isinstance(error, distributed.DistError)
    return is_from_torch or any(
        text in str(error).lower() for text in (*PEER_ERRORS, *PEER_BACKENDS)
    )
