"""Kill a small training at random moments, resume it each time, and compare the result.

    python benchmarks/kill9.py                            50 kills, on the CPU
    python benchmarks/kill9.py --kills 5 --epochs 40 --json figures.json

One run is trained without interruption. Another with the same settings is killed again and again,
mostly while it trains, sometimes while it starts, at uniformly random moments. It saves its state
after every step, so that many kills happen while a file is written. Meanwhile this process reads
every file of the run as the app and the command line do, and counts the damaged ones. At the end,
weights, sheets and figures of both runs must be equal to the bit.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.model import checkpoint
from neuroceleb.runs.run import Run
from tests import helpers

STARTING_SHARE = 0.2  # of the kills happen before training has begun
STARTING_S = 4.0
TRAINING_S = 1.5
PATIENCE_S = 3_600.0  # for a whole run, on a busy machine


class Reader:
    """Reads every file of a run as the program does, and records the damaged ones."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.files_read = 0
        self.broken: list[str] = []
        self._seen: dict[Path, int] = {}

    def read_new(self) -> None:
        """Read every file that is new or has changed."""
        for path in sorted(self.run.path.glob("[!.]*")):
            try:
                stamp = path.stat().st_mtime_ns
                if self._seen.get(path) == stamp:
                    continue
                self._read(path)
                self._seen[path] = stamp
                self.files_read += 1
            except FileNotFoundError:
                continue  # rewound, or renamed into its place
            except (UserError, ValueError) as error:
                if path.exists():
                    self.broken.append(f"{path.name}: {error}")

    def _read(self, path: Path) -> None:
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        elif path.suffix == ".jsonl":
            epochs = [row["epoch"] for row in self.run.stats()]
            if epochs != list(range(len(epochs))):
                raise ValueError(f"its epochs are {epochs}")
        elif path.suffix == ".png":
            images.load(path)
        elif path.name.startswith("netG"):
            checkpoint.load_generator(path)
        elif path.name.startswith("netD"):
            checkpoint.load_discriminator(path)


def kill_once(workspace: Path, arguments: list[str], run: Run, reader: Reader) -> tuple[str, bool]:
    """Start, read, kill at a random moment; returns the phase, and whether the run had ended."""
    process = helpers.start(workspace, *arguments)
    moment = time.monotonic() + random.uniform(0, STARTING_S)
    phase = "starting"
    if random.random() >= STARTING_SHARE:
        began = lambda: run.state() == "running" and run.status().get("pid") == process.pid  # noqa: E731
        helpers.wait_for(lambda: began() or process.poll() is not None)
        moment = time.monotonic() + random.uniform(0, TRAINING_S)
        phase = "training"
    while time.monotonic() < moment and process.poll() is None:
        if run.exists():
            reader.read_new()
        time.sleep(0.002)
    ended = process.poll() is not None
    if ended:
        outcome = helpers.finish(process)
        assert outcome.code == 0, outcome
    else:
        helpers.kill(process)
    return phase, ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.kills, options.epochs)
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures))
    sys.exit(1 if figures["broken"] or not figures["equal"] else 0)


def measure(folder: Path, kills: int, epochs: int) -> dict[str, Any]:
    """Train both runs and compare them; returns the figures."""
    photos = helpers.write_photos(folder / "photos")
    settings = [*helpers.TINY, "--epochs", str(epochs), "--keep-every", "10", "--save-minutes", "0"]
    whole = ["train", photos, "--run", "undisturbed", *settings]
    outcome = helpers.command(folder, *whole, patience_s=PATIENCE_S)
    assert outcome.code == 0, outcome

    run = Run(folder / "checkpoints" / "killed")
    reader, phases, epochs_at_kill, resume_s = Reader(run), [], [], []
    ended = False
    while len(phases) < kills and not ended:
        fresh = ["train", str(photos), "--run", "killed", *settings]
        again = ["train", "--run", "killed", "--resume"]
        phase, ended = kill_once(folder, again if run.exists() else fresh, run, reader)
        if not ended:
            phases.append(phase)
            epochs_at_kill.append(len(run.stats()))
            assert not run.exists() or run.state() in {"lost", "stopped"}, run.state()
            reader.read_new() if run.exists() else None
    began = time.monotonic()
    rest = ["train", "--run", "killed", "--resume"]
    outcome = helpers.command(folder, *rest, patience_s=PATIENCE_S)
    assert outcome.code == 0, outcome
    resume_s.append(time.monotonic() - began)
    reader.read_new()
    try:
        helpers.assert_same_training(run, Run(folder / "checkpoints" / "undisturbed"))
        difference = ""
    except AssertionError as error:
        difference = str(error)
    leftovers = [path.name for path in run.path.glob(".*.tmp")]
    return {
        "kills": len(phases),
        "while_training": phases.count("training"),
        "while_starting": phases.count("starting"),
        "epochs": epochs,
        "median_epoch_at_kill": statistics.median(epochs_at_kill),
        "files_read": reader.files_read,
        "broken": reader.broken,
        "leftovers": leftovers,
        "equal": not difference and not leftovers,
        "difference": difference[:500],
    }


if __name__ == "__main__":
    main()
