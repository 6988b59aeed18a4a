"""Dataclass fields with a help text and bounds, and the check of a value against them."""

import dataclasses
import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from neuroceleb.errors import Message, UserError


def number(default: float, help: str, low: float, high: float | None = None) -> Any:
    """A field for a number in `low..high`, both included; the annotation says int or float."""
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high})


def choice(default: str, help: str, *choices: str) -> Any:
    """A field for one of a few words."""
    return dataclasses.field(default=default, metadata={"help": help, "choices": choices})


def text(default: str, help: str, max_length: int) -> Any:
    """A field for text of at most `max_length` characters."""
    metadata = {"help": help, "max_length": max_length}
    return dataclasses.field(default=default, metadata=metadata)


def flag(name: str) -> str:
    """The command line's flag for a field: `batch_size` -> `--batch-size`."""
    return "--" + name.replace("_", "-")


def check(spec: dataclasses.Field[Any], value: Any) -> None:
    """Raises UserError, with the field's flag, where `value` has another type or is out of bounds.

    `spec` was declared by `number`, `choice` or `text`.
    """
    name, given = flag(spec.name), f"{value!s:.40}"
    if "choices" in spec.metadata:
        if value not in spec.metadata["choices"]:
            raise UserError(
                "{name} {given} is not known: use {choices}.",
                name=name,
                given=given,
                choices=_listed(spec.metadata["choices"]),
            )
    elif "max_length" in spec.metadata:
        longest = spec.metadata["max_length"]
        if not isinstance(value, str) or len(value) > longest or _has_controls(value):
            raise UserError(
                "{name} {given} is not a text of at most {longest:,} characters without control "
                "characters: fix it and try again.",
                name=name,
                given=repr(value)[1:-1][:40],
                longest=longest,
            )
    else:
        _check_number(spec, value, name, given)


def _has_controls(value: str) -> bool:
    """Whether a text holds control characters, or surrogates, which no file can hold."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in value)


def _check_number(spec: dataclasses.Field[Any], value: Any, name: str, given: str) -> None:
    number_types = (int,) if spec.type is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, number_types):
        what = Message("a whole number") if spec.type is int else Message("a number")
        raise UserError(
            "{name} {given} is not {what}: fix it and try again.", name=name, given=given, what=what
        )
    low, high = spec.metadata["low"], spec.metadata["high"]
    # Bounds first: a whole number may be too large for isfinite.
    if value < low or (high is not None and value > high) or not math.isfinite(value):
        span = Message("at least {low:g}", low=low)
        if high is not None:
            span = Message("from {low:g} to {high:.10g}", low=low, high=high)
        raise UserError(
            "{name} {given} is out of bounds: use a value {span}.",
            name=name,
            given=given,
            span=span,
        )


def _listed(choices: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))
