"""Kill a small training with -9 at random moments, resume it every time, and compare the end.

    python benchmarks/kill9.py                            50 kills, on the CPU
    python benchmarks/kill9.py --kills 5 --epochs 40 --json figures.json

One run is trained undisturbed. Another of the same settings is killed again and again: mostly
while it trains, sometimes while it is still starting, the moment drawn evenly. It saves its state
after every step, so that many kills fall into the writing of a file. From the first step to the
last, this process reads every file of the run as the app and the command line do, and counts those
that are not whole. At the end, weights, sheets and figures of both runs must be equal to the bit.
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

STARTING_SHARE = 0.2  # of the kills fall before training has begun
STARTING_S = 4.0
TRAINING_S = 1.5
PATIENCE_S = 3_600.0  # with a whole run, on a machine that has other things to do


class Reader:
    """Reads every file of a run the way its readers do, and notes what is not whole."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.files_read = 0
        self.broken: list[str] = []
        self._seen: dict[Path, int] = {}

    def look(self) -> None:
        """Read what there is and was not read yet."""
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
    """Start, read, kill at a random moment; where it fell, and whether the run had ended before."""
    process = helpers.start(workspace, *arguments)
    moment = time.monotonic() + random.uniform(0, STARTING_S)
    where = "starting"
    if random.random() >= STARTING_SHARE:
        began = lambda: run.state() == "running" and run.status().get("pid") == process.pid  # noqa: E731
        helpers.wait_for(lambda: began() or process.poll() is not None)
        moment = time.monotonic() + random.uniform(0, TRAINING_S)
        where = "training"
    while time.monotonic() < moment and process.poll() is None:
        if run.exists():
            reader.look()
        time.sleep(0.002)
    ended = process.poll() is not None
    if ended:
        outcome = helpers.finish(process)
        assert outcome.code == 0, outcome
    else:
        helpers.kill(process)
    return where, ended


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
    """The whole trial; see above."""
    photos = helpers.write_photos(folder / "photos")
    settings = [*helpers.TINY, "--epochs", str(epochs), "--keep-every", "10", "--save-minutes", "0"]
    whole = ["train", photos, "--run", "undisturbed", *settings]
    outcome = helpers.command(folder, *whole, patience_s=PATIENCE_S)
    assert outcome.code == 0, outcome

    run = Run(folder / "checkpoints" / "killed")
    reader, places, epochs_at_kill, resume_s = Reader(run), [], [], []
    ended = False
    while len(places) < kills and not ended:
        fresh = ["train", str(photos), "--run", "killed", *settings]
        again = ["train", "--run", "killed", "--resume"]
        where, ended = kill_once(folder, again if run.exists() else fresh, run, reader)
        if not ended:
            places.append(where)
            epochs_at_kill.append(len(run.stats()))
            assert not run.exists() or run.state() in {"lost", "stopped"}, run.state()
            reader.look() if run.exists() else None
    began = time.monotonic()
    rest = ["train", "--run", "killed", "--resume"]
    outcome = helpers.command(folder, *rest, patience_s=PATIENCE_S)
    assert outcome.code == 0, outcome
    resume_s.append(time.monotonic() - began)
    reader.look()
    try:
        helpers.assert_same_training(run, Run(folder / "checkpoints" / "undisturbed"))
        difference = ""
    except AssertionError as error:
        difference = str(error)
    leftovers = [path.name for path in run.path.glob(".*.tmp")]
    return {
        "kills": len(places),
        "while_training": places.count("training"),
        "while_starting": places.count("starting"),
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
