"""The precision of convolutions: what `auto` chooses, records, and keeps when a run goes on."""

import logging
from pathlib import Path

import pytest
import torch

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings
from neuroceleb.training import estimate, precision
from tests import helpers

CPU = torch.device("cpu")


def taking(whole: float, half: float) -> precision.Measure:
    return lambda dtype: half if dtype is torch.bfloat16 else whole


def no_measure(_: torch.dtype) -> float:
    raise AssertionError("Nothing is to be measured.")


@pytest.mark.parametrize(
    ("is_native", "measure", "chosen", "reason"),
    [
        (False, no_measure, "float32", "does not compute bfloat16 natively"),
        (True, taking(0.004, 0.001), "bfloat16", "1.0 ms in bfloat16, 4.0 ms in float32"),
        (True, taking(0.004, 0.004), "float32", "4.0 ms in bfloat16, 4.0 ms in float32"),
        (True, taking(0.004, 0.009), "float32", "9.0 ms in bfloat16, 4.0 ms in float32"),
    ],
)
def test_auto_is_never_the_slower_one(
    is_native: bool, measure: precision.Measure, chosen: str, reason: str
) -> None:
    choice = precision.choose(is_native, measure)
    assert choice.precision == chosen
    assert reason in choice.reason


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({}, False), ({"avx512_f": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": 1}, 1)],
)
def test_native_is_what_the_processor_has(
    capabilities: dict[str, bool], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert precision.has_native_bfloat16() == expected


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_convolution_is_measured_in_a_fraction_of_a_second(dtype: torch.dtype) -> None:
    assert 0 < precision.seconds_of(dtype) < 10


@pytest.mark.parametrize(
    ("setting", "recorded", "is_native", "expected"),
    [
        ("float32", None, True, "float32"),
        ("bfloat16", None, True, "bfloat16"),
        ("auto", None, False, "float32"),
        ("auto", None, True, "bfloat16"),
        ("auto", "float32", True, "float32"),
        ("auto", "bfloat16", True, "bfloat16"),
        ("auto", "bfloat16", False, "float32"),
    ],
)
def test_a_run_keeps_what_it_recorded(
    setting: str,
    recorded: str | None,
    is_native: bool,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: is_native)
    monkeypatch.setattr(precision, "choose", lambda native: precision.Choice(expected, "so it is"))
    with caplog.at_level(logging.INFO):
        assert precision.resolve(setting, CPU, recorded) == expected
    was_chosen = setting == "auto" and recorded != expected
    assert ("so it is" in caplog.text) == was_chosen
    assert ("does not go on to the bit" in caplog.text) == (recorded is not None and was_chosen)


def test_a_gpu_keeps_float32_unless_asked() -> None:
    gpu = torch.device("cuda")
    assert precision.resolve("auto", gpu) == "float32"
    assert precision.resolve("bfloat16", gpu) == "bfloat16"


def test_bfloat16_is_refused_where_the_cpu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: False)
    with pytest.raises(UserError, match="natively"):
        precision.resolve("bfloat16", CPU)


def test_it_is_refused_before_anything_is_started(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: False)
    flags = ("--precision", "bfloat16", *helpers.TINY)
    here("train", photos, "--run", "one", *flags).assert_refused("--precision", "float32 or auto")
    assert not (here.workspace / "checkpoints" / "one").exists()
    found = estimate.estimate(
        Workspace(here.workspace),
        "one",
        str(photos),
        Settings.checked(precision="bfloat16", device="cpu"),
    )
    assert found["images_per_second"] is None
    assert any("natively" in problem["sentence"] for problem in found["problems"])


FLAGS = ("--recipe", "modern", "--epochs", "2", "--keep-every", "1", *helpers.TINY)


def test_a_run_that_began_in_bfloat16_goes_on_in_it_exactly(
    here: helpers.Here, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: True)
    monkeypatch.setattr(precision, "choose", lambda _: precision.Choice("bfloat16", "faster here"))
    outcome = here("train", photos, "--run", "whole", *FLAGS)
    assert outcome.code == 0, outcome.err
    assert "Precision bfloat16: faster here." in outcome.err
    whole = helpers.run_of(here.workspace, "whole")
    assert whole.status()["precision"] == "bfloat16"
    assert whole.config()["settings"]["precision"] == "auto"

    assert here("train", photos, "--run", "broken", *FLAGS, "--epochs", "1").code == 0
    monkeypatch.setattr(precision, "choose", lambda _: precision.Choice("float32", "slower now"))
    outcome = here("train", "--run", "broken", "--resume", "--epochs", "2")
    assert outcome.code == 0, outcome.err
    assert "slower now" not in outcome.err
    broken = helpers.run_of(here.workspace, "broken")
    helpers.assert_same_training(broken, whole)


def test_without_its_record_it_chooses_again(here: helpers.Here, photos: Path) -> None:
    assert here("train", photos, "--run", "one", *FLAGS).code == 0
    run = helpers.run_of(here.workspace, "one")
    assert run.status()["precision"] in {"float32", "bfloat16"}
    status = {key: value for key, value in run.status().items() if key != "precision"}
    files.write_json(run.path / "status.json", status)
    assert here("train", "--run", "one", "--resume", "--epochs", "3").code == 0
    assert run.status()["precision"] in {"float32", "bfloat16"}
