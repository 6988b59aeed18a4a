"""The whole page: heading and tabs."""

import gradio as gr

from neuroceleb.app import (
    api,
    explore_tab,
    generate_tab,
    interpolate_tab,
    photos_tab,
    progress_tab,
    train_tab,
)
from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.app.translations import i18n
from neuroceleb.runs.workspace import Workspace

UPLOADS_CHECKED_S = 3_600
UPLOADS_KEPT_S = 86_400
# Gradio polls its empty queue a thousand times a second, which takes some percent of a core.
QUEUE_POLLED_EVERY_S = 0.005
QUEUE_PROGRESS_EVERY_S = 0.05


def build(workspace: Workspace, access: Access) -> gr.Blocks:
    """The page over one workspace."""
    with gr.Blocks(
        title="Neuro-celeb",
        analytics_enabled=False,
        delete_cache=(UPLOADS_CHECKED_S, UPLOADS_KEPT_S),
        fill_width=True,
    ) as page:
        gr.HTML(
            value=i18n("tagline"),
            html_template="<h1>Neuro-celeb</h1><p>{{value}}</p>",
            js_on_load="element.append(window.neuroceleb.languageSwitch());",
            apply_default_css=False,
            elem_id="heading",
        )
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(i18n("generate"), id="generate", elem_id="tab-generate"):
                generate_tab.build()
            with gr.Tab(i18n("interpolate"), id="interpolate", elem_id="tab-interpolate"):
                interpolate_tab.build()
            with gr.Tab(i18n("explore"), id="explore", elem_id="tab-explore"):
                explore_tab.build()
            with gr.Tab(i18n("progress"), id="progress", elem_id="tab-progress"):
                progress_tab.build()
            with gr.Tab(i18n("train"), id="train", elem_id="tab-train") as train:
                train_tab.build(train)
            with gr.Tab(i18n("photos"), id="photos", elem_id="tab-photos"):
                photos_tab.build()
        api.register(Context(workspace, access))
    # Long endpoints only through the queue, which limits how many run at once.
    queued: gr.Blocks = page.queue(max_size=256, api_open=False)
    queued.has_launched = True  # mounted apps are not, and then Gradio does not check paths
    queued._queue.sleep_when_free = QUEUE_POLLED_EVERY_S
    queued._queue.progress_update_sleep_when_free = QUEUE_PROGRESS_EVERY_S
    return queued
