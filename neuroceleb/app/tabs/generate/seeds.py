"""Other seeds for the Generate tab."""

import random
from typing import Any

import gradio as gr

from neuroceleb.app import select_best
from neuroceleb.app.api.context import Context
from neuroceleb.app.tabs.generate.sheet import FAVOURITES, SEEDS

NEW_SEEDS = 1_000_000  # short enough to read out


def step_script(direction: int) -> str:
    """The script of a step to the seeds before (-1) or after (1) those that are shown.

    Its inputs are seeds, count, best-of and view, its outputs seeds and view. A list stays; the
    sheet reports it, see `sheet.show_stepped`.
    """
    drawn_per_kept = select_best.DRAWN_PER_KEPT
    return f"(...shown) => window.neuroceleb.stepSeeds({direction}, {drawn_per_kept}, ...shown)"


def new_seeds(context: Context, view: str) -> tuple[str, Any]:
    """A seed that nobody chose, and the view: favourites give way to it."""
    return str(random.randrange(NEW_SEEDS)), SEEDS if view == FAVOURITES else gr.skip()
