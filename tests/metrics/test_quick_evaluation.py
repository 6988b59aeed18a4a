"""The quick evaluation during a training."""

import json

import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.metrics import quick_evaluation
from neuroceleb.model.networks import Discriminator
from tests import helpers
from tests.metrics.portraits import portraits


@pytest.fixture(scope="module")
def faces() -> Pixels:
    return portraits(64)


@pytest.mark.slow
def test_it_changes_no_state(faces: Pixels) -> None:
    reference = quick_evaluation.QuickReference(faces, n=32)
    network = helpers.random_generator().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two = (quick_evaluation.evaluate(network, reference) for _ in range(2))
    assert (torch.rand(3) == expected).all()
    assert network.training
    assert all((value == before[name]).all() for name, value in network.state_dict().items())
    assert set(one) == {"well_formed", "flaw_score", "swd", "n", "seconds"}
    assert one["n"] == 32
    assert one["well_formed"] == 0.0
    assert 0.5 < float(one["flaw_score"]) <= 1
    assert float(one["swd"]) > 50
    assert one | {"seconds": 0} == two | {"seconds": 0}
    assert json.loads(json.dumps(one)) == one
    assert reference.seconds > 0


def test_too_few_faces_are_refused(faces: Pixels) -> None:
    with pytest.raises(UserError, match="32 real faces"):
        quick_evaluation.QuickReference(faces[:10])


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_the_mean_output_of_d_leaves_it_as_it_was(faces: Pixels, norm: str) -> None:
    D = Discriminator(4, norm=norm).eval()
    before = {name: value.clone() for name, value in D.state_dict().items()}
    random_state = torch.get_rng_state()
    mean = quick_evaluation.mean_d_output(D, faces)
    assert 0 < mean < 1
    assert mean == quick_evaluation.mean_d_output(D, faces)
    assert not D.training
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(value, before[name]) for name, value in D.state_dict().items())
