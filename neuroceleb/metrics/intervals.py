"""How sure a figure is: bootstrap intervals, from one seed always the same.

Efron, *Bootstrap Methods: Another Look at the Jackknife*, 1979: draw as many of the observations
again, with repeats, and see how far the figure moves.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 1_000
LEVEL = 0.95
EDGES = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)

Interval = tuple[float, float]


def of_mean(values: ArrayLike, seed: int) -> Interval:
    """Where the mean of (N,) observations lies, at 95 %; it holds their own mean.

    Where all are alike (a share of 0 or 1) nothing is left to draw from; the open side is then
    moved by the rule of three, 3 / N. Raises ValueError without observations.
    """
    observed = np.asarray(values, np.float64)
    if not len(observed):
        raise ValueError("nothing was observed")
    mean = float(observed.mean())
    share = observed.dtype == np.bool_ or bool(np.isin(observed, (0.0, 1.0)).all())
    if share and mean in {0.0, 1.0}:
        reach = min(1.0, 3 / len(observed))
        return (0.0, reach) if mean == 0.0 else (1.0 - reach, 1.0)
    means = (weights(len(observed), DRAWS, seed) @ observed) / len(observed)
    low, high = np.quantile(means, EDGES)
    return min(mean, float(low)), max(mean, float(high))


def weights(count: int, draws: int, seed: int) -> NDArray[np.float64]:
    """(draws, count): how often each of `count` observations is in each draw."""
    rng = np.random.default_rng([seed, count])
    chosen = rng.integers(0, count, (draws, count))
    chosen += np.arange(draws)[:, None] * count
    times = np.bincount(chosen.ravel(), minlength=draws * count)
    return times.reshape(draws, count).astype(np.float64)


def around(estimate: float, drawn: NDArray[np.float64]) -> Interval:
    """The interval that holds 95 % of (draws,) distances, their mean moved onto the estimate.

    It must be moved: drawing again adds noise of its own, and noise adds to every distance.
    """
    low, high = np.quantile(drawn - drawn.mean(), EDGES)
    return estimate + min(0.0, float(low)), estimate + max(0.0, float(high))
