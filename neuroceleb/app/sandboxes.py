"""The sandboxes that the visitors of this server have open."""

from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it loads PyTorch
    from neuroceleb.training.sandbox_sessions import Sandboxes


@lru_cache(maxsize=1)
def opened() -> "Sandboxes":
    """The sandboxes of this process, by a random text that only their page knows."""
    from neuroceleb.training.sandbox_sessions import Sandboxes

    return Sandboxes()


def close_of(runs: Collection[str]) -> None:
    """Close the sandboxes of these runs, whose photos are removed."""
    if opened.cache_info().currsize:
        opened().close_of(runs)
