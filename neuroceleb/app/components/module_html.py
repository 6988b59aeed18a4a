"""Components whose script is an ES module of this package, served as a cached file."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from neuroceleb.app import catalogue

FOLDER = Path(__file__).parent
ROUTE = "modules"
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


# What a script calls with one value; it returns {"value": …} or {"error": one sentence}.
ServerFunction = Callable[..., dict[str, Any]]


class ModuleHTML(gr.HTML):
    """A `gr.HTML` that is drawn by the module `MODULE.js` and styled by `MODULE.css`.

    The module exports `mount({ element, props, trigger, watch, server, upload, settings })`, see
    the guide "Custom Components with gr.HTML" for these. `props.value` is the component's value;
    the script draws it, and draws again when `watch("value", …)` reports another. `settings` are
    the props as they were constructed: in a tab that has not been opened yet, Gradio loses those in
    `props` when a listener updates or skips the component. An app that uses such a component serves
    the modules with `add_files`.

    `queues` gives some events the name of a queue: of the events of a queue, each is triggered once
    `window.neuroceleb.sendNext` of `page.js` has reported the answer to the one before.
    """

    MODULE: ClassVar[str]
    TRIGGERS: ClassVar[Sequence[str]] = ()  # the events that the module triggers

    def __init__(
        self,
        value: Any = None,
        *,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
        server_functions: Mapping[str, ServerFunction] | None = None,
        queues: Mapping[str, str] | None = None,
        **props: Any,
    ) -> None:
        # Gradio offers a listener for each event name that stands in quotes in this script.
        events = ", ".join(f"'{name}'" for name in self.TRIGGERS)
        for name, function in (server_functions or {}).items():
            function.__name__ = name  # by which Gradio gives it to the script
        trigger = "trigger"
        if queues:
            trigger = (
                f"trigger: (name, data, queue = {json.dumps(queues)}[name]) => queue "
                "? window.neuroceleb.enqueue(queue, () => trigger(name, data)) "
                ": trigger(name, data)"
            )
        super().__init__(
            value=value,
            html_template=f'<div class="nc-{self.MODULE.replace("_", "-")}"></div>',
            js_on_load=(
                f"/* triggers {events} */\n"
                f"{import_of(self.MODULE)}.then((module) => "
                "module.mount({ element: element.firstElementChild ?? element, props, "
                f"{trigger}, watch, server, upload, settings: {json.dumps(props)} }}));"
            ),
            apply_default_css=False,
            elem_id=elem_id,
            visible=visible,
            render=render,
            server_functions=list(server_functions.values()) if server_functions else None,
            **props,
        )
        # Gradio's configuration takes the constructor's parameters from attributes; for a missing
        # one that stands in quotes in the script it gets a listener instead, bound to the
        # component, and each load of the page deep-copies that with the whole app.
        for name, setting in props.items():
            setattr(self, name, setting)


def import_of(module: str) -> str:
    """The import of a module as an expression of JavaScript: a promise."""
    return f"import(new URL('{ROUTE}/{version()}/{module}.js', document.baseURI))"


@lru_cache(maxsize=1)
def version() -> str:
    """A hash of all modules and styles: a part of their addresses, so that they can be cached."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in MEDIA_TYPES:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def stylesheet() -> str:
    """The styles of all components, those of `page.css` first."""
    paths = sorted(FOLDER.glob("*.css"), key=lambda path: (path.name != "page.css", path.name))
    return "\n".join(path.read_text("utf-8") for path in paths)


def head() -> str:
    """What the document's head needs: the style sheet and the script that all components share."""
    base = f"{ROUTE}/{version()}"
    return (
        f'<link rel="stylesheet" href="{base}/all.css">'
        f'<script type="module" src="{base}/page.js"></script>'
    )


def add_files(app: FastAPI) -> None:
    """The route `modules/<version>/<file>`, and `all.css`, the styles of all components."""

    @app.get(f"/{ROUTE}/{{wanted}}/{{name}}")
    def module(wanted: str, name: str) -> Response:
        language = name.removesuffix(".json")
        if language in catalogue.LANGUAGES:
            return JSONResponse(catalogue.client_texts(language))
        if name == "all.css":
            return Response(stylesheet(), headers=IMMUTABLE, media_type="text/css")
        path = FOLDER / name
        if path.suffix not in MEDIA_TYPES or path.parent != FOLDER or not path.is_file():
            return Response(status_code=404)
        headers = IMMUTABLE if wanted == version() else {"Cache-Control": "no-cache"}
        return Response(path.read_bytes(), headers=headers, media_type=MEDIA_TYPES[path.suffix])
