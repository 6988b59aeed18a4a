"""What is refused is said in Korean, too: every sentence is in the list, and the page finds it."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from neuroceleb.app.refusals_ko import KO
from tests import helpers

HOUSE = helpers.ROOT / "neuroceleb"
# Modules of the command line and the API only: never shown in the page.
NOT_SHOWN = (
    "app/api/",
    "cli/",
    "metrics/reference.py",
    "metrics/identity.py",
    "metrics/identity_evaluation.py",
    "metrics/persons.py",
    "metrics/fid.py",
    "export/onnx.py",
)
# What raises or carries a sentence, with the name or position of the argument that is it.
REFUSALS: dict[str, int | str] = {
    "UserError": 0,
    "NotFiniteError": 0,
    "UnreadableImageError": 0,
    "Message": 0,
}


def sentence_of(node: ast.expr) -> str | None:
    """The sentence with `{}` for each parameter; None where it comes from elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{[^{}]+\}", "{}", node.value)
    return None


def refusals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        place = REFUSALS.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
        arguments: dict[int | str | None, ast.expr] = dict(enumerate(node.args))
        arguments |= {keyword.arg: keyword.value for keyword in node.keywords}
        argument = None if place is None else arguments.get(place)
        sentence = None if argument is None else sentence_of(argument)
        if sentence is not None:
            yield sentence


SHOWN = sorted(
    path
    for path in HOUSE.rglob("*.py")
    if not path.relative_to(HOUSE).as_posix().startswith(NOT_SHOWN)
)


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: str(path.relative_to(HOUSE)))
def test_every_refusal_that_the_page_can_show_is_there_in_korean(path: Path) -> None:
    assert [sentence for sentence in refusals(path) if sentence not in KO] == []


def test_what_a_refusal_names_stands_in_its_translation_once() -> None:
    for english, korean in KO.items():
        places = sorted(int(place) for place in re.findall(r"\{(\d+)\}", korean))
        assert places == list(range(english.count("{}"))), english
        assert "{}" not in korean, english
        assert re.search("[가-힣]", korean), english


def test_nothing_is_translated_that_nobody_says() -> None:
    """Parts of a sentence and what is only logged are looked for as they stand in the source."""
    sources = "".join(
        re.sub(r"\{[^{}\n]+\}", "{}", re.sub(r'"\s*f?"', "", path.read_text("utf-8")))
        for path in HOUSE.rglob("*.py")
        if path.stem != "refusals_ko"
    )
    said = {sentence for path in SHOWN for sentence in refusals(path)}
    for english in set(KO) - said:
        parts = [part.strip() for part in english.split("{}") if part.strip()]
        assert all(part in sources for part in parts), english


@pytest.mark.refused
def test_the_page_says_them_in_korean(open_page: Callable[..., Page], app_url: str) -> None:
    page = open_page(locale="ko-KR")
    page.goto(app_url)
    page.wait_for_selector("#faces img")
    page.locator("#seed").fill("-5")
    page.locator("#seed").press("Enter")
    expect(page.locator("#toast")).to_contain_text("시드 값 -5은(는) 범위를 벗어납니다.")
    said = {english: english.format(*"abcdef") for english in KO}
    told = page.evaluate("(list) => list.map(window.neuroceleb.translated)", list(said.values()))
    expected = [KO[english].format(*"abcdef") for english in said]
    assert told == expected
    # What it names is translated where it is known, and else left as it is.
    both = page.evaluate(
        "(list) => list.map(window.neuroceleb.translated)",
        ["--epochs 0 is out of bounds: use a value at least 1.", "Nobody says this."],
    )
    assert both == [
        "--epochs 0은(는) 범위를 벗어납니다. 쓸 수 있는 값: 1 이상.",
        "Nobody says this.",
    ]


def test_the_english_page_asks_for_no_translations(
    open_page: Callable[..., Page], app_url: str
) -> None:
    page = open_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(app_url)
    page.wait_for_selector("#faces img")
    assert urls
    assert not [url for url in urls if "refusals" in url]
    assert page.evaluate("window.neuroceleb.translated('That is no face: pick one again.')") == (
        "That is no face: pick one again."
    )
