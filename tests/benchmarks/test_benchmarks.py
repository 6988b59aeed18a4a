"""The benchmarks run, and their figures are figures."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from neuroceleb.runs.run import Run
from tests import helpers
from tests.data.faces.faces_helpers import portrait, save
from tests.training import reference

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

ALL_OF_A_GPU = (
    *("--device", "cpu", "--width", "4", "--faces", "20", "--batches", "4", "8"),
    *("--epochs", "2", "--turns", "1", "--steps", "1", "--faster", "2", "--workers", "0"),
)

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


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_training_benchmark_measures_both_loops(recipe: str, tmp_path: Path) -> None:
    figures_file = tmp_path / "figures.json"
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", str(BENCHMARKS / "training.py")),
            *(word for flag in TINY.items() for word in flag),
            *("--recipe", recipe, "--json", str(figures_file)),
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
    assert figures["recipe"] == recipe
    assert figures["precision"] in {"float32", "bfloat16"}
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


def test_training_benchmark_counts_the_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))  # as a script's own folder is
    spec = importlib.util.spec_from_file_location("its_benchmark", BENCHMARKS / "training.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    apart = benchmark.flop_an_image(nz=100, ngf=64, ndf=64)
    assert apart == pytest.approx(2.28e9, rel=0.005)
    at_once = benchmark.flop_an_image(nz=100, ngf=64, ndf=64, at_once=True)
    assert at_once / apart == pytest.approx(9 / 11, rel=0.02)


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


def test_the_benchmark_of_a_gpu_measures_all_it_promises(tmp_path: Path) -> None:
    """On the CPU and tiny: what it measures is no figure, but every part of it runs."""
    figures_file = tmp_path / "figures.json"
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", str(BENCHMARKS / "gpu.py")),
            *(*ALL_OF_A_GPU, "--json", str(figures_file)),
        ],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(figures_file.read_text("utf-8"))
    rates = figures["beside_the_original"]["images_per_second"]
    assert set(rates) == {"ours", "ours_not_captured", "original"}
    assert all(rate > 0 for several in rates.values() for rate in several)
    rows = [(row["precision"], row["batch"]) for row in figures["batches"]]
    assert rows == [("float32", 4), ("float32", 8), ("bfloat16", 4), ("bfloat16", 8)]
    (run,) = figures["whole_run"]
    assert (run["epochs"], run["sheets"], run["kept"]) == (2, 2, 2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_the_benchmark_of_a_gpu_says_that_there_is_none() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "There is no GPU here: nothing was measured.\n"
    assert done.stdout == ""


def test_the_plain_loader_does_what_torchvisions_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    plain_loader = importlib.import_module("plain_loader")
    helpers.write_photos(tmp_path / "person", 3)
    helpers.photo(7, (178, 218)).save(tmp_path / "person" / "007.png")
    ours = plain_loader.Photos(tmp_path)
    assert len(ours) == 4
    for index, (path, _) in enumerate(ours.files):
        with Image.open(path) as photo:
            expected = reference.transform()(photo.convert("RGB"))
        assert torch.equal(ours[index][0], expected), path.name


def test_the_benchmark_of_few_photos_continues_and_prints_its_table(tmp_path: Path) -> None:
    helpers.write_photos(tmp_path / "photos", 110)
    command = [
        *(sys.executable, "-W", "error", str(BENCHMARKS / "few_photos.py"), "run"),
        *(str(tmp_path / "photos"), "--workspace", str(tmp_path), "--work", str(tmp_path / "work")),
        *("--faces", "40", "--only", "noise", "--width", "4", "--n", "32", "--cpu-seconds", "0.5"),
    ]
    outputs = [
        subprocess.run(
            [*command, "--minutes", minutes],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        for minutes in ("0.0001", "9")
    ]
    assert [done.returncode for done in outputs] == [0, 0], outputs[1].stderr
    assert "Time is up" in outputs[0].stdout
    assert "All done." in outputs[1].stdout
    assert "| 40 | noise | 0 |" in outputs[1].stdout
    assert not list((tmp_path / "work").rglob("state.pt"))


def test_inside_benchmark_measures_a_run(tmp_path: Path, finished: Run) -> None:
    command = [sys.executable, "-W", "error", str(BENCHMARKS / "inside.py"), "--run"]
    options = (
        ["--faces", "2"],
        ["--preset", "one_face", "--steps", "2", "--sheet", "faces.png"],
    )
    found = []
    for more in options:
        done = subprocess.run(
            [*command, str(finished.path), *more],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))
    assert all(-1 <= value <= 1 for value in found[0]["occlusion"])
    assert set(found[0]["ranking"]) == {"1", "2", "3", "4"}
    assert [row["step"] for row in found[1]["rows"]] == [1, 2]
    assert found[1]["origin"] == "dataset"
    assert found[1]["step_clock_ms"][1] > 0
    with Image.open(tmp_path / "faces.png") as sheet:
        assert sheet.size == (16 * 66 + 2, 2 * 66 + 2)


def test_removed_person_benchmark_finds_her_before_and_nothing_after(tmp_path: Path) -> None:
    figures_file = tmp_path / "figures.json"
    done = subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "removed_person.py")),
            *("--only", "killed midway", "--json", str(figures_file)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(figures_file.read_text("utf-8"))
    assert row["before"] > 0
    assert row["left"] == {}
