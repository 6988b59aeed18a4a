"""Choose evenly spaced items of a sequence."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")


def even_indices(length: int, count: int) -> NDArray[np.intp]:
    """(min(count, length),) indices of 0..length - 1, evenly spaced, in order.

    The first and the last index are among them where `count` is at least 2.
    """
    return np.linspace(0, length - 1, min(count, length)).astype(np.intp)


def evenly_spaced(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, by `even_indices`."""
    return [items[index] for index in even_indices(len(items), count)]
