"""What README promises: its commands, its tree, and nothing of somebody's own machine."""

import re
import subprocess
from pathlib import Path

import pytest

from neuroceleb.cli.main import VERBS
from tests import helpers

ROOT = helpers.ROOT
README = (ROOT / "README.md").read_text("utf-8")
START = "bash .ci/setup && .venv/bin/python app.py"
TEST = "bash .ci/setup --tests && .venv/bin/pytest"


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    named = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in named.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [text for kind, text in fenced if kind == language]


def test_the_two_commands_stand_alone_in_blocks() -> None:
    for line in (START, TEST):
        assert f"{line}\n" in blocks("sh")


def test_ci_runs_what_readme_says() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    halves = TEST.split(" && ")
    assert [line for line in commands if line in halves] == halves
    assert commands[0] == "set -euo pipefail"


@pytest.mark.parametrize("name", ["run", "setup"])
def test_the_scripts_are_bash(name: str) -> None:
    path = ROOT / ".ci" / name
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


def test_the_setup_installs_what_is_required() -> None:
    setup = (ROOT / ".ci" / "setup").read_text()
    for name in ("requirements.txt", "requirements-dev.txt"):
        assert f"-r {name}" in setup
        assert (ROOT / name).is_file()


def test_the_tree_names_every_module_and_no_other() -> None:
    (tree,) = [block for block in blocks("") if "neuroceleb/\n" in block]
    named = re.findall(r"^  (\w+(?:\.py|/))", tree, re.MULTILINE)
    package = ROOT / "neuroceleb"
    there = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    there |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert sorted(named) == sorted(there)
    for top in re.findall(r"^(\w[\w.]*/?) ", tree, re.MULTILINE):
        if top not in {"checkpoints/", "datasets/"}:  # made when they are needed
            assert (ROOT / top).exists(), top


def test_every_verb_is_named() -> None:
    (verbs,) = [block for block in blocks("") if "python -m neuroceleb train" in block]
    named = set(re.findall(r"python -m neuroceleb ([a-z]+)", verbs))
    assert named == set(VERBS)


def test_every_package_of_ours_is_packed() -> None:
    """setuptools finds packages by their `__init__.py`."""
    folders = {path.parent for path in (ROOT / "neuroceleb").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_what_is_linked_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
    for name in re.findall(r"`(docs/[\w./-]+)`", README):
        assert (ROOT / name).exists(), name


def test_nothing_is_left_to_fill_in() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = path.read_text("utf-8")
        found = re.findall(r"\b(?:TODO|TBD|FIXME|XXX)\b|^[A-Z_]{6,}$", text, re.MULTILINE)
        assert found == [], path


# Put together, so that this file does not hold what it looks for.
PRIVATE = re.compile(
    "|".join(
        ["/" + "work/", "/" + r"home/\w+/", "/" + r"Users/\w+/", "/" + "root/", "C:" + r"\\Use"]
    )
)


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content[:8_000]:
            found = PRIVATE.search(content.decode("utf-8", "replace"))
            assert found is None, f"{path}: {found}"


def test_no_training_image_is_kept() -> None:
    for path in tracked():
        assert not path.name.startswith("real_samples"), path
        assert path.relative_to(ROOT).parts[0] != "datasets", path
