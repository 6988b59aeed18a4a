"""Generated faces compared with real ones by face identity.

Fréchet and kernel distance, precision and recall of the embeddings of `metrics.identity`, and
copies of a person: an opinion independent of YuNet, and of every network trained here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces.identity import NAME
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import distances, figures, identity, persons, precision_recall
from neuroceleb.metrics.distances import KernelDistance
from neuroceleb.metrics.figures import Figures
from neuroceleb.metrics.identity import Embeddings
from neuroceleb.metrics.intervals import Interval
from neuroceleb.metrics.persons import People
from neuroceleb.metrics.precision_recall import covered

MAX_POOL = 20_000  # training faces searched for copies, at about 120 embeddings a second
MIN_FACES = 8  # to compare, and persons in the pool
MAX_COPIES = 100  # seeds listed
Z_95 = 1.96  # standard errors on either side of a 95 % interval

Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Which of a dataset's faces are compared with: indices into it, each in random order.

    `held_out` are compared with generated faces. `others` are as many real faces, of persons of
    whom none is held out, for the floor of each measure. `pool` are the training faces.
    """

    held_out: Indices
    others: Indices
    pool: Indices


def split(is_held_out: Flags, is_pool: Flags, people: People, n: int, seed: int) -> Split:
    """At most n held-out faces, as many others, and at most MAX_POOL of the pool, of (N,) each."""
    rng = np.random.default_rng([seed, 7])
    held_out = rng.permutation(np.flatnonzero(is_held_out))[:n]
    is_stranger = ~np.isin(people, people[is_held_out])
    others = rng.permutation(np.flatnonzero(is_stranger))[: len(held_out)]
    pool = rng.permutation(np.flatnonzero(is_pool))[:MAX_POOL]
    count = min(len(held_out), len(others))
    return Split(held_out[:count], others[:count], pool)


@dataclass(frozen=True)
class Comparison:
    """Distances, precision and recall of one set of faces against the held-out ones."""

    frechet: float
    frechet_interval: Interval
    kernel: KernelDistance
    is_precise: Flags
    is_recalled: Flags

    def figures(self, suffix: str = "") -> Figures:
        """As evaluation.json holds them, the names with a suffix."""
        reach = Z_95 * self.kernel.deviation
        return {
            f"frechet{suffix}": self.frechet,
            f"frechet{suffix}_interval": list(self.frechet_interval),
            f"kernel{suffix}": self.kernel.value,
            f"kernel{suffix}_interval": [self.kernel.value - reach, self.kernel.value + reach],
            **figures.share(f"precision{suffix}", self.is_precise),
            **figures.share(f"recall{suffix}", self.is_recalled),
        }


def compare(faces: Embeddings, held_out: Embeddings, seed: int) -> Comparison:
    """Compare the embeddings of two sets of one size, (N, 128) each."""
    return Comparison(
        distances.frechet(faces, held_out),
        distances.frechet_interval(faces, held_out, seed),
        distances.kernel(faces, held_out, seed, identity.KERNEL_GAMMA),
        covered(held_out, faces),
        covered(faces, held_out),
    )


class RealIdentities:
    """The real side of the comparison.

    `faces` are a whole dataset, (N, 64, 64, 3) uint8; `is_held_out` and `is_pool` (N,) mark those
    to compare with and those that the model was trained on. `people` (N,) number the persons shown;
    None where that is unknown, and each face counts as a person. Raises UserError where the
    network's weights are missing or damaged, and for too few faces or persons.
    """

    def __init__(
        self,
        faces: Pixels,
        is_held_out: Flags,
        is_pool: Flags,
        people: People | None,
        n: int,
        seed: int,
    ) -> None:
        self.seed = seed
        self.persons = None if people is None else len(np.unique(people))
        known = np.arange(len(faces)) if people is None else people
        chosen = split(is_held_out, is_pool, known, n, seed)
        if min(len(chosen.held_out), len(np.unique(known[chosen.pool]))) < MIN_FACES:
            raise UserError(
                "Of {count:,} faces too few are held out, or show persons of whom none is: use "
                "a larger dataset, or leave out --persons-in-names.",
                count=len(faces),
            )
        self.held_out = identity.embed(faces[chosen.held_out])
        self.floor = compare(identity.embed(faces[chosen.others]), self.held_out, seed)
        self.pool = identity.embed(faces[chosen.pool])
        self.nearest_other = persons.nearest_other(
            self.held_out, known[chosen.held_out], self.pool, known[chosen.pool]
        ).distances
        self.limit = persons.limit(self.nearest_other)


def measure(fakes: Pixels, real: RealIdentities) -> Figures:
    """The figures of (N, 64, 64, 3) uint8 generated faces, beside those of real ones."""
    embeddings = identity.embed(fakes)
    count = min(len(embeddings), len(real.held_out))
    compared = compare(embeddings[:count], real.held_out[:count], real.seed)
    nearest = persons.nearest(embeddings, real.pool).distances
    is_copy = persons.copied(nearest, real.limit)
    return {
        "network": NAME,
        "n": count,
        "k": precision_recall.NEIGHBOURS,
        "gamma": identity.KERNEL_GAMMA,
        **compared.figures(),
        "n_real": len(real.held_out),
        **real.floor.figures("_real"),
        "persons": real.persons,
        "n_pool": len(real.pool),
        "limit": real.limit,
        "nearest": float(np.median(nearest)),
        "nearest_real": float(np.median(real.nearest_other)),
        **figures.share("copies", is_copy),
        **figures.share("copies_real", persons.copied(real.nearest_other, real.limit)),
        "copy_seeds": np.flatnonzero(is_copy)[:MAX_COPIES].tolist(),
    }
