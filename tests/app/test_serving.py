"""The serving benchmark runs, and its figures are figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import helpers
from tests.pages import CHROMIUM

pytestmark = pytest.mark.slow

BENCHMARK = helpers.ROOT / "benchmarks" / "serving.py"
TINY = {
    "--sizes": "1,2",
    "--pairs": "2",
    "--visitors": "3",
    "--rounds": "2",
    "--requests": "20",
    "--checkpoints": "1",
    "--moves": "10",
    "--changes": "2",
    "--tabs": "2",
}


def test_the_serving_benchmark_measures(tmp_path: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    figures_file = tmp_path / "figures.json"
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", str(BENCHMARK), "--json", str(figures_file)),
            *(word for flag in TINY.items() for word in flag),
        ],
        cwd=tmp_path,
        env=helpers.environment(),
        capture_output=True,
        text=True,
        timeout=4 * helpers.PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "input to paint" in done.stdout
    figures = json.loads(figures_file.read_text("utf-8"))
    for size in ("1", "2"):
        found = figures["compute"][size]
        assert found["ratio"]["n"] == 2
        for kind in ("eager_ms", "ours_ms", "ratio"):
            one = found[kind]
            assert 0 < one["min"] <= one["median"] <= one["p95"] <= one["max"]
    assert figures["visitors"]["errors"] == []
    assert figures["visitors"]["seconds"]["n"] == 6
    assert figures["visitors"]["faces_per_second"] > 0
    resident = figures["memory"]["resident_mb"]
    assert len(resident) == 11
    assert all(100 < value < 8_000 for value in resident)
    browser = figures["browser"]
    assert browser["requests_while_scrubbing"] == 0
    assert browser["input_to_paint_ms"]["n"] >= 5
    assert browser["new_end_ms"]["n"] == 2
    assert browser["tabs"]["errors"] == []
    assert list(tmp_path.iterdir()) == [figures_file]


def test_parts_there_are_not_are_named(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARK), "--parts", "everything"]
    done = subprocess.run(
        command, env=helpers.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--parts are of" in done.stderr
