"""Requests that name what the page does not have, or carry what its components cannot have."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest

from neuroceleb.app.endpoint_requests import MAX_TEXT_CHARS, KnownEndpoints


def same(*values: Any) -> Any:
    return values[0]


async def known() -> KnownEndpoints:
    with gr.Blocks() as blocks:
        text, number, share = gr.Textbox(), gr.Number(), gr.Slider(0, 1)
        several, photo = gr.Dropdown(["a"], multiselect=True), gr.File()
        gr.on([text.submit], same, [text, number, share, several, photo], text, api_name="same")
    return KnownEndpoints(blocks)


@pytest.fixture(scope="module")
def endpoints() -> KnownEndpoints:
    with ThreadPoolExecutor(1) as pool:  # Gradio needs a thread with an event loop
        return pool.submit(asyncio.run, known()).result()


GOOD = ["a", 1, 0.5, ["a"], None]


@pytest.mark.parametrize(
    "values",
    [GOOD, [None, None, 0, None, None], [*GOOD[:4], {"path": "a.png", "meta": {}}], [*GOOD, 7]],
)
def test_values_that_a_component_can_have_are_passed_on(
    endpoints: KnownEndpoints, values: list[Any]
) -> None:
    for route in ("call/same", "run/same", "api/same/"):
        assert endpoints.problem(route, {"data": values}) is None
    for route in ("queue/join", "run/predict"):
        assert endpoints.problem(route, {"data": values, "fn_index": 0}) is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (1, 7),
        pytest.param(1, "a" * (MAX_TEXT_CHARS + 1), id="1-long"),
        (2, "1"),
        (2, float("nan")),
        pytest.param(2, 10**400, id="2-huge"),
        (3, None),
        (3, True),
        (4, "a"),
        (4, [["a"]]),
        (5, {"path": "a.png"}),
        (5, "a.png"),
    ],
)
def test_values_of_wrong_types_or_sizes_are_named_by_their_place(
    endpoints: KnownEndpoints, place: int, value: Any
) -> None:
    values = [*GOOD[: place - 1], value, *GOOD[place:]]
    sentence = f"Value {place} of the request has the wrong type or size."
    assert endpoints.problem("call/same", {"data": values}) == (sentence, 422)


@pytest.mark.parametrize("body", [None, [], "a", 1])
def test_a_call_is_a_json_object(endpoints: KnownEndpoints, body: Any) -> None:
    assert endpoints.problem("call/same", body) == ("The request is no JSON object.", 422)


@pytest.mark.parametrize("data", [None, {}, [], GOOD[:4]])
def test_a_call_has_a_value_for_each_component(endpoints: KnownEndpoints, data: Any) -> None:
    expected = ("The request has too few values: send 5.", 422)
    assert endpoints.problem("call/same", {"data": data}) == expected


@pytest.mark.parametrize("number", [99, -1, True, "0", None, [], 0.0])
def test_what_the_page_does_not_have_is_not_found(endpoints: KnownEndpoints, number: Any) -> None:
    for route, body in (
        ("call/other", {"data": GOOD}),
        ("queue/join", {"data": GOOD, "fn_index": number}),
        ("component_server", {"component_id": -1 if number == 0 else number}),
    ):
        problem = endpoints.problem(route, body)
        assert problem is not None
        assert problem[1] == 404


@pytest.mark.parametrize("route", ["queue/data", "call/v2/same", "upload", "call/same/event"])
def test_other_routes_are_left_to_gradio(endpoints: KnownEndpoints, route: str) -> None:
    assert endpoints.problem(route, None) is None


@pytest.mark.parametrize("session", ["", "a" * 101, 5, [], {}])
def test_a_session_has_a_short_name(endpoints: KnownEndpoints, session: Any) -> None:
    body = {"data": GOOD, "fn_index": 0, "session_hash": session}
    for route in ("queue/join", "call/same", "run/predict"):
        problem = endpoints.problem(route, body)
        assert problem is not None
        assert problem[1] == 422
        assert endpoints.problem(route, {**body, "session_hash": "abc123"}) is None
