"""The Progress tab: how a run learned, epoch by epoch: sample sheets and charts."""

from typing import Any

import gradio as gr

from ..runs import Workspace
from . import course, theme
from .generate_tab import TRAIN_COMMAND
from .handlers import guarded
from .texts import TEXTS, i18n

LOOK_AGAIN_S = 5.0


def build(workspace: Workspace, tab: gr.Tab) -> None:
    """Lay out the tab and wire it to the functions below."""
    with gr.Row(elem_id="progress-controls") as controls:
        run = gr.Dropdown(
            label=i18n("run"), choices=[], interactive=True, filterable=False, elem_id="run"
        )
        refresh = gr.Button(i18n("refresh"), variant="secondary", elem_id="refresh")
    view = gr.HTML(
        value=None,
        html_template='<div class="nc-progress"></div>',
        js_on_load=theme.asset("progress.js"),
        apply_default_css=False,
        elem_id="course",
        texts=TEXTS,
    )
    timer = gr.Timer(LOOK_AGAIN_S, active=False)
    quiet: dict[str, Any] = {
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "api_visibility": "private",
        "preprocess": False,
        "concurrency_id": "progress",
    }
    gr.on(
        [tab.select, refresh.click],
        guarded(look_around, workspace),
        run,
        [controls, run, view, timer],
        **quiet,
    )
    gr.on([run.input, timer.tick], guarded(show_course, workspace), run, [view, timer], **quiet)


def look_around(workspace: Workspace, chosen: Any) -> tuple[Any, Any, Any, Any]:
    """The runs there are now, and the course of the chosen one or else of the first."""
    names = [run.name for run in course.watchable(workspace)]
    if not names:
        empty = {"command": TRAIN_COMMAND}
        return gr.update(visible=False), gr.update(), empty, gr.update(active=False)
    name = chosen if chosen in names else names[0]
    view, timer = show_course(workspace, name)
    return gr.update(visible=True), gr.update(choices=names, value=name), view, timer


def show_course(workspace: Workspace, name: Any) -> tuple[dict[str, Any], Any]:
    """The course of one run, looked at again by itself while the run goes on."""
    run = course.read_run(workspace, name)
    return course.course(run), gr.update(active=course.is_going_on(run))
