"""Listeners of the page: functions of a Context and of component values, bound for Gradio.

A listener is a typed, module-level function whose first parameter is the `Context`; Gradio calls it
with the values of its inputs. `bind` adds what all of them share: the visitor's language, and a
`gr.Error` with one sentence for whatever is raised.
"""

import html
import inspect
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from itertools import chain, repeat, takewhile
from typing import Any, get_type_hints

import gradio as gr

from neuroceleb.app import catalogue
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import SORRY, _
from neuroceleb.app.setting_labels import in_words
from neuroceleb.errors import UserError
from neuroceleb.files import user_error_of

log = logging.getLogger(__name__)

REQUEST = "request_"
FILLED_IN = (gr.Request, gr.EventData, gr.Progress)
_NUMBERS = (int, float)
_TEXTS = (str, str | None)


def bind(
    context: Context,
    function: Callable[..., Any],
    *fixed: Any,
    of_model: tuple[int, int] | None = None,
) -> Callable[..., Any]:
    """The listener without its first parameter, for `inputs` and `outputs` of an event.

    `fixed` are the values of the parameters that follow the first, which no component gives.
    `of_model` are the places of a model and its epoch among the inputs: the epoch of a model that
    was chosen before, when the epochs of the new one are still to come, is replaced by None.

    It may be a generator, and may have parameters annotated as FILLED_IN, which Gradio fills in:
    before or after all that components give.
    """
    signature = inspect.signature(function)
    own = list(signature.parameters.values())[1 + len(fixed) :]

    kinds = get_type_hints(function)
    hints = [kinds.get(one.name) for one in own if one.kind is not one.VAR_POSITIONAL]

    before = len(list(takewhile(lambda one: kinds.get(one.name) in FILLED_IN, own)))

    def fitted(values: Sequence[Any]) -> list[Any]:
        given = list(_fitted(values, hints))
        if of_model:
            model, epoch = (before + place for place in of_model)
            given[epoch] = _own_epoch(context, given[model], given[epoch])
        return given

    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def listener(request: gr.Request, *values: Any) -> Any:
            def results() -> Iterator[Any]:
                yield from function(context, *fixed, *fitted(values))

            yield from _results(context, request, results(), function.__name__)
    else:

        @wraps(function)
        def listener(request: gr.Request, *values: Any) -> Any:
            with catalogue.using(_language_of(request)):
                try:
                    return function(context, *fixed, *fitted(values))
                except Exception as error:
                    raise as_toast(context, error, function.__name__) from None

    request = inspect.Parameter(REQUEST, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    listener.__signature__ = signature.replace(parameters=[request, *own])  # type: ignore[attr-defined]
    names = {one.name for one in own}
    given = {name: hint for name, hint in kinds.items() if name in names}
    listener.__annotations__ = {REQUEST: gr.Request} | given
    del listener.__wrapped__  # its signature has the context
    return listener


def bind_server_function(
    context: Context, function: Callable[[Context, Any], Any]
) -> Callable[..., dict[str, Any]]:
    """A function that a component's script calls with one value, for `server_functions`.

    Gradio answers a server function that raises with 500 and a traceback in the log. This one
    returns `{"value": …}`, or `{"error": …}` with one sentence; `answered` in `dom.js` reads it.
    """

    def server_function(value: Any, request: gr.Request) -> dict[str, Any]:
        with catalogue.using(_language_of(request)):
            try:
                return {"value": function(context, value)}
            except Exception as error:
                known = user_error_of(error)
                if known is not None:
                    return {"error": context.without_paths(in_words(known.message))}
                log.exception("The server function %s failed", function.__name__)
                return {"error": catalogue.translate(SORRY)}

    server_function.__name__ = function.__name__
    return server_function


def as_toast(context: Context, error: Exception, name: str) -> gr.Error:
    """The error as the page shows it: the sentence of a UserError, else one that says nothing.

    A toast is HTML, so markup in the sentence is escaped.
    """
    if isinstance(error, gr.Error):
        return error
    known = user_error_of(error)
    if known is None:
        log.error("The listener %s failed", name, exc_info=error)
        return _toast(catalogue.translate(SORRY))
    return _toast(html.escape(context.without_paths(in_words(known.message)), quote=False))


def _toast(markup: str) -> gr.Error:
    return gr.Error(markup, title=_("Error"), print_exception=False)


class _Event:
    """The data of a `gr.EventData`; whoever reads what it lacks raises UserError."""

    def __init__(self, event: gr.EventData) -> None:
        self._data = event._data

    def __getattr__(self, name: str) -> Any:
        if not isinstance(self._data, dict) or name not in self._data:
            raise UserError("The page sent an event that is not known here: reload it.")
        return self._data[name]


def _fitted(values: Sequence[Any], hints: Sequence[Any]) -> Iterator[Any]:
    """The values, each of the type of its parameter; raises UserError for one of another type.

    A page without a text sends None or "", so that None is an empty text.
    """
    for value, hint in zip(values, chain(hints, repeat(None)), strict=False):
        if isinstance(value, gr.EventData):
            yield _Event(value)
        elif hint is str and value is None:
            yield ""
        elif hint in _NUMBERS and not isinstance(value, int | float):
            raise UserError("A number is missing: write one.")
        elif hint in _TEXTS and not isinstance(value, str | None):
            raise UserError("The page sent a value that is not known here: reload it.")
        else:
            yield value


def _own_epoch(context: Context, model: Any, epoch: Any) -> Any:
    """The epoch, or None, the last one, where the model has kept others only."""
    if not model or epoch is None:
        return epoch
    kept = context.workspace.run(model).kept()
    return epoch if epoch in kept or not kept else None


def _language_of(request: gr.Request) -> str:
    return catalogue.language_of(request.headers, request.cookies)


def _results(
    context: Context, request: gr.Request, results: Iterator[Any], name: str
) -> Iterator[Any]:
    """Each result, made in the visitor's language; every one may be made in another thread."""
    while True:
        with catalogue.using(_language_of(request)):
            try:
                result = next(results)
            except StopIteration:
                return
            except Exception as error:
                raise as_toast(context, error, name) from None
        yield result
