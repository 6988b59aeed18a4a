"""The benchmarks run, and their figures are figures."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces_helpers import portrait, save

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

TINY = {
    "--device": "cpu",
    "--width": "4",
    "--batch": "4",
    "--images": "10",
    "--pairs": "2",
    "--steps": "2",
    "--warm-up": "0",
    "--workers": "0",
}


def test_training_benchmark_measures_both_loops(tmp_path: Path) -> None:
    figures_file = tmp_path / "figures.json"
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", str(BENCHMARKS / "training.py")),
            *(word for flag in TINY.items() for word in flag),
            *("--json", str(figures_file)),
        ],
        cwd=tmp_path,  # it finds the package beside itself, from anywhere
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "images/s" in done.stdout
    figures = json.loads(figures_file.read_text("utf-8"))
    assert figures["n"] == 2
    assert figures["images"] == 10
    assert len(figures["pairs"]) == 2
    assert all(rate > 0 for pair in figures["pairs"] for rate in pair)
    for name in (
        "ours_images_per_second",
        "original_images_per_second",
        "gemm_gflops",
        "decoding_seconds",
        "peak_memory_mb_ours",
        "peak_memory_mb",
    ):
        assert figures[name] > 0, name
    low, high = figures["ratio_interval"]
    assert figures["ratio_min"] <= low <= figures["ratio_median"] <= high <= figures["ratio_max"]
    assert 0 < figures["gemm_share"] < 1
    assert 0 < figures["fetch_share"] < 1
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


def test_training_benchmark_counts_the_arithmetic() -> None:
    spec = importlib.util.spec_from_file_location("its_benchmark", BENCHMARKS / "training.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    assert benchmark.flop_an_image(nz=100, ngf=64, ndf=64) == pytest.approx(2.28e9, rel=0.005)


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("alignment.py", ("--photos", "3"), ("aligned    found again in 3 of 3", "plain box")),
        (
            "cropping.py",
            ("--photos", "3", "--command-photos", "1"),
            ("neuroceleb crop", "autocrop library", "autocrop command", "peak memory"),
        ),
        ("cropping.py", ("--memory", "3"), ("n = 3: main", "largest worker")),
    ],
)
def test_benchmarks_of_cropping(
    tmp_path: Path, script: str, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    for width in (250, 300, 350):
        save(tmp_path / "in" / f"{width}.jpg", portrait(width), quality=95)
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), str(tmp_path / "in"), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for word in words:
        assert word in done.stdout
