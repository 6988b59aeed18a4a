"""The progress bar and the JSON object that verbs print."""

import json

import pytest
import tqdm

from neuroceleb.cli import output


def test_json_is_one_line_without_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"name": "얼굴", "n": 1})
    out, err = capsys.readouterr()
    assert (out, err) == ('{"name": "얼굴", "n": 1}\n', "")
    assert json.loads(out) == {"name": "얼굴", "n": 1}


def test_nothing_is_printed_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress_bar("photos") as show:
        show(1, 2, kept=1)
    assert capsys.readouterr() == ("", "")


def test_a_bar_counts_to_the_total(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bar(tqdm.tqdm):  # type: ignore[type-arg]
        def __init__(self, **options: object) -> None:
            super().__init__(**options | {"disable": False})

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    with output.progress_bar("photos") as show:
        show(1, 4, kept=1)
        show(4, 4, kept=3)
    err = capsys.readouterr().err
    assert "4/4" in err
    assert "photos" in err
    assert "kept=3" in err
