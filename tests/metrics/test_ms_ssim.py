"""MS-SSIM: its properties, and scikit-image as a reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from neuroceleb.metrics import ms_ssim
from tests.metrics.synthetic_faces import faces

FEW = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**32)


@FEW
@given(seeds)
def test_a_face_is_equal_to_itself(seed: int) -> None:
    ones, others = faces(5, seed), faces(5, seed + 1)
    np.testing.assert_allclose(ms_ssim.ms_ssim(ones, ones), 1.0, atol=1e-4)
    alike = ms_ssim.ms_ssim(ones, others)
    np.testing.assert_allclose(alike, ms_ssim.ms_ssim(others, ones), atol=1e-5)
    assert (alike < 0.9).all()
    assert (alike >= 0).all()


def test_one_scale_is_what_scikit_image_gives() -> None:
    ones, others = faces(3), faces(3, 1) // 2 + faces(3) // 2
    ours, _ = ms_ssim._ssim(ones.astype(np.float32), others.astype(np.float32))
    for index, value in enumerate(ours):
        theirs = structural_similarity(
            ones[index],
            others[index],
            channel_axis=2,
            gaussian_weights=True,
            use_sample_covariance=False,
            data_range=255,
        )
        assert value == pytest.approx(theirs, abs=1e-3)


@given(st.integers(0, 40), seeds)
def test_no_face_is_in_two_pairs(count: int, seed: int) -> None:
    ones, others = ms_ssim.random_pairs(np.arange(count), seed)
    both = np.concatenate([ones, others])
    assert len(ones) == len(others) == count // 2
    assert len(set(both.tolist())) == len(both)
