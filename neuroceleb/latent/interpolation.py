"""Interpolation in latent space: a path or a loop through 2 to 12 key faces, frame by frame.

Spherical (slerp) by default: Gaussian z of many dimensions lie near a sphere, and a straight line
between two of them passes through its improbable inside (White, *Sampling Generative Networks*,
2016).
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuroceleb.errors import Message, UserError

MIN_KEYS = 2
MAX_KEYS = 12
MAX_FRAMES = 3_600  # two minutes at 30 frames a second

Fractions = NDArray[np.float64]
Latents = NDArray[np.float32]

_PARALLEL = 1e-6  # sine of the angle below which two directions count as parallel


def slerp(start: Latents, end: Latents, fractions: Fractions) -> Latents:
    """Points between `start` and `end` along the sphere: (nz,), (nz,), (N,) -> (N, nz).

    sin((1 - t)w) / sin(w) * start + sin(tw) / sin(w) * end, with w the angle between them (White
    2016; Shoemake 1985). Fractions 0 and 1 give the exact keys. Keys in the same direction, or at
    the origin, are interpolated linearly; opposite ones along a fixed half circle.
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
    points = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return _with_exact_ends(points, start, end, fractions)


def lerp(start: Latents, end: Latents, fractions: Fractions) -> Latents:
    """Points on the straight line from `start` to `end`: (nz,), (nz,), (N,) -> (N, nz)."""
    a, b = start.astype(np.float64), end.astype(np.float64)
    t = fractions[:, None]
    return _with_exact_ends((1 - t) * a + t * b, start, end, fractions)


METHODS: dict[str, Callable[[Latents, Latents, Fractions], Latents]] = {
    "slerp": slerp,
    "linear": lerp,
}

# Time to position within a segment, both 0..1. The smooth ones slow down at every key.
EASINGS: dict[str, Callable[[Fractions], Fractions]] = {
    "linear": lambda t: t,
    "smooth": lambda t: t * t * (3 - 2 * t),  # smoothstep
    "smoother": lambda t: t * t * t * (t * (6 * t - 15) + 10),  # Perlin, 2002
}


def interpolate(
    keys: Latents,
    frames: int,
    *,
    loop: bool = False,
    method: str = "slerp",
    easing: str = "linear",
) -> Latents:
    """z of every frame of an interpolation through `keys` in order: (K, nz) -> (frames, nz).

    A path begins at the first key and ends at the last. A loop returns from the last key to the
    first and stops one frame before it, so that it repeats seamlessly. Every key is a frame, bit
    for bit (see `key_frames`). `method` is one of METHODS, `easing` of EASINGS. Raises UserError
    for keys that are not 2 to 12 rows of finite numbers, for too few or too many frames, and for
    an unknown method or easing.
    """
    if keys.ndim != 2 or not np.isfinite(keys).all():
        raise UserError("A key face is a row of finite numbers: choose its seed again.")
    between = METHODS.get(method)
    ease = EASINGS.get(easing)
    if between is None:
        raise UserError(
            "There is no method '{method}': choose one of {methods}.",
            method=method[:40],
            methods=", ".join(METHODS),
        )
    if ease is None:
        raise UserError(
            "There is no easing '{easing}': choose one of {easings}.",
            easing=easing[:40],
            easings=", ".join(EASINGS),
        )
    stops = [*key_frames(len(keys), frames, loop=loop), *([frames] if loop else [])]
    corners = np.vstack([keys, keys[:1]]) if loop else keys
    segments = [
        between(corners[i], corners[i + 1], ease(np.arange(last - first) / (last - first)))
        for i, (first, last) in enumerate(pairwise(stops))
    ]
    return np.vstack(segments if loop else [*segments, keys[-1:]]).astype(np.float32)


def key_frames(key_count: int, frames: int, *, loop: bool = False) -> list[int]:
    """The frames (from 0) of the keys: segments of equal length, give or take one frame.

    Raises UserError outside 2 to 12 keys, and for too few or too many frames.
    """
    if not MIN_KEYS <= key_count <= MAX_KEYS:
        raise UserError(
            "An interpolation goes through {least} to {most} faces, not {key_count}: {advice}.",
            least=MIN_KEYS,
            most=MAX_KEYS,
            key_count=key_count,
            advice=Message("add one") if key_count < MIN_KEYS else Message("leave some out"),
        )
    if not key_count <= frames <= MAX_FRAMES:
        raise UserError(
            "An interpolation through {key_count} faces has {key_count} to {most:,} frames, not "
            "{frames:,}: choose a number between.",
            key_count=key_count,
            most=MAX_FRAMES,
            frames=frames,
        )
    steps = frames if loop else frames - 1
    segments = key_count if loop else key_count - 1
    return [(2 * steps * key + segments) // (2 * segments) for key in range(key_count)]


def frame_count(key_count: int, frames_per_segment: int, *, loop: bool = False) -> int:
    """The number of frames of an interpolation with `frames_per_segment` steps between keys."""
    return frames_per_segment * key_count if loop else frames_per_segment * (key_count - 1) + 1


def _half_circle(a: NDArray[np.float64], b: NDArray[np.float64], fractions: Fractions) -> Latents:
    """From `a` to the opposite `b`, through a direction perpendicular to both."""
    direction = a / np.linalg.norm(a)
    axis = np.zeros_like(a)
    axis[np.argmin(np.abs(direction))] = 1.0
    perpendicular = axis - (axis @ direction) * direction
    perpendicular /= np.linalg.norm(perpendicular) or 1.0
    t = fractions[:, None]
    lengths = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
    points = lengths * (np.cos(np.pi * t) * direction + np.sin(np.pi * t) * perpendicular)
    return _with_exact_ends(points, a.astype(np.float32), b.astype(np.float32), fractions)


def _with_exact_ends(
    points: NDArray[np.float64], start: Latents, end: Latents, fractions: Fractions
) -> Latents:
    """The points as float32, with fractions 0 and 1 equal to the keys bit for bit."""
    exact = points.astype(np.float32)
    exact[fractions == 0.0] = start
    exact[fractions == 1.0] = end
    return exact
