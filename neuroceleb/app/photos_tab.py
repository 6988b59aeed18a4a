"""The Photos tab: from photos to a dataset. Drawn by `photos.js` from what `photos_api` answers."""

import dataclasses

import gradio as gr

from neuroceleb.app import theme
from neuroceleb.data.faces import align, crop_photos
from neuroceleb.data.faces.rules import RULE_TARGETS, Rules


def build() -> None:
    """Lay out the tab."""
    gr.HTML(
        value={
            "rules": rules_spec(),
            "sizes": list(align.SIZES),
            "detectors": list(crop_photos.DETECTORS),
        },
        html_template='<div class="nc-photos"></div>',
        js_on_load=theme.asset("photos.js"),
        apply_default_css=False,
        elem_id="photos",
    )


def rules_spec() -> list[dict[str, object]]:
    """Every threshold for the page: name, bounds or choices, and the reason that it gives."""
    return [
        {
            "name": spec.name,
            "default": spec.default,
            "reason": _reason(spec.name),
            **{key: value for key, value in spec.metadata.items() if key != "help"},
        }
        for spec in dataclasses.fields(Rules)
    ]


def _reason(rule: str) -> str:
    together = {"duplicate_bits": "near_duplicate", "faces": "not_chosen"}
    return RULE_TARGETS[rule][1] if rule in RULE_TARGETS else together[rule]
