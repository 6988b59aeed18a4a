"""Walks through latent space: a path or a loop through 2 to 12 key faces, frame by frame.

Between two keys the way is spherical by default: Gaussian z of many sides lie near a sphere, and a
straight line between two of them passes through its unlikely inside (White, *Sampling Generative
Networks*, 2016).
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import UserError

MIN_KEYS = 2
MAX_KEYS = 12
MAX_FRAMES = 3_600  # two minutes of 30 a second

Fractions = NDArray[np.float64]
Latents = NDArray[np.float32]

_PARALLEL = 1e-6  # sine of the angle below which two directions count as one line


def slerp(start: Latents, end: Latents, fractions: Fractions) -> Latents:
    """Points on the way from `start` to `end` along the sphere: (nz,), (nz,), (N,) -> (N, nz).

    sin((1 - t)w) / sin(w) * start + sin(tw) / sin(w) * end, with w the angle between them (White
    2016; Shoemake 1985). Fractions 0 and 1 give the very ends. Keys in one direction, or at the
    origin, are joined by a straight line; opposite ones by a half circle, always the same.
    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    if lengths == 0.0:
        return lerp(start, end, fractions)
    cosine = float(np.clip(a @ b / lengths, -1.0, 1.0))
    angle = float(np.arccos(cosine))
    if np.sin(angle) < _PARALLEL:
        return lerp(start, end, fractions) if cosine > 0 else _half_circle(a, b, fractions)
    t = fractions[:, None]
    way = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return _with_ends(way, start, end, fractions)


def lerp(start: Latents, end: Latents, fractions: Fractions) -> Latents:
    """Points on the straight line from `start` to `end`: (nz,), (nz,), (N,) -> (N, nz)."""
    a, b = start.astype(np.float64), end.astype(np.float64)
    t = fractions[:, None]
    return _with_ends((1 - t) * a + t * b, start, end, fractions)


METHODS: dict[str, Callable[[Latents, Latents, Fractions], Latents]] = {
    "slerp": slerp,
    "linear": lerp,
}

# How a leg passes: fraction of its time -> fraction of its way. The smooth ones rest at every key.
EASINGS: dict[str, Callable[[Fractions], Fractions]] = {
    "linear": lambda t: t,
    "smooth": lambda t: t * t * (3 - 2 * t),  # the smoothstep of computer graphics
    "smoother": lambda t: t * t * t * (t * (6 * t - 15) + 10),  # Perlin 2002
}


def walk(
    keys: Latents,
    frames: int,
    *,
    loop: bool = False,
    method: str = "slerp",
    easing: str = "linear",
) -> Latents:
    """z of every frame of a way through `keys` in their order: (K, nz) -> (frames, nz), float32.

    A path begins at the first key and ends at the last; a loop goes on from the last to the first
    and stops one frame before it, so that it repeats without a jump. Every key is a frame of its
    own, bit for bit (see `key_frames`). `method` is one of METHODS, `easing` of EASINGS. Raises
    UserError for keys that are not 2 to 12 rows of finite numbers, for too few or too many frames,
    and for a method or an easing there is not.
    """
    if keys.ndim != 2 or not np.isfinite(keys).all():
        raise UserError("A key face of a walk is a row of finite numbers: choose its seed again.")
    between = METHODS.get(method)
    pace = EASINGS.get(easing)
    if between is None:
        raise UserError(f"There is no way '{method[:40]}': choose one of {', '.join(METHODS)}.")
    if pace is None:
        raise UserError(f"There is no easing '{easing[:40]}': choose one of {', '.join(EASINGS)}.")
    stops = [*key_frames(len(keys), frames, loop=loop), *([frames] if loop else [])]
    corners = np.vstack([keys, keys[:1]]) if loop else keys
    legs = [
        between(corners[leg], corners[leg + 1], pace(np.arange(last - first) / (last - first)))
        for leg, (first, last) in enumerate(pairwise(stops))
    ]
    return np.vstack(legs if loop else [*legs, keys[-1:]]).astype(np.float32)


def key_frames(key_count: int, frames: int, *, loop: bool = False) -> list[int]:
    """The frames (from 0) at which the keys stand: legs of the same length, give or take one.

    Raises UserError where there are not 2 to 12 keys, or the frames are too few or too many.
    """
    if not MIN_KEYS <= key_count <= MAX_KEYS:
        raise UserError(
            f"A walk goes through {MIN_KEYS} to {MAX_KEYS} faces, not {key_count}: "
            f"{'add one' if key_count < MIN_KEYS else 'leave some out'}."
        )
    if not key_count <= frames <= MAX_FRAMES:
        raise UserError(
            f"A walk through {key_count} faces has {key_count} to {MAX_FRAMES:,} frames, "
            f"not {frames:,}: ask for a number between."
        )
    steps = frames if loop else frames - 1
    legs = key_count if loop else key_count - 1
    return [(2 * steps * key + legs) // (2 * legs) for key in range(key_count)]


def frames_of(key_count: int, frames_per_leg: int, *, loop: bool = False) -> int:
    """How many frames a way has whose legs take `frames_per_leg` steps each."""
    return frames_per_leg * key_count if loop else frames_per_leg * (key_count - 1) + 1


def _half_circle(a: NDArray[np.float64], b: NDArray[np.float64], fractions: Fractions) -> Latents:
    """From `a` to `b`, which lies opposite, by way of a direction that stands upright on both."""
    direction = a / np.linalg.norm(a)
    axis = np.zeros_like(a)
    axis[np.argmin(np.abs(direction))] = 1.0
    upright = axis - (axis @ direction) * direction
    upright /= np.linalg.norm(upright) or 1.0
    t = fractions[:, None]
    lengths = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
    way = lengths * (np.cos(np.pi * t) * direction + np.sin(np.pi * t) * upright)
    return _with_ends(way, a.astype(np.float32), b.astype(np.float32), fractions)


def _with_ends(
    way: NDArray[np.float64], start: Latents, end: Latents, fractions: Fractions
) -> Latents:
    """The way as float32, its ends bit for bit the keys: the same z, so the same pixels."""
    points = way.astype(np.float32)
    points[fractions == 0.0] = start
    points[fractions == 1.0] = end
    return points
