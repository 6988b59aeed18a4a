"""The languages of the page."""

from contextvars import ContextVar
from typing import Any

import gradio as gr

LANGUAGES = ("en", "ko")
SORRY = "Something went wrong on the server: the details are in its log."
COOKIE = "neuroceleb_language"

_language: ContextVar[str] = ContextVar("language", default="en")


def language_of(request: Any) -> str:
    chosen = request.cookies.get(COOKIE, "") if request is not None else ""
    if chosen in LANGUAGES:
        return str(chosen)
    accepted = request.headers.get("accept-language", "") if request is not None else ""
    return "ko" if accepted.lower().startswith("ko") else "en"


def set_language(language: str) -> None:
    _language.set(language)


def gettext(text: str) -> str:
    return text


_ = gettext


def client_texts(language: str) -> dict[str, str]:
    return {}


label: Any = gr.I18n(en={}, ko={})  # Gradio's own annotations want plain texts


def sorry_sentences() -> frozenset[str]:
    """What an unexpected error is answered with, in every language."""
    return frozenset({SORRY})
