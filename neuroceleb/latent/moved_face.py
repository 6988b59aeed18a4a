"""A face as one short text: a seed or a latent vector, and positions along directions.

`42` is the face of a seed, `42x0.7` that with truncation, `z` and base64 that of a latent vector;
`42*0,2.5` is moved by 2.5 standard deviations along the second direction.
"""

import base64
import binascii
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import check_truncation, z_from_seeds

MAX_TEXT_CHARS = 12_000
MAX_POSITIONS = 64
MAX_POSITION = 6.0  # standard deviations
MAX_Z = 10.0  # of one component
Z_PER_UNIT = 1_000  # z is written to three digits

Latent = NDArray[np.float32]

SEED = re.compile(r"(\d{1,16})(?:x(\d{1,4}(?:\.\d{1,9})?))?", re.ASCII)
POSITION = re.compile(r"-?\d{1,2}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True)
class MovedFace:
    """A face that is moved along directions, in their order; those without a position by 0.

    `start` is its text without positions. `seed` and `truncation` are those of the start, `numbers`
    its latent vector if it is none of a seed.
    """

    start: str
    seed: int | None
    truncation: float
    numbers: Latent | None
    positions: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """The face's text."""
        moves = ",".join(f"{position:g}" for position in self.positions)
        return f"{self.start}*{moves}" if moves else self.start

    def start_z(self, nz: int) -> Latent:
        """The latent vector before it is moved, (nz,). Raises UserError for one of another nz."""
        if self.numbers is not None:
            if len(self.numbers) != nz:
                raise UserError(
                    "That face is of another model, with {count} numbers in z, not {nz}.",
                    count=len(self.numbers),
                    nz=nz,
                )
            return self.numbers
        assert self.seed is not None
        z: Latent = z_from_seeds([self.seed], nz, self.truncation)[0]
        return z

    def z(self, nz: int, steps: Sequence[Latent]) -> Latent:
        """The latent vector, (nz,), of a model with these directions, (nz,) each."""
        z = self.start_z(nz)
        for position, step in zip(self.positions, steps, strict=False):
            z = z + np.float32(position) * step
        return np.clip(z, -MAX_Z, MAX_Z).astype(np.float32)

    def all_positions(self, count: int) -> list[float]:
        """The positions along `count` directions."""
        return [*self.positions, *[0.0] * count][:count]


def read(text: str) -> MovedFace:
    """The face of a text; raises UserError for any other text."""
    start, _, moves = text[:MAX_TEXT_CHARS].partition("*")
    positions = _read_positions(moves)
    if start.startswith("z"):
        return MovedFace(start, None, 1.0, _read_z(start[1:]), positions)
    match = SEED.fullmatch(start)
    if match is None:
        raise UserError("'{text}' names no face: pick one again.", text=start[:40])
    truncation = float(match[2] or 1)
    check_truncation(truncation)
    return MovedFace(start, int(match[1]), truncation, None, positions)


def text_of_seed(seed: int, truncation: float = 1.0) -> str:
    """The text of a seed's face."""
    return f"{seed}" if truncation == 1 else f"{seed}x{truncation:g}"


def text_of_z(z: Latent) -> str:
    """The text of a latent vector, (nz,), which is rounded to three digits."""
    whole = np.rint(np.clip(z, -MAX_Z, MAX_Z) * Z_PER_UNIT).astype("<i2")
    return "z" + base64.urlsafe_b64encode(whole.tobytes()).decode().rstrip("=")


def read_numbers(text: str) -> Latent:
    """The latent vector in a text like `[0.12, -1.3, …]`, as it is; raises UserError."""
    try:
        parts = text[:MAX_TEXT_CHARS].strip().strip("[]").split(",")
        numbers = np.array([float(part) for part in parts], np.float32)
    except ValueError:
        raise UserError("That is no list of numbers: write them like 0.12, -1.3, …") from None
    if not np.isfinite(numbers).all() or np.abs(numbers).max() > MAX_Z:
        raise UserError("The numbers of z go from -{most:g} to {most:g}.", most=MAX_Z)
    return numbers


def _read_z(text: str) -> Latent:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), "-_", validate=True)
        numbers = np.frombuffer(data, "<i2") / Z_PER_UNIT
    except (ValueError, binascii.Error):
        raise UserError("'{text}' names no face: pick one again.", text=f"z{text[:40]}") from None
    return np.clip(numbers, -MAX_Z, MAX_Z).astype(np.float32)


def _read_positions(moves: str) -> tuple[float, ...]:
    parts = moves.split(",") if moves else []
    positions = [float(part) if POSITION.fullmatch(part) else math.inf for part in parts]
    if len(positions) > MAX_POSITIONS or any(abs(one) > MAX_POSITION for one in positions):
        raise UserError(
            "Sliders stand at numbers from -{most:g} to {most:g}: pick the face again.",
            most=MAX_POSITION,
        )
    while positions and positions[-1] == 0:
        positions.pop()
    return tuple(positions)
