"""What the tests of the app share: a Context, as listeners get it."""

from pathlib import Path

import pytest

from neuroceleb.app.access import Access
from neuroceleb.app.api.context import Context
from neuroceleb.runs.workspace import Workspace


@pytest.fixture
def context(app_workspace: Path) -> Context:
    """The workspace with the run that ships, for a visitor on this machine."""
    return Context(Workspace(app_workspace), Access(is_local=True))
