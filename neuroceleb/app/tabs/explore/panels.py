"""The panels of Explore's tools: their layout and their listeners."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from neuroceleb.app.catalogue import label
from neuroceleb.app.components.face_map import FaceMap
from neuroceleb.app.components.face_picker import FacePicker
from neuroceleb.app.components.text import Text
from neuroceleb.app.shared import Shared
from neuroceleb.app.tabs.explore import face_listeners, tool_listeners

TERMS = "terms"  # the queue of changes of a sum
PHOTO_TYPES = ["image", ".heic", ".heif", ".avif"]


@dataclass(frozen=True)
class Parts:
    """What the panels share: the choice of tool, the current face, and how it is shown."""

    tool: gr.Radio
    face: gr.Textbox
    shown: Sequence[Any]  # the outputs of `face_listeners.show`
    face_map: FaceMap  # not yet placed
    of_arithmetic: gr.Textbox  # each changes when the content of a tool has to be drawn
    of_map: gr.Textbox
    of_nearest: gr.Textbox
    terms: gr.Textbox  # of the sum


def build_arithmetic(shared: Shared, parts: Parts) -> list[Any]:
    """Sums of faces; the events after which the sum or the face is another."""
    request, terms = [shared.model, shared.epoch], parts.terms
    first = gr.Number(0, visible=False)
    Text(
        label(
            "Means of a few faces stand for what they share: smiling women, less women, and men "
            "are smiling men. Click faces of the grid into a term."
        )
    )
    with gr.Row(elem_classes="nc-bar"):
        term = gr.Radio(
            [
                (label("Some faces"), "base"),
                (label("− less these"), "minus"),
                (label("+ and these"), "plus"),
            ],
            value="base",
            label=label("A click adds to"),
            elem_id="explore-term",
        )
        example = gr.Button(label("Show an example"), elem_id="sum-example")
        add_current = gr.Button(label("Add the current face"), elem_id="add-current")
        clear = gr.Button(label("Clear"), elem_id="clear-sum")
    with gr.Row(elem_classes="nc-terms"):
        names = ("base", "minus", "plus")
        chosen = [FacePicker(queue=TERMS, elem_id=f"term-{name}") for name in names]
    result = FacePicker(elem_id="sum")
    grid = FacePicker(queue=TERMS, elem_id="explore-grid")
    more = gr.Button(label("Other faces"), elem_id="more-faces")

    drawn = [*chosen, result]
    summed = [terms, *drawn, *parts.shown]
    filled = [*request, terms, first], [grid, *drawn]
    shared.listen(parts.of_arithmetic.change, tool_listeners.fill_arithmetic, *filled)
    stepped = shared.listen(more.click, tool_listeners.other_faces, [first], [first])
    shared.listen(stepped.success, tool_listeners.fill_arithmetic, *filled)
    listen, on = shared.listen, tool_listeners
    changes = [
        listen(grid.pick, on.add, [*request, terms, term], summed, event_queue=TERMS),
        listen(add_current.click, on.add_current, [*request, terms, term, parts.face], summed),
        *(
            listen(one.pick, on.remove, [*request, terms], summed, event_queue=TERMS)
            for one in chosen
        ),
        listen(clear.click, on.clear, request, summed),
        listen(example.click, on.show_example, request, summed),
    ]
    taken = listen(result.pick, face_listeners.take, [*request, parts.tool], parts.shown)
    return [one.success for one in (*changes, taken)]


def build_map(shared: Shared, parts: Parts) -> list[Any]:
    """The map of faces; the events after which another face is current."""
    request = [shared.model, shared.epoch]
    layout = gr.Radio(
        [(label("Neighbours"), "tsne"), (label("Components"), "pca")],
        value="tsne",
        label=label("Map"),
        show_label=False,
        container=False,
        elem_id="map-layout",
    )
    facts = Text(elem_id="map-facts")
    face_map = parts.face_map
    face_map.render()  # type: ignore[no-untyped-call]  # Gradio leaves it without types
    results = [face_map, facts]
    shared.listen(
        parts.of_map.change,
        tool_listeners.fill_map,
        request,
        results,
        is_long=True,
        trigger_mode="always_last",
        show_progress_on=[facts],
    )
    shared.listen(layout.input, tool_listeners.choose_layout, [layout], [face_map])
    taken = shared.listen(
        face_map.pick, tool_listeners.take_of_map, [*request, parts.tool], parts.shown
    )
    return [taken.success]


def build_photo(shared: Shared, parts: Parts) -> list[Any]:
    """The search for the face of a photo; the events after which another face is current."""
    request = [shared.model, shared.epoch]
    Text(
        label(
            "Finds the face of this model that looks most like the one in a photo: a look-alike, "
            "not the person. The photo is deleted as soon as the face is cut out."
        )
    )
    photo = gr.File(
        label=label("A photo"), file_types=PHOTO_TYPES, height=140, elem_id="explore-photo"
    )
    crops = FacePicker(elem_id="crops")
    crop = gr.Textbox(visible=False)
    with gr.Row(elem_classes="nc-bar"):
        facts = Text(elem_id="search-facts")
        stop = gr.Button(label("Stop"), visible=False, elem_id="stop-search")
    way = FacePicker(elem_id="way")
    cut = shared.listen(photo.upload, tool_listeners.crop, [photo], [photo, crop, crops, facts])
    chosen = shared.listen(crops.pick, tool_listeners.choose_crop, [], [crop])
    searches = [
        shared.listen(
            event.success,
            tool_listeners.search,
            [*request, crop],
            [facts, stop, way, *parts.shown],
            is_long=True,
            trigger_mode="always_last",
            show_progress_on=[crops],
        )
        for event in (cut, chosen)
    ]
    stopped = stop.click(None, cancels=searches, api_visibility="private")
    shared.listen(stopped.then, tool_listeners.stopped, [], [facts, stop])
    taken = shared.listen(way.pick, face_listeners.take, [*request, parts.tool], parts.shown)
    return [one.success for one in (*searches, taken)]


def build_nearest(shared: Shared, parts: Parts) -> list[Any]:
    """The training photos nearest to the face; the events after which another is current."""
    request = [shared.model, shared.epoch]
    verdict = Text(elem_id="copy-verdict")
    photos = FacePicker(elem_id="nearest-photos")
    whole = gr.Button(label("Look at the whole model"), elem_id="survey", interactive=False)
    facts = Text(elem_id="survey-verdict")
    closest = FacePicker(elem_id="closest")
    shared.listen(
        parts.of_nearest.change,
        tool_listeners.fill_nearest,
        [*request, parts.face],
        [verdict, photos, whole],
        is_long=True,
        trigger_mode="always_last",
        show_progress_on=[verdict],
    )
    shared.listen(
        whole.click,
        tool_listeners.survey,
        request,
        [facts, closest],
        is_long=True,
        show_progress_on=[facts],
    )
    taken = shared.listen(closest.pick, face_listeners.take, [*request, parts.tool], parts.shown)
    return [taken.success]
