"""Listeners as Gradio gets them: bound, typed, with their errors as toasts."""

import asyncio
import inspect
import json
import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import gradio as gr
import pytest
from gradio.state_holder import StateHolder

from neuroceleb.app import page
from neuroceleb.app.api.context import Context
from neuroceleb.app.listeners import bind, bind_server_function
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace, create_run
from tests.conftest import SHIPPED

MODEL = SHIPPED.name


class Request:
    """What a listener reads of a request."""

    def __init__(self, language: str = "en") -> None:
        self.cookies: dict[str, str] = {}
        self.headers = {"accept-language": language}


def refuse(context: Context, name: str) -> None:
    raise UserError("There is no run '{name}'.", name=name)


def refuse_in_words(context: Context) -> None:
    raise UserError("That is no face: pick one again.")


def fail(context: Context) -> None:
    raise RuntimeError("secret path")


def count(context: Context, most: int) -> Iterator[int]:
    yield from range(most)
    raise UserError("{most} is all there is.", most=most)


def add(context: Context, fixed: int, one: int, event: gr.EventData) -> int:
    return fixed + one


def test_gradio_sees_the_parameters_after_the_context(context: Context) -> None:
    bound = bind(context, add, 5)
    parameters = list(inspect.signature(bound).parameters)
    assert parameters[1:] == ["one", "event"]
    assert bound.__annotations__["event"] is gr.EventData
    assert bound.__annotations__[parameters[0]] is gr.Request
    assert bound(Request(), 2, None) == 7


def total(context: Context, one: int, *others: int) -> int:
    return one + sum(others)


@pytest.mark.parametrize("others", [(), (2,), (2, 3)])
def test_a_listener_gets_as_many_values_as_there_are(
    context: Context, others: tuple[int, ...]
) -> None:
    assert bind(context, total)(Request(), 1, *others) == 1 + sum(others)


def name_epoch(context: Context, event: gr.EventData, *values: object) -> list[object]:
    return list(values)


def name_epoch_first(context: Context, *values: object) -> list[object]:
    return list(values)


@pytest.mark.parametrize(
    ("model", "epoch", "given"),
    [(MODEL, 29, 29), (MODEL, 28, None), (MODEL, None, None), ("", 28, 28), (None, 28, 28)],
)
def test_the_epoch_of_a_model_chosen_before_is_left_out(
    context: Context, model: str | None, epoch: int | None, given: int | None
) -> None:
    plain = bind(context, name_epoch_first, of_model=(0, 1))
    assert plain(Request(), model, epoch, 28) == [model, given, 28]
    event = gr.EventData(None, {})
    after_event = bind(context, name_epoch, of_model=(1, 2))
    assert after_event(Request(), event, 28, model, epoch) == [28, model, given]
    other = bind(context, name_epoch_first)
    assert other(Request(), model, epoch) == [model, epoch]


def test_a_refusal_is_a_toast_with_its_sentence(context: Context) -> None:
    with pytest.raises(gr.Error) as raised:
        bind(context, refuse)(Request(), "faces")
    assert raised.value.message == "There is no run 'faces'."
    assert not raised.value.print_exception


def test_markup_in_a_toast_is_escaped(context: Context) -> None:
    with pytest.raises(gr.Error) as raised:
        bind(context, refuse)(Request(), "<img onerror=alert(1)>")
    assert raised.value.message == "There is no run '&lt;img onerror=alert(1)&gt;'."


def test_a_toast_is_in_the_language_of_the_visitor(context: Context) -> None:
    with pytest.raises(gr.Error) as raised:
        bind(context, refuse_in_words)(Request("ko-KR,ko;q=0.9"))
    assert raised.value.message == "얼굴이 아닙니다. 다시 고르세요."


def test_a_bug_is_logged_and_not_shown(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as raised:
        bind(context, fail)(Request())
    assert "secret" not in raised.value.message
    assert "secret path" in caplog.text


def test_a_generator_gives_its_values_and_then_its_toast(context: Context) -> None:
    values = bind(context, count)(Request(), 3)
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(gr.Error, match="3 is all there is"):
        next(values)


def test_an_event_has_at_most_one_listener_that_is_called_again(app_url: str) -> None:
    """Where two wait, each makes Gradio call both again once it has ended, for ever."""
    with urlopen(f"{app_url}config") as answer:
        dependencies = json.load(answer)["dependencies"]
    again = Counter(
        (component, event)
        for dependency in dependencies
        for component, event in dependency["targets"]
        if dependency["trigger_mode"] == "always_last" and component is not None
    )
    assert again
    assert max(again.values()) == 1, again.most_common(3)
    # Gradio would call them again with the data of the first event.
    with_data = [one for one in dependencies if one["collects_event_data"]]
    assert with_data
    assert all(one["trigger_mode"] != "always_last" for one in with_data)


def test_few_components_get_a_status(app_url: str) -> None:
    """For each that ever had one, Gradio's page searches the whole layout three times a call.

    With 150 of them a call took 500 ms of the browser's processor instead of 70.
    """
    with urlopen(f"{app_url}config") as answer:
        dependencies = json.load(answer)["dependencies"]
    targets: set[int] = set()
    for one in dependencies:
        if one["backend_fn"] and one["api_visibility"] == "private":
            own = one["show_progress_on"] or one["outputs"]
            assert len(own) <= (1 if one["show_progress"] == "hidden" else 6), one["api_name"]
            targets.update(own)
    assert 0 < len(targets) <= 30


def test_what_a_timer_draws_is_drawn_in_one_order(context: Context) -> None:
    """A late answer would undo a newer one, or stop the timer of the trainings for good."""
    with ThreadPoolExecutor(1) as pool:  # Gradio needs a thread with an event loop
        blocks = pool.submit(asyncio.run, built(context)).result()
    listeners = [one for one in blocks.fns.values() if one.fn is not None]
    timers = {
        (number, "tick") for number, one in blocks.blocks.items() if isinstance(one, gr.Timer)
    }
    polled = [one for one in listeners if timers.intersection(one.targets)]
    assert {one.concurrency_id for one in polled} == {"trainings", "train", "progress", "photos"}
    for poll in polled:
        same = [one for one in listeners if one.outputs == poll.outputs]
        assert len(same) > 1
        assert {(one.concurrency_id, one.concurrency_limit) for one in same} == {
            (poll.concurrency_id, 1)
        }


async def built(context: Context) -> gr.Blocks:
    return page.build(context)


def test_favourites_outlive_the_app(context: Context) -> None:
    """Gradio encrypts them, and without a key draws another one each time the page is built."""
    with ThreadPoolExecutor(1) as pool:
        pages = [pool.submit(asyncio.run, built(context)).result() for _ in range(2)]
    kept = [
        {one.secret for one in blocks.blocks.values() if isinstance(one, gr.BrowserState)}
        for blocks in pages
    ]
    assert kept[0] == kept[1] and len(kept[0]) == 1


def test_the_header_follows_a_training(context: Context, tmp_path: Path) -> None:
    context = Context(Workspace(tmp_path), context.access)
    run = create_run(context.workspace, "mine", {})
    models, epochs, known, no_model = page.list_again(context, "mine", None, "")
    assert models["choices"] == [("mine · no weights yet", "mine")]
    assert epochs["choices"] == [] and "value" not in epochs and not no_model["visible"]
    assert page.list_again(context, "mine", None, known) == (gr.skip(),) * 4

    for epoch in (0, 1):
        (run.path / f"netG_epoch_{epoch:03d}.safetensors").write_bytes(b"weights")
    models, epochs, _known, _no_model = page.list_again(context, "mine", None, known)
    assert models["choices"] == [("mine", "mine")] and "value" not in models
    assert epochs["choices"] == [1, 0] and epochs["value"] == 1
    assert "value" not in page.list_again(context, "mine", 0, known)[1]  # as it was chosen
    for model in (None, "gone"):
        assert page.list_again(context, model, None, "") == (gr.skip(),) * 4


def test_few_sessions_are_kept(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio would keep 10,000 of 0.9 MB, and an API client can begin one with every call."""
    monkeypatch.setattr(page, "SESSIONS_KEPT", 3)
    with ThreadPoolExecutor(1) as pool:
        blocks = pool.submit(asyncio.run, built(context)).result()
    sessions = StateHolder()
    sessions.set_blocks(blocks)  # as the server does
    for number in range(5):
        assert sessions[f"{number}"].blocks_config.blocks
    assert list(sessions.session_data) == ["2", "3", "4"]


def test_a_server_function_returns_its_value_or_one_sentence(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    request = Request("ko")

    def double(context: Context, value: int) -> int:
        return 2 * value

    def refuse_it(context: Context, value: int) -> None:
        refuse_in_words(context)

    def fail_at_it(context: Context, value: int) -> None:
        fail(context)

    assert bind_server_function(context, double)(4, request) == {"value": 8}
    refused = bind_server_function(context, refuse_it)(4, request)
    assert refused == {"error": "얼굴이 아닙니다. 다시 고르세요."}
    failed = bind_server_function(context, fail_at_it)(4, request)
    assert "secret path" not in failed["error"] and "secret path" in caplog.text
