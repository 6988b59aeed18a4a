"""How well faces are sorted by person, and what it costs.

    python benchmarks/persons.py clusters --data ../shared/data/celeba_mini_96.zip
    python benchmarks/persons.py simulated --data ../shared/data/celeba_mini_96.zip
    python benchmarks/persons.py agree --data ../shared/data/celeba_mini_96.zip
    python benchmarks/persons.py crowding --data ../shared/data/celeba_mini_96.zip --dataset FOLDER

`clusters` prints the pairwise F1 of ways to cluster faces of people whose names are hidden; files
are named `<person>_<n>`. Thresholds are chosen on one half of the people and reported on the other.
`simulated` draws embeddings of people with many photos each, with the covariances of the data.
`agree` compares the network in NumPy and in PyTorch, and times both. `crowding` fits the numbers by
which distances are adjusted to one half of the people, and to half the faces of a dataset of `crop`
that shows hardly anybody twice; it prints on the other halves how many pairs of different people
are near. Embeddings are kept in --work.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.cluster import hierarchy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb import images  # noqa: E402
from neuroceleb.data.faces import clustering, identity  # noqa: E402
from neuroceleb.data.faces.clustering import Labels, Thresholds  # noqa: E402
from neuroceleb.data.faces.manifest import KEPT, FaceSet  # noqa: E402
from neuroceleb.data.sources import open_source  # noqa: E402
from neuroceleb.images import Pixels, read_photo, shrink_to_square  # noqa: E402
from neuroceleb.metrics import identity as in_torch  # noqa: E402

PERSON = re.compile(r"(\d+)_\d+\.\w+$")
PEOPLE = 2_400  # drawn from the data; half to choose thresholds, half to report
NUMBERS = ((40, 20), (400, 10))  # people clustered together, and draws of them
SHOWN = 2_400  # faces whose pairs are counted
LIMITS = (0.45, 0.50, 0.55, 0.58, 0.60)

Floats = NDArray[np.float32]
Method = Callable[[Floats, float], Labels]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("clusters", "simulated", "agree", "crowding"))
    parser.add_argument(
        "--data", type=Path, required=True, help="A zip or folder of <person>_<n> files."
    )
    parser.add_argument("--dataset", type=Path, help="A dataset of crop.")
    parser.add_argument("--work", type=Path, default=Path("persons-work"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    faces, people = load(options.data, options.work, options.seed)
    if options.action == "agree":
        agree(faces[:256])
        return 0
    embeddings = kept(options.work / "embeddings.npy", faces)
    if options.action == "crowding":
        crowding(embeddings, people, FaceSet(options.dataset), options)
        return 0
    report_on = clusters if options.action == "clusters" else simulated
    report_on(embeddings, people)
    return 0


def load(data: Path, work: Path, seed: int) -> tuple[Pixels, Labels]:
    """The faces at 64 px of PEOPLE people drawn at random, and a number for each person."""
    with open_source(data) as source:
        entries = {entry: PERSON.search(entry.name) for entry in source.entries()}
        named = {entry: match[1] for entry, match in entries.items() if match}
        drawn = set(np.random.default_rng(seed).permutation(sorted(set(named.values())))[:PEOPLE])
        chosen = {entry: name for entry, name in named.items() if name in drawn}
        stored = work / "faces.npy"
        if not stored.exists():
            read = [shrink_to_square(read_photo(source.read(entry)), 64) for entry in chosen]
            np.save(stored, np.stack(read))
    return np.load(stored), np.unique(list(chosen.values()), return_inverse=True)[1]


def kept(path: Path, faces: Pixels) -> Floats:
    """The embeddings of these faces, from the file where it is there."""
    if not path.exists():
        np.save(path, in_torch.embed(faces))
    return np.asarray(np.load(path), np.float32)


# Clustering --------------------------------------------------------------------------------


def figures(found: Labels, people: Labels) -> tuple[float, float, float]:
    """Pairwise F1, precision and recall: of pairs of faces said to be, and being, one person."""

    def count(labels: Labels) -> float:
        sizes = np.unique(labels, return_counts=True)[1].astype(np.float64)
        return float((sizes * (sizes - 1) / 2).sum())

    both = np.unique(found, return_inverse=True)[1] * (people.max() + 1) + people
    right, said, true = count(both), count(found), count(people)
    precision, recall = right / max(said, 1.0), right / true
    return 2 * right / (said + true), precision, recall


def linkage(kind: str) -> Method:
    def cluster(embeddings: Floats, limit: float) -> Labels:
        tree = hierarchy.linkage(embeddings.astype(np.float64), kind)
        return np.asarray(hierarchy.fcluster(tree, limit, "distance"), np.int64)

    return cluster


def whispers(embeddings: Floats, limit: float) -> Labels:
    """Chinese whispers (Biemann 2006), 20 rounds, edges weighted by 1 / (0.05 + distance)."""
    away = clustering.distances(embeddings, embeddings)
    np.fill_diagonal(away, np.inf)
    near = [np.flatnonzero(row < limit) for row in away]
    labels, rng = np.arange(len(away)), np.random.default_rng(0)
    for _ in range(20):
        for index in rng.permutation(len(away)):
            if len(near[index]):
                names, inverse = np.unique(labels[near[index]], return_inverse=True)
                votes = np.bincount(inverse, 1 / (0.05 + away[index, near[index]]))
                labels[index] = names[votes.argmax()]
    return labels


def ours(embeddings: Floats, limit: float) -> Labels:
    return clustering.cluster(embeddings, Thresholds(limit))


METHODS: dict[str, tuple[Method, Sequence[float]]] = {
    "average linkage": (linkage("average"), (0.48, 0.50, 0.52, 0.54, 0.56)),
    "complete linkage": (linkage("complete"), (0.54, 0.56, 0.58, 0.60, 0.62)),
    "Chinese whispers": (whispers, (0.44, 0.46, 0.48, 0.50, 0.52)),
    "ours: adjusted, complete, then average 0.52": (ours, (clustering.COMPLETE,)),
}


def clusters(embeddings: Floats, people: Labels) -> None:
    """The F1 of each method, at the threshold that is best for 400 people of the other half."""
    tuning, reported = halves(people)
    print("method | threshold | people | F1 | deviation over draws | precision | recall")
    for name, (method, limits) in METHODS.items():
        best = max(
            limits, key=lambda limit: draws(method, limit, embeddings, people, tuning, 400, 3)[0, 0]
        )
        for number, count in NUMBERS:
            mean, spread = draws(method, best, embeddings, people, reported, number, count)
            print(
                f"{name} | {best:.2f} | {number} | {mean[0]:.3f} | {spread[0]:.3f} | "
                f"{mean[1]:.2f} | {mean[2]:.2f}",
                flush=True,
            )


def draws(
    method: Method,
    limit: float,
    embeddings: Floats,
    people: Labels,
    pool: Labels,
    number: int,
    count: int,
) -> NDArray[np.float64]:
    """Mean and deviation, (2, 3), of the figures over `count` draws of `number` people."""
    rows = []
    for seed in range(count):
        some = np.isin(people, np.random.default_rng(seed).permutation(pool)[:number])
        rows.append(figures(method(embeddings[some], limit), people[some]))
    return np.array([np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)])


def simulated(embeddings: Floats, people: Labels, spread: float = 0.3) -> None:
    """F1 for people with more photos than the data has.

    Persons are normal with the covariance between persons, photos of one with that within, scaled
    by a log-normal factor for each photo, which gives 400 people of three photos about the F1 of
    the real ones.
    """
    means = np.stack([embeddings[people == one].mean(axis=0) for one in np.unique(people)])
    inner = embeddings - means[people]
    within = inner.T @ inner / (len(inner) - len(means))
    values, vectors = np.linalg.eigh(np.cov(means.T) - within / 3)
    between = vectors * np.sqrt(np.maximum(values, 0))
    root = np.linalg.cholesky(within + 1e-6 * np.eye(len(within)))
    crowds = {
        "400 people, 3 photos": [3] * 400,
        "100 people, 10 photos": [10] * 100,
        "50 people, 10 to 100 photos": [100] * 5 + [40] * 15 + [10] * 30,
    }
    print("people | average 0.52 | complete 0.58 | ours")
    for name, sizes in crowds.items():
        rows = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            labels = np.repeat(np.arange(len(sizes)), sizes)
            centres = means.mean(axis=0) + rng.standard_normal((len(sizes), 128)) @ between.T
            scale = np.exp(spread * rng.standard_normal(len(labels)) - spread**2)
            photos = rng.standard_normal((len(labels), 128)) @ root.T * scale[:, None]
            drawn = (centres[labels] + photos).astype(np.float32)
            found = (linkage("average")(drawn, 0.52), linkage("complete")(drawn, 0.58))
            rows.append(
                [figures(it, labels)[0] for it in (*found, ours(drawn, clustering.COMPLETE))]
            )
        print(name, *(f"{value:.3f}" for value in np.mean(rows, axis=0)), sep=" | ", flush=True)


# The network -------------------------------------------------------------------------------


def agree(faces: Pixels) -> None:
    """The largest difference of the embeddings of NumPy and PyTorch, and the time of both."""
    identity.embed(faces[:4])
    in_torch.embed(faces[:4])
    began = time.process_time()
    ours_found = identity.embed(faces)
    middle = time.process_time()
    theirs = in_torch.embed(faces)
    ended = time.process_time()
    print(
        f"{len(faces)} faces: largest difference {np.abs(ours_found - theirs).max():.1e}; "
        f"NumPy {1_000 * (middle - began) / len(faces):.1f} ms a face, "
        f"PyTorch {1_000 * (ended - middle) / len(faces):.1f} ms"
    )


# Crowding ----------------------------------------------------------------------------------


def crowding(
    embeddings: Floats, people: Labels, face_set: FaceSet, options: argparse.Namespace
) -> None:
    """Fit and store the numbers; print the shares of pairs of different people below limits."""
    rows = [row for row in face_set.iter_rows() if row.verdict == KEPT]
    crops = [Image.fromarray(images.load(face_set.crop_file(row))) for row in rows]
    faces = np.stack([shrink_to_square(crop, 64) for crop in crops])
    others = kept(options.work / f"{face_set.name}.npy", faces)
    order = np.random.default_rng(1).permutation(len(others))
    tuning, reported = halves(people)
    half = len(order) // 2
    fitted_to = (embeddings[np.isin(people, tuning)], others[order[:half]])
    weights = fit(fitted_to)
    np.save(options.work / identity.CROWDING_FILE, weights)
    chosen = np.flatnonzero(np.isin(people, reported))[:SHOWN]
    sets = {
        options.data.stem: (embeddings[chosen], people[chosen]),
        face_set.name: (others[order[half:]][:SHOWN], np.arange(len(order) - half)[:SHOWN]),
    }
    print("faces | adjusted | " + " | ".join(f"below {limit:.2f}" for limit in LIMITS))
    for name, (some, shown) in sets.items():
        different = shown[:, None] != shown
        for measure in (clustering.distances, clustering.adjusted_distances):
            found = measure(some, some)[different]
            shares = " | ".join(f"{(found < limit).mean():.1e}" for limit in LIMITS)
            print(f"{name} | {measure is clustering.adjusted_distances} | {shares}")


def fit(sets: Sequence[Floats]) -> Floats:
    """(129,): weights and constant from an embedding to its mean distance to a third of its set."""
    means = [clustering.distances(faces, faces[::3]).mean(axis=1) for faces in sets]
    inputs = np.vstack([np.column_stack([faces, np.ones(len(faces))]) for faces in sets])
    inputs = inputs.astype(np.float64)
    squares = inputs.T @ inputs + np.eye(inputs.shape[1])
    return np.asarray(np.linalg.solve(squares, inputs.T @ np.concatenate(means)), np.float32)


def halves(people: Labels) -> tuple[Labels, Labels]:
    """The people to choose and to fit with, and those to report on."""
    order = np.random.default_rng(5).permutation(people.max() + 1)
    return order[: PEOPLE // 2], order[PEOPLE // 2 :]


if __name__ == "__main__":
    sys.exit(main())
