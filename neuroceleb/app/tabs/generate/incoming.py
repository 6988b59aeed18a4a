"""Faces that come to the Generate tab: from a saved PNG, or from another tab."""

from pathlib import Path
from typing import Any

import gradio as gr

from neuroceleb.app import provenance
from neuroceleb.app.api.context import Context
from neuroceleb.app.shared import Lead
from neuroceleb.app.tabs.generate.sheet import SEEDS
from neuroceleb.errors import UserError


def open_uploaded(context: Context, png: str) -> tuple[Any, ...]:
    """Model, epoch, seeds, count, best-of, view and truncation that draw what a saved PNG shows.

    A face without a seed is led to Explore instead.
    """
    return _opened(context, context.upload({"path": png}))


def open_dropped(context: Context, event: gr.EventData) -> tuple[Any, ...]:
    """As `open_uploaded`, for a PNG that was dropped on the sheet."""
    return _opened(context, context.upload({"path": event.path}))


def _opened(context: Context, png: Path) -> tuple[Any, ...]:
    if png.stat().st_size > provenance.MAX_BYTES:
        raise UserError("The file is over 8 MB: choose a PNG that was saved here.")
    restored = provenance.restore(context.workspace, png.read_bytes())
    face, request = restored.face, restored.request
    if request is not None:
        model, epoch, truncation = request.model, request.epoch, request.truncation
        seeds = list(request.seeds)
    elif face is not None and "seed" in face:
        model, epoch, truncation = face["model"], face["epoch"], face["truncation"]
        seeds = [face["seed"]]
    else:
        unchanged = [gr.skip()] * 7
        return *unchanged, Lead("explore", face or {}).to_text()
    kept = sorted(context.workspace.run(model).kept(), reverse=True)
    return (
        model,
        gr.update(choices=kept, value=epoch),
        ",".join(map(str, seeds)),
        len(seeds),
        False,
        SEEDS,
        truncation_field(truncation),
        gr.skip(),
    )


def receive(context: Context, lead: Lead) -> tuple[Any, Any, Any, str]:
    """The seed of a face that another tab sends; a lead without one keeps the seeds."""
    seed = lead.face.get("seed")
    if seed is None:
        return gr.skip(), gr.skip(), gr.skip(), SEEDS
    return str(seed), 1, False, SEEDS


def truncation_field(scale: float) -> Any:
    """The field of the scale of z, seen only where the scale is another than 1."""
    return gr.update(value=scale, visible=scale != 1)
