"""Values of requests, checked: numbers, texts and choices; each failure is one sentence."""

import math
import re
from typing import Any

from neuroceleb.errors import Message, UserError


def read_number(value: Any, what: Message) -> float | int:
    """A finite number, also one written as a decimal text; raises UserError that names `what`."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and re.fullmatch(r"-?\d{1,20}", text, re.ASCII):
        return int(text)
    if isinstance(text, str) and re.fullmatch(r"-?\d{1,20}\.\d{1,20}", text, re.ASCII):
        return float(text)
    if value is None or text == "":
        raise UserError("{what} is missing: write a number.", what=what)
    if isinstance(value, int) and abs(value) >= 10**20:
        raise UserError("{what} has more than 20 digits: use a smaller number.", what=what)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(
            "{what} '{value}' is not a number: write digits.", what=what, value=str(value)[:40]
        )
    return value


def read_whole(value: Any, what: Message, low: int | None = None, high: int | None = None) -> int:
    """A whole number from `low` to `high`, where given; raises UserError that names `what`."""
    number = read_number(value, what)
    if number != int(number):
        raise UserError(
            "{what} must be a whole number, not {number:g}: leave the fraction out.",
            what=what,
            number=number,
        )
    if (low is not None and number < low) or (high is not None and number > high):
        raise UserError(
            "{what} is out of range: use a whole number from {low} to {high}, not {number:.0f}.",
            what=what,
            low=low,
            high=high,
            number=number,
        )
    return int(number)


def read_object(value: Any) -> dict[str, Any]:
    """A JSON object; raises UserError for anything else."""
    if not isinstance(value, dict):
        raise UserError("What was sent is no JSON object: reload the page.")
    return value


def read_text(value: Any, sentence: Message) -> str:
    """A text without the spaces around it; raises UserError(sentence) for none or an empty one."""
    if not isinstance(value, str) or not value.strip():
        raise UserError(sentence)
    return value.strip()
