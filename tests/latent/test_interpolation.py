"""Interpolation: keys are frames, ends are exact, and every path stays between its keys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroceleb.errors import UserError
from neuroceleb.latent import interpolation
from neuroceleb.latent.interpolation import EASINGS, METHODS
from neuroceleb.latent.seeds import z_from_seeds

NZ = 12

vectors = st.lists(st.floats(-8, 8, width=32), min_size=NZ, max_size=NZ).map(
    lambda values: np.array(values, np.float32)
)
fractions = st.lists(st.floats(0, 1), min_size=1, max_size=9).map(
    lambda values: np.array(sorted(values))
)


def keys_of(count: int, nz: int = NZ) -> np.ndarray:
    return z_from_seeds(range(count), nz)


@pytest.mark.parametrize("method", METHODS)
@given(start=vectors, end=vectors)
@settings(max_examples=60, deadline=None)
def test_the_ends_are_the_keys_bit_for_bit(method: str, start: np.ndarray, end: np.ndarray) -> None:
    path = METHODS[method](start, end, np.array([0.0, 0.5, 1.0]))
    assert path.dtype == np.float32
    assert np.isfinite(path).all()
    np.testing.assert_array_equal(path[0], start)
    np.testing.assert_array_equal(path[-1], end)


@given(seed=st.integers(0, 10_000), at=fractions)
@settings(max_examples=60, deadline=None)
def test_on_the_sphere_the_length_hardly_changes(seed: int, at: np.ndarray) -> None:
    """Of Gaussian z of many dimensions: between the lengths of both ends, give or take little."""
    start, end = z_from_seeds([seed, seed + 1], 100)
    lengths = np.linalg.norm(interpolation.slerp(start, end, at), axis=1)
    low, high = sorted([np.linalg.norm(start), np.linalg.norm(end)])
    assert (lengths > 0.9 * low).all()
    assert (lengths < 1.1 * high).all()
    middle = np.linalg.norm(interpolation.lerp(start, end, np.array([0.5])))
    assert middle < 0.9 * high  # the straight path passes through the inside


@given(start=vectors, end=vectors, at=fractions)
@settings(max_examples=60, deadline=None)
def test_backwards_is_the_same_path(start: np.ndarray, end: np.ndarray, at: np.ndarray) -> None:
    for path in METHODS.values():
        there, back = path(start, end, at), path(end, start, 1.0 - at)
        opposite = float(start @ end) < -0.999 * float(np.linalg.norm(start) * np.linalg.norm(end))
        if not opposite:  # from pole to pole every path is one of many
            np.testing.assert_allclose(there, back, atol=1e-3)


def test_slerp_by_hand() -> None:
    start, end = np.eye(2, dtype=np.float32)
    half = interpolation.slerp(start, end, np.array([0.5]))[0]
    np.testing.assert_allclose(half, [np.sqrt(0.5)] * 2, atol=1e-6)
    third = interpolation.slerp(start, end, np.array([1 / 3]))[0]
    np.testing.assert_allclose(third, [np.cos(np.pi / 6), np.sin(np.pi / 6)], atol=1e-6)


def test_keys_in_one_line_and_in_one_place() -> None:
    one = keys_of(1)[0]
    at = np.array([0.25, 0.75])
    np.testing.assert_allclose(interpolation.slerp(one, 3 * one, at)[0], 1.5 * one, rtol=1e-5)
    np.testing.assert_array_equal(interpolation.slerp(one, one, at), [one, one])
    nowhere = np.zeros_like(one)
    np.testing.assert_allclose(interpolation.slerp(nowhere, one, at)[1], 0.75 * one, rtol=1e-6)
    around = interpolation.slerp(one, -one, np.linspace(0, 1, 5))
    lengths = np.linalg.norm(around, axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(one), rtol=1e-5)
    assert abs(float(around[2] @ one)) < 1e-4 * float(one @ one)


@given(
    count=st.integers(2, 12),
    extra=st.integers(0, 60),
    loop=st.booleans(),
    method=st.sampled_from(list(METHODS)),
    easing=st.sampled_from(list(EASINGS)),
)
@settings(max_examples=80, deadline=None)
def test_every_key_is_a_frame(count: int, extra: int, loop: bool, method: str, easing: str) -> None:
    keys, frames = keys_of(count), count + extra
    path = interpolation.interpolate(keys, frames, loop=loop, method=method, easing=easing)
    frames_of_keys = interpolation.key_frames(count, frames, loop=loop)
    assert path.shape == (frames, NZ)
    assert path.dtype == np.float32
    assert frames_of_keys[0] == 0
    assert loop or frames_of_keys[-1] == frames - 1
    np.testing.assert_array_equal(path[frames_of_keys], keys)
    segments = np.diff([*frames_of_keys, *([frames] if loop else [])])
    assert segments.min() >= 1
    assert segments.max() - segments.min() <= 1


def test_a_loop_closes_without_a_jump() -> None:
    keys = keys_of(3)
    path = interpolation.interpolate(keys, 90, loop=True)
    steps = np.linalg.norm(np.diff(np.vstack([path, path[:1]]), axis=0), axis=1)
    assert steps.max() < 2 * np.median(steps)


@pytest.mark.parametrize("easing", EASINGS)
def test_easings_begin_and_end_and_never_go_back(easing: str) -> None:
    path = EASINGS[easing](np.linspace(0, 1, 101))
    assert path[0] == 0
    assert path[-1] == 1
    assert (np.diff(path) > 0).all()
    np.testing.assert_allclose(path + path[::-1], 1, atol=1e-12)


def test_smooth_easings_slow_down_at_the_keys() -> None:
    first, middle = [], []
    for easing in ("linear", "smooth", "smoother"):
        path = interpolation.interpolate(keys_of(2), 61, easing=easing)
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        first.append(steps[0])
        middle.append(steps[30])
    assert first[0] > 4 * first[1] > 8 * first[2]
    assert middle[0] < middle[1] < middle[2]


@pytest.mark.parametrize(
    ("count", "frames", "message"),
    [
        (1, 60, "add one"),
        (0, 60, "add one"),
        (13, 60, "leave some out"),
        (3, 2, "3 to 3,600"),
        (2, 3_601, "not 3,601"),
        (2, -5, "not -5"),
    ],
)
def test_too_few_and_too_many(count: int, frames: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        interpolation.interpolate(
            keys_of(count) if count else np.empty((0, NZ), np.float32), frames
        )


def test_unknown_methods_and_easings_are_refused() -> None:
    with pytest.raises(UserError, match="no method 'swim'"):
        interpolation.interpolate(keys_of(2), 10, method="swim")
    with pytest.raises(UserError, match="no easing 'hop'"):
        interpolation.interpolate(keys_of(2), 10, easing="hop")
    with pytest.raises(UserError, match="finite"):
        interpolation.interpolate(np.full((2, NZ), np.nan, np.float32), 10)


@given(count=st.integers(2, 12), segment=st.integers(1, 100), loop=st.booleans())
def test_the_frames_of_segments(count: int, segment: int, loop: bool) -> None:
    frames = interpolation.frame_count(count, segment, loop=loop)
    frames_of_keys = interpolation.key_frames(count, frames, loop=loop)
    assert frames_of_keys == [segment * key for key in range(count)]
