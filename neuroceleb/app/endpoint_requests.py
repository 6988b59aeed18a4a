"""Requests that name a listener, an endpoint or a component which the page does not have.

Gradio answers them, and values of the wrong types, with a traceback in the log, as it does a bug.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

COMPONENTS = "component_server"
QUEUE = "queue/join"
CALLS = ("api", "run", "call")
BY_NUMBER = "predict"  # the name under which Gradio's own client calls a listener by its number

MAX_NUMBER = 2**53
MAX_TEXT_CHARS = 2**20
MAX_SESSION_CHARS = 100

Check = Callable[[Any], bool]  # of a component's value
Problem = tuple[str, int]  # a sentence and the status of the answer


class KnownEndpoints:
    """Knows what the page has to be called, and which values its components can have."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self._checks = {
            number: [check_of(component) for component in fn.inputs]
            for number, fn in blocks.fns.items()
        }
        self._numbers = {fn.api_name: number for number, fn in blocks.fns.items() if fn.api_name}
        self._components = frozenset(blocks.blocks)

    def problem(self, route: str, body: Any) -> Problem | None:
        """What is wrong with a request; None where it can be answered.

        `route` is what follows Gradio's prefix in the path, `body` the JSON of the request.
        """
        kind, _slash, name = route.rstrip("/").partition("/")
        is_call = kind in CALLS and "/" not in name  # not those of which the values have names
        if kind != COMPONENTS and route.rstrip("/") != QUEUE and not is_call:
            return None
        if not isinstance(body, dict):
            return "The request is no JSON object.", 422
        if kind == COMPONENTS:
            found = body.get("component_id")
            is_known = type(found) is int and found in self._components
            return None if is_known else ("The page has no such component: reload it.", 404)
        if not _is_session(body.get("session_hash")):
            return "The request names no session: reload the page.", 422
        number = body.get("fn_index")
        if is_call and name != BY_NUMBER:
            number = self._numbers.get(name)
        checks = self._checks.get(number) if type(number) is int else None
        if checks is None:
            return "The page has no such endpoint: reload it.", 404
        return _problem_of(body.get("data"), checks)


def _problem_of(values: Any, checks: list[Check]) -> Problem | None:
    if not isinstance(values, list) or len(values) < len(checks):
        return f"The request has too few values: send {len(checks)}.", 422
    for place, (value, check) in enumerate(zip(values, checks, strict=False)):
        if not check(value):
            return f"Value {place + 1} of the request has the wrong type or size.", 422
    return None


def _is_session(value: Any) -> bool:
    """Whether it can name a session; an empty name leaves an event in the queue that blocks it."""
    return value is None or (isinstance(value, str) and 0 < len(value) <= MAX_SESSION_CHARS)


def _is_text(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= MAX_TEXT_CHARS)


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and abs(value) <= MAX_NUMBER  # which NaN is not


def _is_bool(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _is_choice(value: Any) -> bool:
    return _is_text(value) or _is_number(value)


def _is_list_of_choices(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_choice, value)))


def _is_file(value: Any) -> bool:
    is_file = isinstance(value, dict) and isinstance(value.get("path"), str) and "meta" in value
    return value is None or is_file


def _is_anything(_: Any) -> bool:
    return True


CHECKS: tuple[tuple[Any, Check], ...] = (
    (gr.Textbox, _is_text),
    (gr.Number, _is_number_or_none),
    (gr.Slider, _is_number),
    (gr.Checkbox, _is_bool),
    (gr.Dropdown | gr.Radio, _is_choice),
    (gr.File | gr.UploadButton, _is_file),
)


def check_of(component: Any) -> Check:
    """Which values a component can have, as far as Gradio relies on it."""
    if isinstance(component, gr.Dropdown) and component.multiselect:
        return _is_list_of_choices
    return next((check for kind, check in CHECKS if isinstance(component, kind)), _is_anything)
