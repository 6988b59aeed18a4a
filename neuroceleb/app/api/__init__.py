"""The public API: everything the page can do, for `gradio_client`, HTTP and MCP.

Each function of `ENDPOINTS` is registered with `gr.api`, which derives the types from its signature
and the description from its docstring. A refusal is a `gr.Error` with the sentence of the
UserError. Every function checks permissions and bounds itself: Gradio runs whatever is posted.
"""

import inspect
import logging
import math
from collections.abc import Callable
from functools import wraps
from typing import Any, get_type_hints

import gradio as gr
from gradio.context import LocalContext

from neuroceleb.app import catalogue
from neuroceleb.app.api import datasets, faces, inside, runs
from neuroceleb.app.api.context import Context, Record
from neuroceleb.errors import Message, UserError, gettext_noop
from neuroceleb.files import user_error_of

log = logging.getLogger(__name__)

MAX_NUMBER = 2**53

# Path -> function, and whether it may take long (then it is queued, one at a time).
ENDPOINTS: dict[str, tuple[Callable[..., Any], bool]] = {
    "generate": (faces.generate, False),
    "interpolate": (faces.interpolate, True),
    "timelapse": (runs.make_timelapse, True),
    "directions": (faces.directions, True),
    "nearest": (faces.nearest, True),
    "project": (faces.project, True),
    "layers": (inside.layers, True),
    "heatmap": (inside.heatmap, True),
    "runs": (runs.list_runs, False),
    "run_status": (runs.run_status, False),
    "verdict": (runs.run_verdict, False),
    "datasets": (datasets.list_datasets, False),
    "crop": (datasets.crop, True),
    "estimate": (runs.estimate, True),
    "train": (runs.train, False),
    "stop": (runs.stop, False),
    "resume": (runs.resume, False),
    "evaluate": (runs.evaluate, True),
}


def register(context: Context) -> None:
    """Add every endpoint to the Blocks that are being built."""
    for name, (function, is_long) in ENDPOINTS.items():
        gr.api(  # type: ignore[attr-defined]
            _bind(context, function, name),
            api_name=name,
            queue=is_long,
            concurrency_id="api" if is_long else None,
            concurrency_limit=1 if is_long else None,
        )


def _bind(context: Context, function: Callable[..., Any], api_name: str) -> Callable[..., Any]:
    """The function without its first parameter, with its errors as `gr.Error`.

    MCP calls it by its `__name__`.
    """

    signature = inspect.signature(function)
    kinds = get_type_hints(function)

    @wraps(function)
    def endpoint(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(context, *args, **kwargs)
            for name, value in given.arguments.items():
                _check_type(name, value, kinds.get(name))
            return function(*given.args, **given.kwargs)
        except Exception as error:
            known = user_error_of(error)
            if known is not None:
                raise _error(context, known.message) from None
            log.exception("The endpoint %s failed", function.__name__)
            raise _error(context, catalogue.SORRY) from None

    endpoint.__name__ = api_name
    parameters = list(signature.parameters.values())[1:]
    endpoint.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    endpoint.__annotations__ = {
        name: kind for name, kind in function.__annotations__.items() if name != "context"
    }
    del endpoint.__wrapped__  # its signature has the context
    return endpoint


def _error(context: Context, message: Message) -> gr.Error:
    """In the language of the request, which Gradio answers in a task of its own."""
    request = LocalContext.request.get(None)
    language = catalogue.LANGUAGES[0]
    if request is not None:
        language = catalogue.language_of(request.headers, request.cookies)
    sentence = context.without_paths(catalogue.translate(message, language))
    return gr.Error(sentence, print_exception=False)


# The types of parameters that JSON can get wrong, and what to call them.
_KINDS: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), gettext_noop("a text")),
    int: ((int,), gettext_noop("a whole number")),
    float: ((int, float), gettext_noop("a number")),
    bool: ((bool,), gettext_noop("true or false")),
    Record: ((dict,), gettext_noop("an object")),
    Record | None: ((dict, type(None)), gettext_noop("an object")),
    list[gr.FileData]: ((list,), gettext_noop("a list of files")),
}


def _check_type(name: str, value: Any, kind: Any) -> None:
    """Raises UserError unless a value from a request has the type of its parameter."""
    if kind not in _KINDS:
        return
    types, called = _KINDS[kind]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise UserError("{name} must be {called}.", name=name, called=Message(called))
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError("{name} must be a finite number.", name=name)
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise UserError("{name} is too large.", name=name)
