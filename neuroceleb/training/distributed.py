"""Several processes that train one run together, on PyTorch's own engine: torch.distributed.

Each computes its part of every batch, on a GPU of its own (NCCL) or on the CPU (gloo); gradients
and figures are those of the whole batch. The first one, rank 0, decides and writes; the others
follow. One process alone computes just as if there were no ranks.
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

PATIENCE = timedelta(minutes=30)  # of the others, while the first one decodes
LOST_PEER = ("connection", "socket", "broken pipe", "timed out", "timeout", "gloo", "nccl", "peer")


class LostPeerError(UserError):
    """Another process of the same training has ended before its time."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train one run: its number, and how many they are."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that decides and writes."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """This one's part of a batch of `count`; the parts differ by one image at most.

        Never empty: where there are fewer images than processes, those that have none compute
        with the first image, and `weight` makes it count for nothing.
        """
        size, more = divmod(count, self.count)
        begin = self.rank * size + min(self.rank, more)
        end = begin + size + (self.rank < more)
        return slice(begin, end) if end > begin else slice(0, 1)

    def weight(self, count: int) -> float:
        """What the mean over this part counts, so that the mean over all ranks is the batch's.

        1 where the batch is divided evenly.
        """
        size, more = divmod(count, self.count)
        return (size + (self.rank < more)) * self.count / count

    def mean(self, figures: torch.Tensor, weight: float) -> torch.Tensor:
        """The mean over the whole batch of what each one has as the mean over its part."""
        if self.count == 1:
            return figures
        total = figures * (weight / self.count)
        distributed.all_reduce(total)
        return total

    def agree(self, answer: int) -> int:
        """The first one's answer, for all to act on alike. Waits for every one of them."""
        if self.count == 1:
            return answer
        told = torch.tensor([answer])
        distributed.broadcast(told, src=0)
        return int(told)

    def tell(self, value: Any = None) -> Any:
        """The first one's value, on every one of them."""
        if self.count == 1:
            return value
        told = [value]
        distributed.broadcast_object_list(told, src=0, device=torch.device("cpu"))
        return told[0]

    def are_alike(self, value: str) -> bool:
        """Whether all of them have the same value."""
        if self.count == 1:
            return True
        values: list[str | None] = [None] * self.count
        distributed.all_gather_object(values, value)
        return len(set(values)) == 1

    def joined(self, network: nn.Module, batchnorm: str) -> nn.Module:
        """The network with its gradients averaged over all ranks as each is computed.

        It begins with the first one's weights and figures. BatchNorm is of each one's part of the
        batch, as in the original's data parallel, and its running figures are then the first
        one's; or, "synced", of the whole batch, which PyTorch has for GPUs only.
        """
        if batchnorm == "synced":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # within it, in place
        for figures in network.buffers():
            distributed.broadcast(figures, src=0)
        return DistributedDataParallel(network, **_EACH_ITS_OWN_FIGURES)


ALONE = Ranks()

# Of BatchNorm: not overwritten with the first one's at every pass. PyTorch renames the option.
_OPTIONS = inspect.signature(DistributedDataParallel).parameters
_RENAMED = "forward_sync_buffers" in _OPTIONS
_EACH_ITS_OWN_FIGURES: dict[str, Any] = {
    "forward_sync_buffers" if _RENAMED else "broadcast_buffers": False
}


def without_averaging(network: nn.Module) -> AbstractContextManager[None]:
    """Let gradients add up on each rank alone: the next ones averaged bring them along."""
    if isinstance(network, DistributedDataParallel):
        return network.no_sync()
    return nullcontext()


@contextmanager
def join() -> Iterator[Ranks]:
    """Take one's place among the processes that torchrun started; alone where it did not.

    Within, that another one is gone raises LostPeerError where it is waited for.
    """
    if torchrun.world_size() == 1:
        yield ALONE
        return
    with _lost_peers_told():
        if torch.cuda.is_available() and torchrun.local_rank() < torch.cuda.device_count():
            torch.cuda.set_device(torchrun.local_rank())
        both = torch.cuda.is_available() and distributed.is_nccl_available()
        distributed.init_process_group("cpu:gloo,cuda:nccl" if both else "gloo", timeout=PATIENCE)
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
        distributed.all_reduce(torch.zeros(1))  # on the CPU: until every one is here
        gc.collect()  # networks in circles of references would outlive the group, and crash at exit
        distributed.destroy_process_group()


@contextmanager
def _lost_peers_told() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not _is_lost_peer(error):
            raise
        raise LostPeerError(
            "Another process of this training has ended, so this one did too: look at what it "
            "said; --resume goes on from the last saved state."
        ) from error


def _is_lost_peer(error: RuntimeError) -> bool:
    if isinstance(error, UserError | torch.OutOfMemoryError):
        return False
    is_of_the_engine = isinstance(error, distributed.DistError)
    return is_of_the_engine or any(word in str(error).lower() for word in LOST_PEER)
