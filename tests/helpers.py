"""What several test modules make and start: synthetic photos, weights, real command lines."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neuroceleb.cli import main
from neuroceleb.model.networks import Generator, weights_init
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

ROOT = Path(__file__).parents[1]
PATIENCE_S = 120.0

# A run so small that an epoch of 40 photos takes a fraction of a second.
PHOTOS = 40
TINY = ("--ngf", "4", "--ndf", "4", "--nz", "8", "--batch-size", "8", "--device", "cpu")
STEPS = PHOTOS // 8
EPOCHS = 4


def photo(seed: int, size: tuple[int, int] = (72, 64)) -> Image.Image:
    """Smooth colours, like no other seed's."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def write_photos(folder: Path, count: int = PHOTOS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        photo(index).save(folder / f"{index:03d}.png")
    return folder


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header claims this size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def random_generator(nz: int = 8, ngf: int = 4, nc: int = 3, seed: int = 1) -> Generator:
    """A generator whose BatchNorm figures are not those of a new one, in eval mode."""
    rng = torch.Generator().manual_seed(seed)
    network = Generator(nz, ngf, nc)
    weights_init(network, rng)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(8 if parameter.dim() == 4 else 1)
        network(torch.randn(16, nz, 1, 1, generator=rng))
    return network.eval()


# The command line --------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """One thread, so that sums come out alike; nothing of the person who runs the tests."""
    ours = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    theirs = {"NEUROCELEB_WORKSPACE", "GOOGLE_APPLICATION_CREDENTIALS", "PYTHONWARNINGS"}
    return {key: value for key, value in os.environ.items() if key not in theirs} | ours


def start(workspace: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """`python -m neuroceleb ...` in a process of its own, in this workspace."""
    return subprocess.Popen(
        [sys.executable, "-m", "neuroceleb", *map(str, arguments), "--workspace", str(workspace)],
        cwd=workspace,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


@dataclass(frozen=True)
class Outcome:
    """How a command line ended, and what it said."""

    code: int
    out: str
    err: str

    def assert_refused(self, *words: str) -> None:
        """Exit code 2, one line on stderr with these words in it, nothing on stdout."""
        assert self.code == 2, self
        assert self.out == ""
        assert len(self.err.strip().splitlines()) == 1, self.err
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err


def finish(process: subprocess.Popen[str], patience_s: float = PATIENCE_S) -> Outcome:
    with process:
        out, err = process.communicate(timeout=patience_s)
    return Outcome(process.returncode, out, err)


def command(workspace: Path, *arguments: str | Path, patience_s: float = PATIENCE_S) -> Outcome:
    """Run one command line in a process of its own to its end."""
    return finish(start(workspace, *arguments), patience_s)


class Here:
    """The command line in this process: the same function, without starting Python again."""

    def __init__(self, workspace: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.workspace = workspace
        self._capture = capture

    def __call__(self, *arguments: str | Path) -> Outcome:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as left, one_thread():
            main.main([*map(str, arguments), "--workspace", str(self.workspace)])
        said = self._capture.readouterr()
        assert isinstance(left.value.code, int)
        return Outcome(left.value.code, said.out, said.err)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute as the processes of `start` do: the same sums in the same order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until it is so; fails where the process ends first."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        if process is not None and process.poll() is not None and not condition():
            raise AssertionError(finish(process))
        time.sleep(0.005)


def kill(process: subprocess.Popen[str]) -> None:
    """kill -9, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    finish(process)


# Runs --------------------------------------------------------------------------------------

TIME_FIGURES = ("images_per_second", "seconds", "fetch_share", "resumed")


def timeless(run: Run) -> list[dict[str, object]]:
    """The stats of a run without what depends on the clock and on interruptions."""
    return [{k: v for k, v in row.items() if k not in TIME_FIGURES} for row in run.stats()]


def assert_same_training(ours: Run, expected: Run, epochs: Sequence[int] | None = None) -> None:
    """Bit for bit the same stats, sheets and kept weights (of these epochs, or of all)."""
    from safetensors.torch import load_file

    rows = timeless(expected)
    assert timeless(ours) == (rows if epochs is None else [rows[epoch] for epoch in epochs])
    assert list(ours.sheets()) == [row["epoch"] for row in timeless(ours)]
    for epoch, path in ours.sheets().items():
        assert path.read_bytes() == expected.sheets()[epoch].read_bytes(), path
    pairs = [(path, expected.weights(epoch)) for epoch, path in ours.kept().items()]
    if ours.kept() and max(ours.kept()) == max(expected.kept()):
        pairs.append((ours.discriminator_file, expected.discriminator_file))
    for one, other in pairs:
        got, wanted = load_file(one), load_file(other)
        assert got.keys() == wanted.keys()
        for name, tensor in wanted.items():
            assert torch.equal(got[name], tensor), f"{one.name}: {name}"


def run_of(workspace: Path, name: str) -> Run:
    return Workspace(workspace).run(name)


# The app -----------------------------------------------------------------------------------


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class App:
    """The app in a process of its own, that can be killed and started again at its address."""

    def __init__(self, root: Path, *options: str) -> None:
        self.port = free_port()
        self.root, self.options = root, options
        self.url = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it says that it serves."""
        script = [sys.executable, str(ROOT / "app.py"), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*script, "--workspace", str(self.root), *self.options],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert "Neuro-celeb is at" in self.process.stdout.readline()

    def kill(self) -> None:
        """kill -9."""
        with self.process:
            self.process.send_signal(signal.SIGKILL)


# A disk that is soon full -------------------------------------------------------------------

TMPFS = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o "size=$1" none "$2" && shift 2 && "$@"')


def in_small_disk(size: str, place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that sees a small tmpfs at `place`; skips where the system forbids it."""
    trial = [*TMPFS, "sh", "1m", str(place), "true"]
    if (
        not shutil.which("unshare")
        or subprocess.run(trial, check=False, capture_output=True).returncode
    ):
        pytest.skip("a file system of its own cannot be mounted here")
    return subprocess.run(
        [*TMPFS, "sh", size, str(place), *command],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE_S,
    )
