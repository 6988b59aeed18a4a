"""Seed to z (one seed, one face), and the notation of seeds."""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError

MAX_SEED = 2**53 - 1  # the largest integer that JavaScript represents exactly
MAX_SEEDS = 100_000
FIXED_SEEDS = range(64)  # the fixed noise of every run, so that runs can be compared face by face

_PART = re.compile(r"(\d{1,20})(?:\s*[-–]\s*(\d{1,20}))?", re.ASCII)


def z_from_seed(seed: int, nz: int) -> NDArray[np.float32]:
    """The latent vector of one seed: shape (nz,), standard normal, float32.

    `numpy.random.default_rng(seed).standard_normal(nz)`. Raises UserError for a seed outside
    0..MAX_SEED.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UserError(
            "Seed {seed} is out of range: use a whole number from 0 to {max_seed}.",
            seed=seed,
            max_seed=MAX_SEED,
        )
    return np.random.default_rng(seed).standard_normal(nz).astype(np.float32)


def z_from_seeds(seeds: Iterable[int], nz: int, truncation: float = 1.0) -> NDArray[np.float32]:
    """Latent vectors of many seeds: shape (N, nz), float32, scaled by `truncation`.

    A DCGAN has no w space, so truncation scales z: 0 gives the face of z = 0, 1 the model's full
    variety. It gives no better faces (docs/results.md, "Truncation does not help here"). Raises
    UserError for a truncation outside 0..2.
    """
    check_truncation(truncation)
    rows = [z_from_seed(seed, nz) for seed in seeds]
    return np.stack(rows) * np.float32(truncation) if rows else np.empty((0, nz), np.float32)


def check_truncation(truncation: float) -> None:
    """Raises UserError for a truncation outside 0..2."""
    if not 0.0 <= truncation <= 2.0:  # also refuses NaN
        raise UserError(
            "Truncation {truncation} is out of range: use a number from 0 to 2.",
            truncation=truncation,
        )


def parse_seeds(text: str) -> list[int]:
    """Parse seeds like `0-63,99`; order and repeats are kept, at most MAX_SEEDS of them.

    A range may also have the dash (–) with which the page writes it. Raises UserError that names
    the invalid part.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise UserError(
                "'{part}' is not a seed: write whole numbers and ranges like 0-63,99.",
                part=part.strip()[:40],
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if max(first, last) > MAX_SEED:
            raise UserError(
                "Seed {seed} is too large: the largest is {max_seed}.",
                seed=max(first, last),
                max_seed=MAX_SEED,
            )
        if last < first:
            raise UserError(
                "The range {first}-{last} runs backwards: write {last}-{first}.",
                first=first,
                last=last,
            )
        if len(seeds) + last - first + 1 > MAX_SEEDS:
            raise UserError(
                "That is more than {most:,} seeds: ask for fewer at a time.", most=MAX_SEEDS
            )
        seeds.extend(range(first, last + 1))
    return seeds
