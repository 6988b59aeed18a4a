"""The catalogue of translations is complete, and requests are answered in their language."""

import ast
import importlib.util
import json
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as Entry
from babel.messages.pofile import read_po
from playwright.sync_api import Page, expect

from neuroceleb.app import catalogue, direction_names
from neuroceleb.errors import Message, UserError
from tests import helpers

SOURCES = sorted((helpers.ROOT / "neuroceleb").rglob("*.py"))
TEXT_FIRST = frozenset(
    {
        *("UserError", "NotFiniteError", "UnreadableImageError", "LostPeerError", "Message"),
        *("gettext", "gettext_noop", "_", "label", "ngettext"),
    }
)


def extractor() -> ModuleType:
    path = helpers.ROOT / ".ci" / "catalogue.py"
    spec = importlib.util.spec_from_file_location("collect_texts", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    path = catalogue.LOCALES / "ko" / "LC_MESSAGES" / "neuroceleb.po"
    with path.open("rb") as file:
        return read_po(file, locale="ko", abort_invalid=True)


@pytest.fixture(scope="module")
def entries(catalog: Catalog) -> list[Entry]:
    return [entry for entry in catalog if entry.id]


def forms(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]


def test_the_catalogue_has_the_texts_of_the_sources_and_no_others(entries: list[Entry]) -> None:
    first = {
        (text if isinstance(text, str) else text[0], context)
        for text, context, _ in extractor().texts()
    }
    known = {(forms(entry.id)[0], entry.context) for entry in entries}
    assert sorted(first - known, key=str) == []  # run .ci/catalogue.py and translate them
    assert sorted(known - first, key=str) == []  # run .ci/catalogue.py


def test_every_text_has_a_translation_with_the_same_parameters(entries: list[Entry]) -> None:
    for entry in entries:
        translated = forms(entry.string)
        assert all(translated), entry.id
        assert not entry.fuzzy, entry.id
        for form in translated:
            assert parameters(form) == parameters(forms(entry.id)[-1]), entry.id


def parameters(text: str) -> set[tuple[str, str]]:
    """The names of the parameters in a text, each with its conversion and format."""
    parts = string.Formatter().parse(text)
    found = {(name, f"!{how}:{spec}") for _, name, spec, how in parts if name is not None}
    assert all(name.isidentifier() for name, _ in found), text
    return found


def test_translations_are_korean(entries: list[Entry]) -> None:
    for entry in entries:
        names = re.sub(r"\{[^{}]*\}", "", " ".join(forms(entry.id)))
        if re.search(r"[a-z]{3}.*\s", names):
            assert re.search("[가-힣]", " ".join(forms(entry.string))), entry.id


def test_plurals_have_the_forms_of_korean(catalog: Catalog) -> None:
    assert catalog.num_plurals == 1
    for entry in catalog:
        if entry.pluralizable:
            assert len(entry.string) == 1, entry.id


# The sources ---------------------------------------------------------------------------------


def calls(path: Path) -> Iterator[tuple[ast.Call, ast.expr]]:
    """The calls that have a text as their first argument."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in TEXT_FIRST:
                yield node, node.args[0]


def is_put_together(text: ast.expr) -> bool:
    is_method = isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute)
    return isinstance(text, ast.JoinedStr | ast.BinOp) or (
        is_method and text.func.attr in {"format", "join"}  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(helpers.ROOT)))
def test_texts_are_constant_and_get_all_their_parameters(path: Path) -> None:
    for call, text in calls(path):
        assert not is_put_together(text), f"line {call.lineno}: {ast.unparse(call)}"
        if isinstance(text, ast.Constant) and call.keywords:
            given = {keyword.arg for keyword in call.keywords}
            assert {name for name, _ in parameters(str(text.value))} == given, text.value
        elif isinstance(text, ast.Constant) and ast.unparse(call.func) in {"UserError", "Message"}:
            assert "{" not in str(text.value), f"line {call.lineno}: its parameters are missing"


# Translating ---------------------------------------------------------------------------------


def test_texts_in_a_language() -> None:
    assert catalogue.gettext("The seed") == "The seed"
    assert catalogue.gettext("The seed", "ko") == "시드"
    assert catalogue.gettext("Nobody wrote this.", "ko") == "Nobody wrote this."
    with catalogue.using("ko"):
        assert catalogue.gettext("The seed") == "시드"
        assert catalogue.current_language() == "ko"
    assert catalogue.current_language() == "en"
    assert catalogue.ngettext("{n} tiger", "{n} tigers", 1) == "{n} tiger"
    assert catalogue.ngettext("{n} tiger", "{n} tigers", 2, "ko") == "{n} tigers"


def test_a_text_with_a_context_has_its_own_translation(entries: list[Entry]) -> None:
    with_context = [entry for entry in entries if entry.context]
    for entry in with_context:
        assert catalogue.pgettext(entry.context, str(entry.id), "ko") == entry.string
    assert catalogue.pgettext("no such context", "The seed", "ko") == "The seed"


def test_parameters_that_are_messages_are_translated_too() -> None:
    message = Message("{what} is missing: write a number.", what=Message("The seed"))
    assert catalogue.translate(message) == "The seed is missing: write a number."
    assert catalogue.translate(message, "ko") == "시드 값이 없습니다. 숫자를 쓰세요."
    with catalogue.using("ko"):
        assert catalogue.rendered({"a": [message, 3], "b": None}) == {
            "a": ["시드 값이 없습니다. 숫자를 쓰세요.", 3],
            "b": None,
        }


def test_a_sentence_of_a_file_is_translated_where_it_is_one_of_ours() -> None:
    message = Message("It failed ({kind}): see log.txt.", kind="KeyError")
    with catalogue.using("ko"):
        record = message.as_fields("message")
        assert catalogue.sentence(record, "message") == "실패했습니다(KeyError). log.txt를 보세요."
        assert catalogue.sentence({"message": "Of an old run."}, "message") == "Of an old run."
        assert catalogue.sentence({}, "message") == ""
        changed = {**record, "message": "Another one."}
        assert catalogue.sentence(changed, "message") == "Another one."


@pytest.mark.parametrize(
    "source",
    [
        None,
        [],
        {"text": "{x:999999999}", "parameters": {"x": 1}},
        {"text": "{x.__class__}", "parameters": {"x": "a"}},
        {"text": "It failed ({kind}): see log.txt.", "parameters": {}},
        {"text": "It failed ({kind}): see log.txt.", "parameters": {"kind": [1]}},
        {
            "text": "It failed ({kind}): see log.txt.",
            "parameters": {"kind": {"text": "{x:999999999}", "parameters": {"x": 1}}},
        },
        {"text": 3, "parameters": {}},
        {"text": "The seed", "parameters": 3},
    ],
)
def test_hostile_sources_are_not_filled_in(source: object) -> None:
    with catalogue.using("ko"):
        found = catalogue.sentence({"message": "Mine.", "message_source": source}, "message")
    assert found == "Mine."


@pytest.mark.parametrize(
    ("accepted", "cookies", "language"),
    [
        ("", {}, "en"),
        ("ko-KR,ko;q=0.9,en;q=0.8", {}, "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", {}, "en"),
        ("fr,ko;q=0.5", {}, "ko"),
        ("en;q=0.2,ko;q=0.3", {}, "ko"),
        ("ko;q=0", {}, "en"),
        ("ko;q=nonsense,,;q=", {}, "en"),
        ("ko", {catalogue.COOKIE: "en"}, "en"),
        ("en", {catalogue.COOKIE: "ko"}, "ko"),
        ("ko", {catalogue.COOKIE: "klingon"}, "ko"),
    ],
)
def test_the_language_of_a_request(accepted: str, cookies: dict[str, str], language: str) -> None:
    assert catalogue.language_of({"accept-language": accepted}, cookies) == language


def test_texts_for_the_scripts_and_for_gradio() -> None:
    assert catalogue.client_texts("en") == {}
    assert all(re.search("[가-힣]", text) for text in catalogue.client_texts("ko").values())
    assert catalogue.i18n().translations["ko"]["The seed"] == "시드"


def test_errors_are_pickled_with_their_parameters() -> None:
    error = UserError("The run '{name}' is not here.", name="a")
    kind, arguments = error.__reduce__()
    assert kind(*arguments).message == error.message


# The page ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.refused
@pytest.mark.parametrize(
    ("locale", "sentence"),
    [("ko-KR", "시드 값 -5은(는) 범위를 벗어납니다."), ("en-US", "The seed is out of range")],
)
def test_the_page_shows_errors_in_its_language(
    open_page: Callable[..., Page], app_url: str, locale: str, sentence: str
) -> None:
    page = open_page(locale=locale)
    page.goto(app_url)
    page.wait_for_selector("#faces .nc-frame img")
    seeds = page.locator("#seeds input")
    seeds.fill("")
    seeds.press_sequentially("-5")
    seeds.press("Enter")
    expect(page.locator(".toast-wrap")).to_contain_text(sentence)


def test_directions_of_shipped_models_have_translated_names() -> None:
    files = sorted((helpers.ROOT / "checkpoints").glob("*/*.directions.json"))
    names = {one["name"] for file in files for one in json.loads(file.read_text())["directions"]}
    assert names == set(direction_names.SHIPPED)
    assert len(names) > 30
