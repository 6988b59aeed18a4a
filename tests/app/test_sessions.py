"""A page goes on working when the server has forgotten its session, or was restarted."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pytest

from neuroceleb.app import page
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.runs.workspace import Workspace

LISTED_LATER = ("model", "beside", "dataset", "set-start_from", "deleted", "view", "photos-view")


async def built(context: Context) -> gr.Blocks:
    return page.build(context)


@pytest.fixture(scope="module")
def choices(app_workspace: Path) -> dict[str, gr.Dropdown | gr.Radio]:
    """The page's dropdowns and radios as a new session has them, by id."""
    context = Context(Workspace(app_workspace), Access(is_local=True))
    with ThreadPoolExecutor(1) as pool:  # Gradio needs a thread with an event loop
        blocks = pool.submit(asyncio.run, built(context)).result()
    kinds = (gr.Dropdown, gr.Radio)
    return {str(one.elem_id): one for one in blocks.blocks.values() if isinstance(one, kinds)}


@pytest.mark.parametrize("name", LISTED_LATER)
def test_a_name_that_was_listed_to_a_forgotten_session_is_accepted(
    name: str, choices: dict[str, gr.Dropdown | gr.Radio]
) -> None:
    assert choices[name].preprocess("listed earlier") == "listed earlier"


def test_so_is_an_epoch_and_nothing_else(choices: dict[str, gr.Dropdown | gr.Radio]) -> None:
    assert [choices["epoch"].preprocess(value) for value in (7, "7", None)] == [7, None, None]


def test_what_begins_empty_is_never_refused(choices: dict[str, gr.Dropdown | gr.Radio]) -> None:
    empty = [one for one in choices.values() if not one.choices]
    assert len(empty) >= 5
    for one in empty:
        one.preprocess("anything")
