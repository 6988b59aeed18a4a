"""The wheel: built from the repository and installed alone, it trains, samples and serves."""

import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests import helpers

SOURCES = ("neuroceleb", "pyproject.toml", "README.md", "LICENSE")
NOT_SOURCES = shutil.ignore_patterns("__pycache__", ".*")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`neuroceleb` in an environment of its own that has the wheel, and sees our dependencies."""
    place = tmp_path_factory.mktemp("wheel")
    wheel = build(place)
    environment = place / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    pip("install", "--no-deps", "--no-index", "--ignore-installed", "--prefix", environment, wheel)
    # After the environment's own packages on sys.path, so that its neuroceleb is the wheel's.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    program = environment / "bin" / "neuroceleb"
    python = environment / "bin" / "python"
    lines = program.read_text("utf-8").splitlines(keepends=True)
    program.write_text("".join([f"#!{python}\n", *lines[1:]]), "utf-8")
    return program


def build(place: Path) -> Path:
    """The wheel of a copy of the repository, so that nothing is written into the repository."""
    source = place / "source"
    source.mkdir()
    for name in (*SOURCES, *(path.name for path in helpers.ROOT.glob("requirements*"))):
        path = helpers.ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=NOT_SOURCES)
        else:
            shutil.copy(path, source / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", place, source)
    (wheel,) = place.glob("*.whl")
    return wheel


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current folder of the installed program, which is its workspace by default."""
    return tmp_path_factory.mktemp("workspace")


def environment() -> dict[str, str]:
    return {key: value for key, value in helpers.environment().items() if key != "PYTHONPATH"}


def command(program: Path, workspace: Path, *arguments: str | Path) -> str:
    """Run the installed program to its end, successfully; returns its stdout."""
    done = subprocess.run(
        [program, *map(str, arguments)],
        cwd=workspace,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=helpers.PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_package_is_the_wheel(program: Path, workspace: Path) -> None:
    code = "import neuroceleb; print(neuroceleb.__file__)"
    python = program.with_name("python")
    done = subprocess.run(
        [python, "-c", code], cwd=workspace, env=environment(), capture_output=True, check=True
    )
    assert Path(done.stdout.decode().strip()).is_relative_to(program.parents[1])


def test_every_file_of_the_package_is_in_the_wheel(program: Path) -> None:
    (installed,) = program.parents[1].glob("lib/python*/site-packages/neuroceleb")
    ours = helpers.ROOT / "neuroceleb"
    files = [path.relative_to(ours) for path in ours.rglob("*") if path.is_file()]
    expected = [path for path in files if "__pycache__" not in path.parts]
    assert len(expected) > 100
    assert [path for path in expected if not (installed / path).is_file()] == []


def test_help_and_doctor(program: Path, workspace: Path) -> None:
    assert "serve" in command(program, workspace, "--help")
    assert "FIX  Workspace" not in command(program, workspace, "doctor")


def test_it_trains_in_the_background_and_samples(program: Path, workspace: Path) -> None:
    photos = helpers.write_photos(workspace / "photos")
    options = ("--run", "one", "--epochs", "1", *helpers.TINY)
    command(program, workspace, "train", photos, *options, "--queue")
    run = helpers.run_of(workspace, "one")
    helpers.wait_for(lambda: run.state() == "finished")
    command(program, workspace, "sample", "one", "--seeds", "0-3", "--out", "faces")
    assert len(list((workspace / "faces").glob("seed_*.png"))) == 4


@pytest.fixture
def url(program: Path, workspace: Path) -> Iterator[str]:
    with subprocess.Popen(
        [program, "serve", "--port", "0"],
        cwd=workspace,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split(" at ")[1].split()[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(helpers.PATIENCE_S) == 0


def test_it_serves_the_page_with_its_assets(url: str) -> None:
    for path, text in (("/healthz", b"ok"), ("/", b"neuroceleb")):
        with urlopen(url + path, timeout=helpers.PATIENCE_S) as response:
            assert response.status == 200
            assert text in response.read()
