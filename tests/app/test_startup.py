"""How light the app is before there is a model, and what it never loads."""

import re
import sys
import time
from pathlib import Path

import pytest

from neuroceleb.runs.run import Run
from tests import helpers

MOST_MB = 250


def memory_mb(pid: int) -> float:
    """What a process holds in memory, its part of what it shares included."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kilobytes["Rss"] / 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_torch_waits_for_the_first_model(tmp_path: Path, finished: Run) -> None:
    app = helpers.App(tmp_path)
    try:
        loaded = Path(f"/proc/{app.process.pid}/maps")
        time.sleep(1)  # long enough for torch's first files
        assert memory_mb(app.process.pid) < MOST_MB
        assert "libtorch" not in loaded.read_text()
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "one").symlink_to(finished.path)
        helpers.wait_for(lambda: "libtorch" in loaded.read_text())
        assert "torchvision" not in loaded.read_text()
    finally:
        app.kill()


def test_nothing_of_ours_loads_torchvision() -> None:
    """It takes as long to load as torch itself, and only the original's loader needs it."""
    house = helpers.ROOT / "neuroceleb"
    files = [helpers.ROOT / "app.py", *house.rglob("*.py")]
    assert len(files) > 50
    imports = re.compile(r"^\s*(?:import|from) torchvision", re.MULTILINE)
    assert [path for path in files if imports.search(path.read_text("utf-8"))] == []
