"""The flaw score: fit it to the labels, and report how well it agrees with those kept for testing.

    python benchmarks/flaws.py [--write neuroceleb/metrics/flaw_model/flaws.npz]

The labelled faces (labels/generated.csv) are rendered from the shipped checkpoints. Everything is
chosen on the rows `choose`, by cross-validation whose folds share no seed. With --write the
coefficients are written, and their SHA-256, to be copied to neuroceleb/metrics/flaws.py, is
printed. On another processor the last digits, and so the SHA-256, may differ.
"""

import argparse
import csv
import hashlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb import files  # noqa: E402
from neuroceleb.images import Pixels  # noqa: E402
from neuroceleb.latent.seeds import z_from_seeds  # noqa: E402
from neuroceleb.metrics import landmarks  # noqa: E402
from neuroceleb.metrics.flaw_features import GROUPS, LENGTH, flaw_features  # noqa: E402
from neuroceleb.metrics.flaws import CLIP, FlawModel  # noqa: E402
from neuroceleb.model import checkpoint, generator  # noqa: E402

LABELS = ROOT / "benchmarks/labels/generated.csv"
WEIGHTS_SHA256 = {  # the labels belong to these weights; the first 16 digits
    ("asian-faces", 3): "e4e353979ca9d5a9",
    ("asian-faces", 7): "eb0ae7101e76b23b",
    ("asian-faces-raw", 10): "8ca137ff846e3af5",
    ("celeba-mini", 0): "e7108e712f1fa157",
    ("celeba-mini", 6): "d791cc4251360568",
    ("celeba-mini", 12): "3d6c704185b4ef06",
    ("celeba-mini-classic", 6): "ea2730c2aad44878",
    ("celeba-mini-classic", 11): "be33aae3fffe2cc4",
    ("celeba-mini-classic", 29): "7a55d0b53198857b",
}
HARDER = ("celeba-mini", "asian-faces")  # the models without noise that gives them away
# Inverse strength of the L2 penalty, with each column divided by the root of the group's length.
STRENGTH = {"landmarks": 1.0, "mesh": 3.0, "iris": 1.0}
FOLDS, REPEATS = 8, 2
DRAWS = 2000
LEAST_SINGULAR = 1e-5

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """The labelled faces: of each its pixels, model, epoch, seed and labels."""

    faces: Pixels
    models: NDArray[np.str_]
    epochs: NDArray[np.int64]
    seeds: NDArray[np.int64]
    flawed: Bools
    for_test: Bools

    @property
    def harder(self) -> Bools:
        """Those of the models in HARDER."""
        return np.isin(self.models, HARDER)


@dataclass(frozen=True)
class Linear:
    """A linear function of clipped standardised columns."""

    mean: Doubles
    scale: Doubles
    weights: Doubles
    bias: float

    def __call__(self, columns: Doubles) -> Doubles:
        standard = np.clip((columns - self.mean) / self.scale, -CLIP, CLIP)
        return np.asarray(standard @ self.weights + self.bias)


def main() -> int:
    """Print the tables; 1 where a checkpoint is not the labelled one."""
    parser = argparse.ArgumentParser(description="Fit and test the flaw score.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="Write the coefficients.")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    wrong = [key for key in WEIGHTS_SHA256 if not is_labelled(*key)]
    if wrong:
        print(f"The labels are of other weights than those of {wrong}.", file=sys.stderr)
        return 1
    labelled = read_labelled()
    began = time.process_time()
    table = flaw_features(labelled.faces, workers=1).astype(np.float64)
    each = (time.process_time() - began) / len(table) * 1e3
    print(f"{len(table)} faces, {LENGTH} features, {each:.1f} ms of processor a face\n")
    model = fit(table, labelled)
    scores = model.scores(table.astype(np.float32)).astype(np.float64)
    report(labelled, scores, model.threshold)
    report_best(labelled, scores)
    if options.write:
        write(model, options.write)
    return 0


def weights_file(model: str, epoch: int) -> Path:
    """The shipped generator of a kept epoch."""
    return ROOT / "checkpoints" / model / f"netG_epoch_{epoch:03d}.safetensors"


def is_labelled(model: str, epoch: int) -> bool:
    """Whether the weights are those that the labels are of."""
    path = weights_file(model, epoch)
    if not path.is_file():
        return False
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest.startswith(WEIGHTS_SHA256[model, epoch])


def read_labelled() -> Labelled:
    """The labels, and their faces rendered."""
    with LABELS.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    models = np.array([row["model"] for row in rows])
    epochs = np.array([int(row["epoch"]) for row in rows])
    seeds = np.array([int(row["seed"]) for row in rows])
    faces = np.empty((len(rows), 64, 64, 3), np.uint8)
    for model, epoch in WEIGHTS_SHA256:
        where = (models == model) & (epochs == epoch)
        loaded = generator.load(weights_file(model, epoch))
        faces[where] = loaded.images(z_from_seeds(seeds[where].tolist(), loaded.nz))
    return Labelled(
        faces,
        models,
        epochs,
        seeds,
        np.array([row["flawed"] == "1" for row in rows]),
        np.array([row["split"] == "test" for row in rows]),
    )


# Fitting -----------------------------------------------------------------------------------


def fit(table: Doubles, labelled: Labelled) -> FlawModel:
    """The mean of one regression a group of columns, calibrated; from the rows `choose` alone."""
    rows = np.flatnonzero(~labelled.for_test)
    flawed = labelled.flawed[rows]
    outside = out_of_fold(table[rows], flawed, labelled.seeds[rows])
    print_groups(outside, flawed, labelled.harder[rows])
    summed = np.mean([outside[name] for name in GROUPS], axis=0)
    # Out of fold a score is less sure than one of the whole fit: the calibration is a little mild.
    platt = LogisticRegression(C=1e4).fit(summed.reshape(-1, 1), np.repeat(flawed, REPEATS))
    slope, shift = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    probability = 1 / (1 + np.exp(-(slope * summed + shift)))
    harder = labelled.harder[rows]
    threshold = float(np.quantile(probability[harder], 1 - flawed[harder].mean()))
    parts = [fit_group(table[rows][:, columns], flawed, name) for name, columns in spans().items()]
    weights = np.concatenate([part.weights for part in parts]) * slope / len(parts)
    return FlawModel(
        np.concatenate([part.mean for part in parts]).astype(np.float32),
        np.concatenate([part.scale for part in parts]).astype(np.float32),
        weights.astype(np.float32),
        float(np.mean([part.bias for part in parts]) * slope + shift),
        threshold,
    )


def spans() -> dict[str, slice]:
    """The columns of each group."""
    ends = np.cumsum(list(GROUPS.values())).tolist()
    starts = [0, *ends[:-1]]
    return {name: slice(start, end) for name, start, end in zip(GROUPS, starts, ends, strict=True)}


def fit_group(columns: Doubles, flawed: Bools, name: str) -> Linear:
    """An L2-regularised logistic regression, solved in the space of the rows."""
    mean, scale = columns.mean(axis=0), columns.std(axis=0)
    scale = np.maximum(scale, 1e-3 * np.median(scale) + 1e-9)
    width = np.sqrt(columns.shape[1])
    standard = np.clip((columns - mean) / scale, -CLIP, CLIP) / width
    values, vectors = np.linalg.eigh(standard @ standard.T)
    kept = values > LEAST_SINGULAR**2 * values[-1]
    basis = standard.T @ vectors[:, kept] / np.sqrt(values[kept])  # orthonormal, of the row space
    solved = LogisticRegression(C=STRENGTH[name], max_iter=5000, tol=1e-6)
    solved.fit(standard @ basis, flawed)
    return Linear(mean, scale, basis @ solved.coef_[0] / width, float(solved.intercept_[0]))


def out_of_fold(table: Doubles, flawed: Bools, seeds: NDArray[np.int64]) -> dict[str, Doubles]:
    """Of each group the scores, (N, REPEATS), of regressions that did not see the row's seed."""
    found = {name: np.zeros((len(table), REPEATS)) for name in GROUPS}
    for repeat in range(REPEATS):
        order = np.random.default_rng(repeat).permutation(np.unique(seeds))
        fold_of = {int(seed): place % FOLDS for place, seed in enumerate(order)}
        folds = np.array([fold_of[int(seed)] for seed in seeds])
        for fold in range(FOLDS):
            left_out = folds == fold
            for name, columns in spans().items():
                part = fit_group(table[~left_out][:, columns], flawed[~left_out], name)
                found[name][left_out, repeat] = part(table[left_out][:, columns])
    return found


def write(model: FlawModel, path: Path) -> None:
    """Write the coefficients, and print the file's SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            mean=model.mean,
            scale=model.scale,
            weights=model.weights,
            bias=np.float64(model.bias),
            threshold=np.float64(model.threshold),
        )
    print(f"\n{path}: SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


# Reporting ---------------------------------------------------------------------------------


def print_groups(outside: dict[str, Doubles], flawed: Bools, harder: Bools) -> None:
    """Areas under the curve by group, out of fold."""
    print("| features (`choose`, out of fold) | AUC | celeba-mini and asian-faces |\n|---|---|---|")
    together = np.mean([outside[name] for name in GROUPS], axis=0)
    for name, scores in [*outside.items(), ("together", together)]:
        of_all = np.mean([roc_auc_score(flawed, column) for column in scores.T])
        of_some = np.mean([roc_auc_score(flawed[harder], s) for s in scores[harder].T])
        print(f"| {name} | {of_all:.3f} | {of_some:.3f} |")


def report(labelled: Labelled, scores: Doubles, threshold: float) -> None:
    """Agreement with the rows `test`: areas under the curve, calibration, shares."""
    print("\n| faces (`test`) | n | flawed | mean score | over threshold | agree | AUC |")
    print("|---|---|---|---|---|---|---|")
    groups = {"all": np.ones(len(scores), np.bool_), "harder two": labelled.harder}
    groups |= {name: labelled.models == name for name in dict.fromkeys(labelled.models.tolist())}
    for name, within in groups.items():
        chosen = within & labelled.for_test
        truth, found = labelled.flawed[chosen], scores[chosen]
        over = found >= threshold
        print(
            f"| {name} | {len(truth)} | {truth.mean():.1%} | {found.mean():.1%} | {over.mean():.1%}"
            f" | {(over == truth).mean():.1%} | {area_with_interval(truth, found)} |"
        )
    test = labelled.for_test
    print(f"\nThreshold {threshold:.3f}. Calibration on `test`:\n")
    print("| score | faces | mean score | flawed |\n|---|---|---|---|")
    for low, high in ((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.01)):
        within = test & (scores >= low) & (scores < high)
        if within.any():
            print(
                f"| {low} to {min(high, 1)} | {within.sum()} | {scores[within].mean():.2f} "
                f"| {labelled.flawed[within].mean():.2f} |"
            )


def area_with_interval(flawed: Bools, scores: Doubles) -> str:
    """The area under the curve and its 95 % bootstrap interval over faces."""
    if flawed.all() or not flawed.any():
        return "-"
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(DRAWS):
        drawn = rng.integers(0, len(flawed), len(flawed))
        if 0 < flawed[drawn].sum() < len(drawn):
            areas.append(roc_auc_score(flawed[drawn], scores[drawn]))
    low, high = np.quantile(areas, (0.025, 0.975))
    return f"{roc_auc_score(flawed, scores):.3f} ({low:.3f} to {high:.3f})"


def report_best(labelled: Labelled, scores: Doubles) -> None:
    """How many of the best quarter of each model's `test` faces are flawed, by ranking."""
    print("\n| best quarter of `test` | n | all | flaw score | YuNet and D | YuNet | D |")
    print("|---|---|---|---|---|---|---|")
    for model, epoch in (("celeba-mini", 12), ("asian-faces", 7), ("celeba-mini-classic", 29)):
        within = (labelled.models == model) & (labelled.epochs == epoch) & labelled.for_test
        faces, flawed = labelled.faces[within], labelled.flawed[within]
        found = landmarks.detect(faces)
        out_of_place = 1e6 * ~landmarks.MINI_SET_RULE.accepts(found)
        places = -landmarks.MINI_SET_RULE.displacements(found)
        by_landmarks = ranks(ranks(found.scores) + ranks(places), descending=False)
        netD = ROOT / "checkpoints" / model / "netD.safetensors"
        logits = discriminate(faces, netD)
        both = by_landmarks + ranks(logits) + out_of_place
        orders = (scores[within], both, by_landmarks + out_of_place, -logits)
        kept = len(faces) // 4
        shares = [flawed[np.argsort(order, kind="stable")[:kept]].mean() for order in orders]
        cells = " | ".join(f"{share:.0%}" for share in shares)
        print(f"| {model} {epoch} | {kept} of {len(faces)} | {flawed.mean():.0%} | {cells} |")


def discriminate(faces: Pixels, netD: Path) -> Doubles:
    """The discriminator's output before its sigmoid, (N,)."""
    network = checkpoint.load_discriminator(netD)
    with torch.inference_mode():
        images = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1
        logits = network(images, as_logits=True)
    return np.asarray(logits.numpy(), np.float64)


def ranks(values: Doubles, descending: bool = True) -> Doubles:
    """The rank of each value, 0 for the first."""
    order = np.argsort(-values if descending else values, kind="stable")
    return np.asarray(np.argsort(order), np.float64)


if __name__ == "__main__":
    sys.exit(main())
