"""The face identity network on real and generated faces: how well it separates, what it measures.

    python benchmarks/identity.py placements --data ../shared/data/celeba_mini_96.zip --named
    python benchmarks/identity.py runs checkpoints/celeba-mini:12 ... --data FOLDER_OR_ZIP [--named]

`placements` compares ways to place a 64-px crop in the network's input, by the area under the ROC
curve of the distance between two photos of one person against that of two persons. `runs` measures
epochs of runs against the held-out faces of their data. With --named, file names are
`<person>_<image>`; without, each face counts as a person of its own. Embeddings are kept in --work.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb.data import holdout  # noqa: E402
from neuroceleb.data.sources import open_source  # noqa: E402
from neuroceleb.images import Pixels, UnreadableImageError, read_photo, shrink_to_square  # noqa: E402
from neuroceleb.latent.seeds import z_from_seeds  # noqa: E402
from neuroceleb.metrics import distances, identity, intervals, persons, precision_recall  # noqa: E402
from neuroceleb.model import generator  # noqa: E402

PLACEMENTS = (
    *((150, 0), (150, 20), (176, 42), (183, 46)),
    *((190, 44), (190, 48), (190, 52), (190, 56), (200, 54), (200, 60)),
)
PERSON = re.compile(r"(\d+)_\d+\.\w+$")
RARELY = 0.001  # false matches

Floats = NDArray[np.float32]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("placements", "runs"))
    parser.add_argument("runs", nargs="*", metavar="RUN:EPOCH")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--named", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("identity-work"))
    parser.add_argument("--n", type=int, default=1_500)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    faces, people = load(options.data, options.named)
    if options.action == "placements":
        placements(faces, people, options.people, options.seed)
        return 0
    real = Real(faces, people, kept(options.work / f"{options.data.stem}.npy", faces), options)
    print("run | Fréchet | kernel | precision | recall | nearest (median) | copies of a person")
    real.print_floor()
    for name in options.runs:
        folder, epoch = name.rsplit(":", 1)
        weights = Path(folder) / f"netG_epoch_{int(epoch):03d}.safetensors"
        model = generator.load(weights)
        fakes = model.images(z_from_seeds(range(options.n), model.nz))
        real.print_row(name, kept(options.work / f"{Path(folder).name}-{epoch}.npy", fakes))
    return 0


def load(data: Path, named: bool) -> tuple[Pixels, persons.People]:
    """The faces of a folder or zip at 64 px, and a number for the person each shows."""
    found, names = [], []
    with open_source(data) as source:
        for entry in source.entries():
            try:
                found.append(shrink_to_square(read_photo(source.read(entry)), 64))
            except UnreadableImageError as error:
                print(f"{entry.name}: {error}")
                continue
            match = PERSON.search(entry.name)
            names.append(match[1] if match and named else entry.name)
    return np.stack(found), np.unique(names, return_inverse=True)[1]


def kept(path: Path, faces: Pixels) -> Floats:
    """The embeddings of these faces, from the file where it is there."""
    if not path.exists():
        began = time.process_time()
        found = identity.embed(faces)
        seconds = time.process_time() - began
        print(f"{path.stem}: {len(faces)} faces, {seconds:.1f} CPU s, {len(faces) / seconds:.0f}/s")
        np.save(path, found)
    return np.asarray(np.load(path), np.float32)


# Placement ---------------------------------------------------------------------------------


@contextmanager
def placed(enlarged_px: int, top_px: int) -> Iterator[None]:
    before = identity.ENLARGED_PX, identity.TOP_PX
    identity.ENLARGED_PX, identity.TOP_PX = enlarged_px, top_px
    yield
    identity.ENLARGED_PX, identity.TOP_PX = before


def placements(faces: Pixels, people: persons.People, count: int, seed: int) -> None:
    """Print how well each placement separates the photos of `count` persons drawn at random."""
    drawn = np.random.default_rng(seed).permutation(np.unique(people))[:count]
    some = np.isin(people, drawn)
    print(
        "enlarged px | top px | AUC | found at 0.1 % false matches | distance same, other (median)"
    )
    for enlarged_px, top_px in PLACEMENTS:
        with placed(enlarged_px, top_px):
            embeddings = identity.embed(faces[some])
        print(f"{enlarged_px} | {top_px} | {separation(embeddings, people[some])}", flush=True)


def separation(embeddings: Floats, people: persons.People) -> str:
    """AUC, share of pairs of one person found at RARELY false matches, median distances."""
    upper = np.triu_indices(len(embeddings), 1)
    apart = np.sqrt(precision_recall.squared_distances(embeddings, embeddings)[upper])
    same = (people[:, None] == people)[upper]
    found = (apart[same] < np.quantile(apart[~same], RARELY)).mean()
    medians = f"{np.median(apart[same]):.3f}, {np.median(apart[~same]):.3f}"
    return f"{roc_auc_score(same, -apart):.4f} | {found:.3f} | {medians}"


# Runs --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """The figures of one set of faces against the held-out ones."""

    frechet: float
    kernel: distances.KernelDistance
    precision: float
    recall: float


class Real:
    """The held-out faces, others of persons that are not among them, and the training pool."""

    def __init__(
        self,
        faces: Pixels,
        people: persons.People,
        embeddings: Floats,
        options: argparse.Namespace,
    ) -> None:
        rng = np.random.default_rng([options.seed, 4])
        mask = holdout.held_out(faces)
        held_out = rng.permutation(np.flatnonzero(mask))[: options.n]
        strangers = np.flatnonzero(~np.isin(people, people[mask]))
        others = rng.permutation(strangers)[: len(held_out)]
        self.n, self.seed = len(held_out), options.seed
        self.held_out, self.others = embeddings[held_out], embeddings[others]
        self.pool = embeddings[~mask]
        baseline = persons.nearest_other(
            self.held_out, people[held_out], self.pool, people[~mask]
        ).distances
        self.limit = persons.limit(baseline)
        self.baseline = baseline
        shown = np.isin(people[held_out], people[~mask])
        self.known = persons.nearest(self.held_out[shown], self.pool).distances

    def figures(self, faces: Floats) -> Row:
        ours = faces[: self.n]
        return Row(
            distances.frechet(ours, self.held_out),
            distances.kernel(ours, self.held_out, self.seed, identity.KERNEL_GAMMA),
            float(precision_recall.covered(self.held_out, ours).mean()),
            float(precision_recall.covered(ours, self.held_out).mean()),
        )

    def print_floor(self) -> None:
        print(f"n {self.n}, seed {self.seed}, pool {len(self.pool)}, limit {self.limit:.3f}")
        self._print("real faces of other persons", self.figures(self.others), self.baseline)
        if len(self.known):
            share = persons.copied(self.known, self.limit).mean()
            print(f"held-out faces of {len(self.known)} known persons: {share:.1%} below the limit")

    def print_row(self, name: str, fakes: Floats) -> None:
        self._print(name, self.figures(fakes), persons.nearest(fakes, self.pool).distances)

    def _print(self, name: str, row: Row, nearest: Floats) -> None:
        copied = persons.copied(nearest, self.limit)
        low, high = intervals.of_share(copied)
        kernel = f"{row.kernel.value:.4f} ± {row.kernel.deviation:.4f}"
        print(
            f"{name} | {row.frechet:.4f} | {kernel} | {row.precision:.3f} | {row.recall:.3f} | "
            f"{np.median(nearest):.3f} | {copied.mean():.2%} ({low:.2%} to {high:.2%})",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
