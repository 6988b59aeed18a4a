"""Between the page's events and our functions: what went wrong becomes one sentence."""

import html
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from neuroceleb.app.texts import TEXTS
from neuroceleb.errors import UserError

log = logging.getLogger(__name__)

SORRY = TEXTS["en"]["sorry"]


def guarded(handler: Callable[..., Any], *known: Any) -> Callable[..., Any]:
    """`handler` with its first arguments filled in and its errors turned into toasts.

    A UserError shows its own sentence; anything else shows an apology and goes to the log.
    """

    def handle(*inputs: Any) -> Any:
        try:
            return handler(*known, *inputs)
        except UserError as error:
            raise toast(str(error)) from error
        except Exception as error:
            log.exception("%s failed", handler.__name__)
            raise toast(SORRY) from error

    handle.__name__ = handler.__name__
    handle.__doc__ = handler.__doc__
    return handle


def toast(sentence: str) -> gr.Error:
    """A toast that shows the sentence as it is: toasts render markup, so it is escaped."""
    return gr.Error(html.escape(sentence, quote=False), print_exception=False)
