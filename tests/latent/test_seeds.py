"""Seeds: how they are written, and what z each one means."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import MAX_SEED, MAX_SEEDS, parse_seeds, z_from_seed, z_from_seeds

seeds = st.integers(0, MAX_SEED)
ranges = st.tuples(seeds, st.integers(0, 50)).map(
    lambda pair: (pair[0], min(pair[0] + pair[1], MAX_SEED))
)


@given(
    st.lists(ranges, min_size=1, max_size=20),
    st.sampled_from([",", ", ", " , "]),
    st.sampled_from("-–"),
)
def test_seeds_are_read_as_they_are_written_in_order_with_repeats(
    spans: list[tuple[int, int]], comma: str, dash: str
) -> None:
    text = comma.join(str(a) if a == b else f"{a}{dash}{b}" for a, b in spans)
    expected = [seed for first, last in spans for seed in range(first, last + 1)]
    assert parse_seeds(text) == expected


@given(st.text(max_size=30))
def test_any_text_is_seeds_within_bounds_or_refused_in_one_sentence(text: str) -> None:
    try:
        found = parse_seeds(text)
    except UserError as error:
        assert str(error).endswith(".")
    else:
        assert 0 < len(found) <= MAX_SEEDS
        assert all(0 <= seed <= MAX_SEED for seed in found)


def test_the_example_of_the_manual() -> None:
    assert parse_seeds("0-63,99") == [*range(64), 99]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("1,,2", "''"),
        ("one", "'one'"),
        ("-1", "'-1'"),
        ("1.5", "'1.5'"),
        ("0x10", "'0x10'"),
        ("٣", "'٣'"),  # a digit, but not one of ours
        ("5-3", "3-5"),
        (str(MAX_SEED + 1), str(MAX_SEED)),
        ("9" * 400, "9" * 40),
        ("0-100000", "100,000"),
        ("0-99999,7", "100,000"),
        (f"0-{MAX_SEED}", "100,000"),
    ],
)
def test_an_invalid_seed_is_named(text: str, named: str) -> None:
    with pytest.raises(UserError) as refusal:
        parse_seeds(text)
    assert named in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_exactly_a_hundred_thousand_seeds_are_allowed() -> None:
    assert len(parse_seeds("0-99999")) == 100_000


@given(seeds, st.integers(1, 512))
def test_z_is_numpys_standard_normal_in_single_precision(seed: int, nz: int) -> None:
    z = z_from_seed(seed, nz)
    expected = np.random.default_rng(seed).standard_normal(nz).astype(np.float32)
    assert z.dtype == np.float32
    np.testing.assert_array_equal(z, expected)


def test_z_of_seed_42_is_the_same_in_every_version() -> None:
    expected = [0.304717, -1.039984, 0.750451, 0.940565, -1.951035]
    np.testing.assert_allclose(z_from_seed(42, 5), expected, atol=1e-6)


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1])
def test_a_seed_out_of_range_has_no_z(seed: int) -> None:
    with pytest.raises(UserError, match=str(seed)):
        z_from_seed(seed, 8)


@given(st.lists(seeds, max_size=8), st.floats(0, 2))
def test_many_z_are_those_of_each_seed_scaled(chosen: list[int], truncation: float) -> None:
    z = z_from_seeds(chosen, 8, truncation)
    assert z.shape == (len(chosen), 8)
    assert z.dtype == np.float32
    for row, seed in zip(z, chosen, strict=True):
        np.testing.assert_array_equal(row, z_from_seed(seed, 8) * np.float32(truncation))


@pytest.mark.parametrize("truncation", [-0.01, 2.01, math.nan, math.inf, -math.inf])
def test_truncation_out_of_bounds_is_refused(truncation: float) -> None:
    with pytest.raises(UserError, match="from 0 to 2"):
        z_from_seeds([0], 8, truncation)
