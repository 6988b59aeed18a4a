"""95 % confidence intervals: Wilson's for shares, the bootstrap for other means.

Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, 1927. Efron,
*Bootstrap Methods: Another Look at the Jackknife*, 1979; percentile intervals, deterministic for
one seed. SciPy computes both.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1_000
LEVEL = 0.95
QUANTILES = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)

Interval = tuple[float, float]


def of_share(observed: ArrayLike) -> Interval:
    """Wilson's interval of the share of true values among (N,) booleans; it contains the share.

    Raises ValueError without observations.
    """
    from scipy import stats  # takes a second to import

    flags = np.asarray(observed, np.bool_)
    if not len(flags):
        raise ValueError("there are no observations")
    count = int(flags.sum())
    interval = stats.binomtest(count, len(flags)).proportion_ci(LEVEL, "wilson")
    low = 0.0 if count == 0 else float(interval.low)  # without rounding
    return low, 1.0 if count == len(flags) else float(interval.high)


def of_mean(values: ArrayLike, seed: int) -> Interval:
    """The bootstrap interval of the mean of (N,) observations; it contains their mean.

    Raises ValueError without observations.
    """
    from scipy import stats

    observed = np.asarray(values, np.float64)
    if not len(observed):
        raise ValueError("there are no observations")
    mean = float(observed.mean())
    if len(observed) == 1:
        return mean, mean
    interval = stats.bootstrap(
        (observed,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng([seed, len(observed)]),
    ).confidence_interval
    return min(mean, float(interval.low)), max(mean, float(interval.high))


def resampling_counts(count: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """(resamples, count): how often each of `count` observations is in each resample."""
    rng = np.random.default_rng([seed, count])
    chosen = rng.integers(0, count, (resamples, count))
    chosen += np.arange(resamples)[:, None] * count
    counts = np.bincount(chosen.ravel(), minlength=resamples * count)
    return counts.reshape(resamples, count).astype(np.float64)


def around(estimate: float, resampled: NDArray[np.float64]) -> Interval:
    """The interval that holds 95 % of (resamples,) distances, shifted to the estimate.

    The shift is needed because resampling adds noise, and noise enlarges every distance.
    """
    low, high = np.quantile(resampled - resampled.mean(), QUANTILES)
    return estimate + min(0.0, float(low)), estimate + max(0.0, float(high))
