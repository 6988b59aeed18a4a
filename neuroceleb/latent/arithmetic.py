"""Vector arithmetic on faces: the mean of some, minus the mean of others, plus a third mean.

Radford, Metz, Chintala, *Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks*, 2015, section 6.3.2: the mean z of three faces represents what they share.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError
from neuroceleb.latent import moved_face

MAX_FACES = 8  # of one term; the paper uses three
NOISE = 0.25  # uniform, as in the paper
NEIGHBOURS = 8
EXAMPLE_SEEDS = 200  # among which an example is chosen
EXAMPLE_FACES = 3
EXAMPLE_DIRECTION = 5  # of the shipped models: one that changes hair and light, not the pose

Latents = NDArray[np.float32]


@dataclass(frozen=True)
class Terms:
    """The faces of a sum, as texts without positions, see `moved_face`: base - minus + plus.

    As a text: faces divided by commas, terms by `|`, like `3,14|7|9`.
    """

    base: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    plus: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> "Terms":
        """The terms of a text; raises UserError for any other text."""
        parts = [part.split(",") if part else [] for part in text.split("|")]
        if len(parts) > len(TERMS) or any(len(part) > MAX_FACES for part in parts):
            raise UserError("A term has at most {most} faces: take one away first.", most=MAX_FACES)
        for face in [face for part in parts for face in part]:
            moved_face.read(face)
        return cls(*map(tuple, parts))

    @property
    def all(self) -> list[tuple[str, ...]]:
        """The terms in their order."""
        return [self.base, self.minus, self.plus]

    @property
    def text(self) -> str:
        """The terms as a text."""
        return "|".join(",".join(term) for term in self.all).rstrip("|")

    def with_term(self, name: str, faces: tuple[str, ...]) -> "Terms":
        """The terms with other faces in one of TERMS."""
        if name not in TERMS:
            raise UserError("'{name}' is no term: reload the page.", name=name[:40])
        return replace(self, **{name: faces})


TERMS = ("base", "minus", "plus")


def mean(faces: Latents) -> Latents:
    """(N, nz) -> (nz,). Raises UserError for no face or more than MAX_FACES."""
    if not 1 <= len(faces) <= MAX_FACES:
        raise UserError(
            "A term has 1 to {most} faces, not {count}: pick some.",
            most=MAX_FACES,
            count=len(faces),
        )
    result: Latents = faces.mean(axis=0, dtype=np.float64).astype(np.float32)
    return result


def combine(base: Latents, minus: Latents | None, plus: Latents | None) -> Latents:
    """mean(base) - mean(minus) + mean(plus): (N, nz) each, the last two optional -> (nz,)."""
    result = mean(base)
    if minus is not None:
        result = result - mean(minus)
    return result if plus is None else result + mean(plus)


def neighbourhood(z: Latents) -> Latents:
    """The vector itself and eight noisy copies, as in the paper: (nz,) -> (9, nz)."""
    noise = np.random.default_rng(0).uniform(-NOISE, NOISE, (NEIGHBOURS + 1, len(z)))
    noise[0] = 0.0
    return (z + noise).astype(np.float32)


def example(faces: Latents, step: Latents) -> Terms:
    """A sum that moves three faces along a direction: (N, nz) of seeds 0 to N - 1, (nz,) step.

    Base lies up along it, minus and plus down: far, but not at the ends, where faces break.
    """
    order = np.argsort(faces @ step)
    tenth = len(order) // 10
    places = (range(-tenth - EXAMPLE_FACES, -tenth), range(tenth, tenth + EXAMPLE_FACES))
    base, minus = (tuple(str(order[place]) for place in term) for term in places)
    plus = tuple(str(order[place]) for place in range(2 * tenth, 2 * tenth + EXAMPLE_FACES))
    return Terms(base, minus, plus)
