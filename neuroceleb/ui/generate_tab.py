"""The Generate tab: a model, an epoch, a seed; a contact sheet of faces."""

import base64
import random
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from .. import latent
from ..runs import Workspace
from . import faces, theme
from .handlers import guarded
from .texts import i18n

TRAIN_COMMAND = "python -m neuroceleb train FOLDER --run NAME"
ROLLED_SEEDS = 1_000_000  # short enough to read out


def build(workspace: Workspace, page: gr.Blocks) -> None:
    """Lay out the tab and wire it to the functions below."""
    first = faces.models(workspace)[:1]
    with gr.Row(elem_id="generate-controls", visible=bool(first)) as controls:
        model = gr.Dropdown(
            label=i18n("model"), choices=[], interactive=True, filterable=False, elem_id="model"
        )
        epoch = gr.Dropdown(
            label=i18n("epoch"), choices=[], interactive=True, filterable=False, elem_id="epoch"
        )
        seed = gr.Number(label=i18n("seed"), value=faces.FIRST_SEED, elem_id="seed")
        dice = gr.Button(i18n("dice"), variant="primary", elem_id="dice")
        count = gr.Slider(
            1,
            faces.MAX_COUNT,
            faces.FIRST_COUNT,
            step=1,
            label=i18n("count"),
            buttons=[],
            elem_id="count",
        )
        truncation = gr.Slider(
            0, 2, 1.0, step=0.05, label=i18n("truncation"), buttons=[], elem_id="truncation"
        )
    sheet = gr.HTML(
        value=None,
        html_template='<div class="nc-sheet"></div>',
        js_on_load=theme.asset("contact_sheet.js"),
        apply_default_css=False,
        elem_id="faces",
    )
    asked = [model, epoch, seed, count, truncation]
    show = guarded(show_faces, workspace)
    page.load(
        guarded(open_tab, workspace),
        [seed, count, truncation],
        [controls, model, epoch, sheet],
        show_progress="hidden",
        api_visibility="private",
        preprocess=False,
        concurrency_id="generator",
    )
    gr.on(
        [seed.submit, epoch.input, count.input, truncation.input],
        show,
        asked,
        sheet,
        **_quick(),
    )
    seed.input(guarded(show_while_typing, workspace), asked, sheet, **_quick())
    model.input(
        guarded(choose_model, workspace),
        [model, seed, count, truncation],
        [epoch, sheet],
        **_quick(),
    )
    dice.click(
        guarded(roll, workspace), [model, epoch, count, truncation], [seed, sheet], **_quick()
    )


def _quick() -> dict[str, Any]:
    """How every event of this tab runs: unseen, the latest wins, its values checked by us."""
    return {
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "api_visibility": "private",
        "preprocess": False,
        "concurrency_id": "generator",
    }


def open_tab(workspace: Workspace, seed: Any, count: Any, truncation: Any) -> tuple[Any, ...]:
    """What a visitor finds on opening the page: the first model and its faces."""
    names = [run.name for run in faces.models(workspace)]
    if not names:
        empty = {"command": TRAIN_COMMAND}
        return gr.update(visible=False), gr.skip(), gr.skip(), empty
    epochs, sheet = choose_model(workspace, names[0], seed, count, truncation)
    chosen = gr.update(choices=names, value=names[0])
    return gr.update(visible=True), chosen, epochs, sheet


def choose_model(
    workspace: Workspace, model: Any, seed: Any, count: Any, truncation: Any
) -> tuple[Any, dict[str, Any]]:
    """Faces of another model, from its last kept epoch; and the epochs there are to choose."""
    order = faces.read_order(workspace, model, None, seed, count, truncation)
    kept = sorted(workspace.run(order.model).kept(), reverse=True)
    return gr.update(choices=kept, value=order.epoch), _sheet(order)


def show_faces(
    workspace: Workspace, model: Any, epoch: Any, seed: Any, count: Any, truncation: Any
) -> dict[str, Any]:
    """The faces of seed, seed + 1, …"""
    return _sheet(faces.read_order(workspace, model, epoch, seed, count, truncation))


def show_while_typing(
    workspace: Workspace, model: Any, epoch: Any, seed: Any, count: Any, truncation: Any
) -> Any:
    """As show_faces; but a field just emptied is no mistake yet."""
    if seed is None:
        return gr.skip()
    return show_faces(workspace, model, epoch, seed, count, truncation)


def roll(
    workspace: Workspace, model: Any, epoch: Any, count: Any, truncation: Any
) -> tuple[int, dict[str, Any]]:
    """A seed by chance, and its faces."""
    seed = random.randrange(min(ROLLED_SEEDS, latent.MAX_SEED))
    return seed, show_faces(workspace, model, epoch, seed, count, truncation)


def _sheet(order: faces.Order) -> dict[str, Any]:
    """What the contact sheet draws; each picture is the very file that Save saves."""
    question = {
        "model": order.model,
        "epoch": order.epoch,
        "seed": order.seeds[0],
        "count": len(order.seeds),
        "truncation": order.truncation,
    }
    return {
        "model": order.model,
        "epoch": order.epoch,
        "truncation": order.truncation,
        "zip": f"faces.zip?{urlencode(question)}",
        "faces": [
            {"seed": seed, "name": name, "png": _data_url(png)}
            for seed, (name, png) in zip(order.seeds, faces.pngs(order), strict=True)
        ],
    }


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
