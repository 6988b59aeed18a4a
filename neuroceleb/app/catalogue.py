"""The texts of the app in Korean, and the language of a request.

A text is its own key: English in the source, translated by `locale/ko/LC_MESSAGES/neuroceleb.po`.
`.ci/catalogue.py` collects the texts of the sources into that file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from neuroceleb.errors import Message

LANGUAGES = ("en", "ko")
# Where labels of components are.
LABELLED = ("neuroceleb/app/", "neuroceleb/settings.py", "neuroceleb/data/faces/rules.py")
COOKIE = "neuroceleb_language"
LOCALES = Path(__file__).parent / "locale"
SORRY = Message("Something went wrong on the server: the details are in its log.")

CONTEXT_MARK = "\x04"  # between a context and its text, as in gettext's own files

_language: ContextVar[str] = ContextVar("language", default=LANGUAGES[0])


# Texts --------------------------------------------------------------------------------------


@lru_cache
def _entries(language: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The forms and the source files of each text; the key of one with a context has it before."""
    from babel.messages.pofile import read_po

    with (LOCALES / language / "LC_MESSAGES" / "neuroceleb.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    found = {}
    for entry in catalog:
        if not entry.id:
            continue
        text = entry.id if isinstance(entry.id, str) else entry.id[0]
        forms = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())
        places = tuple(str(place) for place, _ in entry.locations)
        found[_key(text, entry.context)] = (forms, places)
    return found


def _key(text: str, context: str | None) -> str:
    return text if context is None else f"{context}{CONTEXT_MARK}{text}"


def _forms(key: str, language: str) -> tuple[str, ...]:
    """The translated forms; none in English, and where there is no translation."""
    if language == LANGUAGES[0]:
        return ()
    return tuple(filter(None, _entries(language).get(key, ((), ()))[0]))


def gettext(text: str, language: str | None = None) -> str:
    """A text in a language, by default the current one; itself where it has no translation."""
    forms = _forms(text, language or current_language())
    return forms[0] if forms else text


def pgettext(context: str, text: str, language: str | None = None) -> str:
    """As `gettext`, for a text that has another translation in this context."""
    forms = _forms(_key(text, context), language or current_language())
    return forms[0] if forms else text


def ngettext(singular: str, plural: str, n: int, language: str | None = None) -> str:
    """The form for `n`. Korean has one."""
    forms = _forms(singular, language or current_language())
    if forms:
        return forms[0]
    return singular if n == 1 else plural


_ = gettext


def gettext_noop(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


def translate(message: Message, language: str | None = None) -> str:
    """A message in a language, by default the current one."""
    return message.translate(partial(gettext, language=language))


def rendered(value: Any) -> Any:
    """A JSON value with every Message in it translated."""
    if isinstance(value, Message):
        return translate(value)
    if isinstance(value, dict):
        return {key: rendered(item) for key, item in value.items()}
    return [rendered(item) for item in value] if isinstance(value, list | tuple) else value


def sentence(record: Mapping[str, Any], key: str) -> str:
    """A sentence that was written by `Message.as_fields`, translated.

    The English one where the record is of an older version, or not one of the catalogue's: a run
    may be anybody's, and texts of others are not filled in.
    """
    english = str(record.get(key) or "")
    try:
        message = Message.from_json(record.get(f"{key}_source"))
        is_current = _is_known(message) and str(message) == english
        return translate(message) if is_current else english
    except (ValueError, LookupError):
        return english


def _is_known(message: Message) -> bool:
    """Whether its text, and those of its parameters, are in the catalogue."""
    parts = [part for part in message.parameters.values() if isinstance(part, Message)]
    return message.text in _entries(LANGUAGES[1]) and all(map(_is_known, parts))


# For the page -------------------------------------------------------------------------------


def client_texts(language: str) -> dict[str, str]:
    """The texts of the page's scripts, translated; empty for English.

    One with a context has it in its key, before a CONTEXT_MARK.
    """
    if language == LANGUAGES[0]:
        return {}
    return {
        key: forms[0]
        for key, (forms, places) in _entries(language).items()
        if any(place.endswith(".js") for place in places)
    }


@lru_cache
def i18n() -> gr.I18n:
    """The labels of Gradio's components; their keys are the English texts."""
    korean = {
        key: forms[0]
        for key, (forms, places) in _entries(LANGUAGES[1]).items()
        if any(place.endswith(".py") and place.startswith(LABELLED) for place in places)
    }
    return gr.I18n(en={key: key for key in korean}, ko=korean)


def label(text: str) -> Any:
    """A text for a component of Gradio, which shows it in the browser's language."""
    return i18n()(text)


# The language of a request ------------------------------------------------------------------


def current_language() -> str:
    """The language of the request that is being answered; English outside of one."""
    return _language.get()


@contextmanager
def using(language: str) -> Iterator[None]:
    """Set the current language for a block."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def language_of(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """The language that was chosen (the cookie), else the browser's first of LANGUAGES."""
    chosen = cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    wanted = [_with_weight(part) for part in headers.get("accept-language", "")[:1_000].split(",")]
    for language, weight in sorted(wanted, key=lambda one: -one[1]):
        if weight > 0 and language in LANGUAGES:
            return language
    return LANGUAGES[0]


def _with_weight(part: str) -> tuple[str, float]:
    """`ko-KR;q=0.8` -> ("ko", 0.8)."""
    tag, _, weight = part.partition(";q=")
    try:
        return tag.strip().partition("-")[0].lower(), float(weight or 1)
    except ValueError:
        return "", 0.0


class Language:
    """ASGI middleware that sets the current language for every request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        with using(language_of(request.headers, request.cookies)):
            await self.app(scope, receive, send)
