"""What README and CONTRIBUTING state: commands, packages, links; and no path of one machine."""

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from neuroceleb import __version__
from neuroceleb.cli.main import VERBS
from tests import helpers

ROOT = helpers.ROOT
README = (ROOT / "README.md").read_text("utf-8")
START = "bash .ci/setup && .venv/bin/python app.py"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
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


def requirements(name: str) -> list[Requirement]:
    """The packages named in a requirements file, without comments and other files."""
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def pinned(name: str) -> dict[str, str]:
    """The exact version of each package in a lock file."""
    versions = {}
    for one in requirements(name):
        (specifier,) = one.specifier
        assert specifier.operator == "==", one
        versions[canonicalize_name(one.name)] = specifier.version
    return versions


def test_the_setup_installs_the_locked_versions() -> None:
    setup = (ROOT / ".ci" / "setup").read_text()
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert f"-r {name}" in setup
    assert "-r requirements.lock\n" in (ROOT / "requirements-dev.lock").read_text("utf-8")


def test_what_is_required_is_locked() -> None:
    app, tests = pinned("requirements.lock"), pinned("requirements-dev.lock")
    assert not set(app) & set(tests)
    for name, locked in (
        ("requirements.txt", app),
        ("requirements-dev.txt", app | tests),
    ):
        for required in requirements(name):
            version = locked[canonicalize_name(required.name)]
            assert version in required.specifier, required


def test_the_tree_names_every_package_and_no_other() -> None:
    (tree,) = [block for block in blocks("") if "neuroceleb/\n" in block]
    named = re.findall(r"^  (\w+)/", tree, re.MULTILINE)
    assert sorted(named) == sorted(
        path.parent.name for path in (ROOT / "neuroceleb").glob("*/__init__.py")
    )


def test_every_verb_is_named() -> None:
    (verbs,) = [block for block in blocks("") if "neuroceleb train DATASET" in block]
    named = set(re.findall(r"^neuroceleb ([a-z]+)", verbs, re.MULTILINE))
    assert named == set(VERBS)


def test_every_package_of_ours_is_packed() -> None:
    """setuptools finds packages by their `__init__.py`."""
    folders = {path.parent for path in (ROOT / "neuroceleb").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_linked_or_named_exists(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (ROOT / target).exists(), target
    for name in re.findall(r"`((?:docs|neuroceleb|tests|\.ci)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), name


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert versions[0] == __version__


def test_nothing_is_left_to_fill_in() -> None:
    for path in [*(ROOT / name for name in DOCUMENTS), *(ROOT / "docs").rglob("*.md")]:
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
