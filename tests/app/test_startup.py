"""What the app does not load before there is a model."""

import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from neuroceleb.runs.run import Run
from tests import helpers


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="modules are read from /proc")
def test_torch_is_loaded_with_the_first_model(tmp_path: Path, finished: Run) -> None:
    """How much memory that saves is measured by benchmarks/startup.py."""
    app = helpers.App(tmp_path)
    try:
        loaded = Path(f"/proc/{app.process.pid}/maps")
        for path in ("", "config", "healthz"):
            with urlopen(app.url + path, timeout=helpers.PATIENCE_S) as response:
                assert response.status == 200
        assert "libtorch" not in loaded.read_text()
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "one").symlink_to(finished.path)
        helpers.wait_for(lambda: "libtorch" in loaded.read_text())
        assert "torchvision" not in loaded.read_text()
    finally:
        app.kill()
