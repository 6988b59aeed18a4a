"""Settings: the bounds of each, and their way through config.json."""

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.errors import UserError
from neuroceleb.settings import BEFORE, Settings

NUMBERS = [spec for spec in dataclasses.fields(Settings) if "low" in spec.metadata]
TEXTS = [spec for spec in dataclasses.fields(Settings) if "max_length" in spec.metadata]
CHOICES = [spec for spec in dataclasses.fields(Settings) if "choices" in spec.metadata]


def test_every_setting_has_bounds_or_choices_and_a_help() -> None:
    assert {spec.name for spec in NUMBERS + CHOICES + TEXTS} == {
        spec.name for spec in dataclasses.fields(Settings)
    }
    assert all(spec.metadata["help"].endswith(".") for spec in dataclasses.fields(Settings))


def out_of_bounds() -> list[tuple[str, Any]]:
    values: list[tuple[str, Any]] = []
    for spec in NUMBERS:
        low, high = spec.metadata["low"], spec.metadata["high"]
        values.append((spec.name, low - 1 if spec.type is int else low - 1e-9))
        if high is not None:
            values.append((spec.name, high + 1 if spec.type is int else high * 1.01))
        values += [(spec.name, wrong) for wrong in (math.nan, math.inf, True, "3", None)]
        if spec.type is int:
            values.append((spec.name, 1.5))
    values += [(spec.name, wrong) for spec in TEXTS for wrong in (None, 3, ["a"], "a" * 1_001)]
    return values + [(spec.name, wrong) for spec in CHOICES for wrong in ("", "other", None, [])]


@pytest.mark.parametrize(("name", "value"), out_of_bounds())
def test_a_value_out_of_bounds_is_refused_by_the_name_of_its_flag(name: str, value: Any) -> None:
    with pytest.raises(UserError) as refusal:
        Settings.checked(**{name: value})
    assert str(refusal.value).startswith("--" + name.replace("_", "-") + " ")
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("spec", [spec for spec in NUMBERS if spec.metadata["high"] is not None])
def test_the_bounds_themselves_are_allowed(spec: dataclasses.Field[Any]) -> None:
    for edge in (spec.metadata["low"], spec.metadata["high"]):
        assert getattr(Settings.from_json({spec.name: edge}), spec.name) == edge or edge == 0


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ({"patience": 3}, ("--patience 3", "--evaluate-every")),
        ({"freeze_d": 2, "start_from": "none"}, ("--freeze-d 2", "--start-from")),
        ({"freeze_d": 2, "start_from": ""}, ("--freeze-d 2", "--start-from")),
        ({"freeze_d": 2, "recipe": "classic"}, ("--freeze-d 2", "--start-from")),
        ({"averages": "three", "ema_images": 0}, ("--averages three", "--ema-images")),
        ({"first_batch_size": 8}, ("--first-batch-size", "--first-images")),
        ({"first_images": 800}, ("--first-batch-size", "--first-images")),
        (
            {"first_batch_size": 64, "first_images": 800},
            ("--first-batch-size 64", "--batch-size 32"),
        ),
        ({"lr_end": 0.01}, ("--lr-end 0.01", "--lr 0.0004")),
        ({"augment_chance": 0.3, "augment": "none"}, ("--augment-chance 0.3", "--augment")),
        ({"simultaneous": "yes"}, ("--simultaneous yes", "--d-norm")),
        ({"simultaneous": "yes", "d_norm": "none", "loss": "hinge"}, ("--loss ns or rp",)),
        ({"simultaneous": "yes", "d_norm": "none", "lecam": 0.1}, ("--lecam 0",)),
    ],
)
def test_a_setting_that_contradicts_another_is_refused(
    values: dict[str, Any], flags: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as refusal:
        Settings.checked(**values)
    assert all(flag in str(refusal.value) for flag in flags)
    assert Settings.from_json(values) is not None  # a run of an older version


def test_settings_that_go_together_are_accepted() -> None:
    assert Settings.checked(averages="three", first_batch_size=8, first_images=800, lr_end=1e-5)
    assert Settings.checked(simultaneous="yes", d_norm="none", loss="rp", augment_chance=0.3)


@pytest.mark.parametrize(("epochs", "every"), [(1, 1), (20, 1), (21, 2), (200, 10), (1000, 50)])
def test_about_twenty_epochs_are_kept_by_default(epochs: int, every: int) -> None:
    assert Settings.checked(epochs=epochs).keep_every == every


def test_keep_every_is_left_alone_where_it_is_given() -> None:
    assert Settings.checked(epochs=200, keep_every=7).keep_every == 7


@given(st.integers(1, 100_000), st.floats(1e-8, 1.0), st.sampled_from(["float32", "float16"]))
def test_settings_come_back_whole_from_json(epochs: int, lr: float, weights: str) -> None:
    settings = Settings.checked(epochs=epochs, lr=lr, weights=weights)
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_a_setting_of_another_version_is_named() -> None:
    with pytest.raises(UserError, match="colour"):
        Settings.from_json({"colour": 1})


def test_a_run_from_before_a_setting_goes_on_without_it() -> None:
    values = Settings.checked(recipe="modern").to_json()
    earlier = {name: value for name, value in values.items() if name not in BEFORE}
    settings = Settings.from_json(earlier)
    assert {name: getattr(settings, name) for name in BEFORE} == BEFORE
    assert {name: getattr(settings, name) for name in earlier} == earlier


def test_no_gpu_is_the_cpu_as_in_the_original() -> None:
    assert Settings.checked(ngpu=0).device == "cpu"
    assert Settings.checked(ngpu=1).device == "auto"
    with pytest.raises(UserError, match="--ngpu 0 is the CPU"):
        Settings.checked(ngpu=0, device="cuda")
