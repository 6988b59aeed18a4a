"""The button that saves a model as one HTML file."""

from pathlib import Path

import pytest

from neuroceleb.app import html_export
from neuroceleb.app.api.context import Context
from neuroceleb.errors import UserError
from tests.conftest import SHIPPED


def test_a_model_is_saved_as_one_file(context: Context) -> None:
    page = Path(html_export.save_html(context, SHIPPED.name, None))
    assert page.name == f"{SHIPPED.name}_epoch_029.html"
    assert page.read_bytes().startswith(b"<!doctype html>")
    assert page.stat().st_size < 17 * 2**20


def test_without_a_model_it_is_refused(context: Context) -> None:
    with pytest.raises(UserError, match="No model is chosen"):
        html_export.save_html(context, None, None)
    with pytest.raises(UserError, match="nobody"):
        html_export.save_html(context, "nobody", None)
