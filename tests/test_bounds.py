"""Fields with bounds, and the sentences for values outside them."""

import dataclasses
from typing import Any

import pytest

from neuroceleb import bounds
from neuroceleb.errors import UserError


@dataclasses.dataclass
class Example:
    whole: int = bounds.number(2, "A whole number.", 1, 9)
    share: float = bounds.number(0.5, "A share.", 0)
    kind: str = bounds.choice("a", "A kind.", "a", "b", "c")
    name: str = bounds.text("", "A name.", 3)


def check(name: str, value: Any) -> None:
    spec = next(spec for spec in dataclasses.fields(Example) if spec.name == name)
    bounds.check(spec, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("whole", 1), ("whole", 9), ("share", 0), ("share", 1e300), ("kind", "c"), ("name", "abc")],
)
def test_values_in_bounds_are_accepted(name: str, value: Any) -> None:
    check(name, value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("whole", 0, "--whole 0 is out of bounds: use a value from 1 to 9."),
        ("whole", 1.5, "--whole 1.5 is not a whole number: fix it and try again."),
        ("whole", True, "--whole True is not a whole number: fix it and try again."),
        ("share", -1, "--share -1 is out of bounds: use a value at least 0."),
        ("share", "1", "--share 1 is not a number: fix it and try again."),
        ("kind", "d", "--kind d is not known: use a, b or c."),
        (
            "name",
            "abcd",
            "--name abcd is not a text of at most 3 characters without control characters: fix it "
            "and try again.",
        ),
        (
            "name",
            "a\0b",
            "--name a\\x00b is not a text of at most 3 characters without control characters: fix "
            "it and try again.",
        ),
        (
            "name",
            "\ud800",
            "--name \\ud800 is not a text of at most 3 characters without control characters: fix "
            "it and try again.",
        ),
    ],
)
def test_other_values_raise_a_sentence_with_the_flag(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        check(name, value)
    assert str(error.value) == sentence


def test_a_flag_has_dashes() -> None:
    assert bounds.flag("batch_size") == "--batch-size"
