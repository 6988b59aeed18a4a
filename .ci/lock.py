"""Write requirements.lock and requirements-dev.lock from the environment that runs this.

    .venv/bin/python .ci/lock.py

Every package that requirements.txt needs, directly or through others, goes into requirements.lock
with the version installed here; what requirements-dev.txt needs besides goes into
requirements-dev.lock. Run it after changing either file, in an environment whose tests pass.
"""

from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LINUX_ONLY = ("cuda-", "nvidia-", "triton")  # what PyTorch's package for Linux adds
HEADER = "# Written by .ci/lock.py from {}: change that file, not this one.\n"


def read(path: Path) -> Iterator[Requirement]:
    """The requirements in a file, without comments and references to other files."""
    for line in path.read_text("utf-8").splitlines():
        text = line.split("#")[0].strip()
        if text and not text.startswith("-"):
            yield Requirement(text)


def closure(requirements: Iterator[Requirement]) -> set[str]:
    """The canonical names of all packages that these need here, with the extras they ask for."""
    todo = [(one.name, extra) for one in requirements for extra in ("", *one.extras)]
    seen: set[tuple[str, str]] = set()
    while todo:
        name, extra = todo.pop()
        name = canonicalize_name(name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                todo += [(needed.name, each) for each in ("", *needed.extras)]
    return {name for name, _ in seen}


def pin(name: str) -> str:
    marker = ' ; sys_platform == "linux"' if name.startswith(LINUX_ONLY) else ""
    return f"{name}=={version(name)}{marker}\n"


def main() -> None:
    app = closure(read(ROOT / "requirements.txt"))
    tests = closure(read(ROOT / "requirements-dev.txt")) - app
    for names, source, above in (
        (app, "requirements.txt", ""),
        (tests, "requirements-dev.txt", "-r requirements.lock\n"),
    ):
        text = HEADER.format(source) + above + "".join(pin(name) for name in sorted(names))
        (ROOT / source).with_suffix(".lock").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
