"""Steps through the seeds of the Generate tab."""

import random
from typing import Any

import gradio as gr

from neuroceleb.app import select_best
from neuroceleb.app.api.context import Context
from neuroceleb.app.parameters import read_whole
from neuroceleb.app.tabs.generate.sheet import FAVOURITES, SEEDS
from neuroceleb.errors import Message, UserError

NEW_SEEDS = 1_000_000  # short enough to read out


def earlier_seeds(
    context: Context, seeds: str, count: float, best: bool, view: str
) -> tuple[str, Any]:
    """The seed before which those lie that are shown, or that the shown ones were chosen from."""
    return _stepped(seeds, -_drawn(count, best)), _seeds_for(view)


def later_seeds(
    context: Context, seeds: str, count: float, best: bool, view: str
) -> tuple[str, Any]:
    """The seed after those that are shown, or that the shown ones were chosen from."""
    return _stepped(seeds, _drawn(count, best)), _seeds_for(view)


def new_seeds(context: Context, seeds: str, count: float, best: bool, view: str) -> tuple[str, Any]:
    """A seed that nobody chose."""
    return str(random.randrange(NEW_SEEDS)), _seeds_for(view)


def _drawn(count: float, best: bool) -> int:
    return int(count) * (select_best.DRAWN_PER_KEPT if best else 1)


def _seeds_for(view: str) -> Any:
    """The view that other seeds are shown in: favourites give way to them."""
    return SEEDS if view == FAVOURITES else gr.skip()


def _stepped(seeds: str, by: int) -> str:
    if not seeds.strip().isdecimal():
        raise UserError("A list of seeds has no seeds before or after it: write one seed.")
    return str(max(0, read_whole(seeds, Message("The seed")) + by))
