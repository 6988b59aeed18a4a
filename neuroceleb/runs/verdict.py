"""The verdict on a run: what its figures mean, and one thing to try. Standard library only.

The rules, in order. "Lately" is the mean over the last 5 epochs, "for long" also the mean over the
last 20,000 images shown. The thresholds lie between the figures of healthy and failed runs of this
network; the tests hold curves of both.

- *diverged*: a figure is not finite, or loss_g is lately over 50 (it is capped at 100). Too high a
  learning rate does that: Radford et al., *Unsupervised Representation Learning with Deep
  Convolutional GANs*, 2015, found 0.001 too high already.
- *collapse*: lately the fixed noise's faces are alike (`sample_nearest`, see `metrics.collapse`),
  though they were not before, or though they change wholly from epoch to epoch, or though 100,000
  images have been shown (healthy runs here needed 15,000 to 25,000). Near-duplicates as the sign:
  Arora and Zhang, *Do GANs actually learn the distribution?*, 2017. Faces that hop from one
  mode to the next together: Metz et al., *Unrolled GANs*, 2016.
- *overfitting*: in the last 3 evaluations of a run with a holdout, D's mean output for faces it was
  trained on is over 0.7 above that for held-out ones (d_train, d_held_out, both not augmented).
  The same comparison, as a share of the distance to the fakes, is r_v of Karras et al., *Training
  Generative Adversarial Networks with Limited Data*, 2020. Faces of 500 photos still got better at
  0.59 (`docs/results.md`); where they begin to get worse is not known.
- *stalled*: the fixed noise's faces have lately not changed.
- *d_strong*: for long D has called photos real (d_x over 0.9) and fakes fake (d_g_z1 under 0.1).
  Chintala's *ganhacks*: "D loss goes to 0: failure mode". A perfect D has no gradient to teach G
  with: Arjovsky and Bottou, *Towards Principled Methods for Training GANs*, 2017.
- *g_strong*: lately D has told photos and fakes apart by less than 0.1. At the optimum of
  Goodfellow et al., *Generative Adversarial Nets*, 2014, D says 1/2 to both; so it may be the end,
  or a D too small to see what is wrong.
- *early*: fewer than 3 epochs, or faces of different seeds are still alike, as at every beginning.
- *learning*: none of these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from neuroceleb.errors import Message, gettext_noop
from neuroceleb.runs.figures import finite

LATELY_EPOCHS = 5
LONG_IMAGES = 20_000
LATE_IMAGES = 100_000
EARLY_EPOCHS = 3

SIMILAR = 0.35  # sample_nearest of different photos is 1
VARIED = 0.5
HOPPING = 0.4  # sample_change of a healthy run falls from 0.6 to 0.2
UNCHANGED = 0.02
UNCHANGED_IMAGES = 1_000  # in an epoch of fewer, faces change less while G still learns
MIN_GAP = 0.1
OVERFITTING_GAP = 0.7  # of 500 photos faces still improved at 0.59: docs/results.md
OVERFITTING_EVALUATIONS = 3
RUNAWAY_LOSS = 50.0

Rows = Sequence[dict[str, Any]]
Unit = Literal["epoch", "step"]


@dataclass(frozen=True)
class Verdict:
    """A verdict: its `kind` (see above), the epochs and the figures it rests on.

    `sentence` states it with its evidence, `advice` is one thing to try (None if all is well).
    """

    kind: str
    epochs: tuple[int, int]
    figures: dict[str, float]
    sentence: Message
    advice: Message | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON: `sentence` and `advice` ("" if all is well) in English."""
        return {
            "kind": self.kind,
            "epochs": list(self.epochs),
            "figures": self.figures,
            "sentence": str(self.sentence),
            "advice": str(self.advice or ""),
        }


@dataclass(frozen=True)
class _Finding:
    kind: str
    rows: Rows
    figures: dict[str, float]


def judge(rows: Rows, unit: Unit = "epoch") -> Verdict | None:
    """The verdict on the rows of stats.jsonl, in order of epochs; None if there are none.

    The rows may be of something else than epochs, by their number in `epoch`; `unit` names it.
    """
    if not rows:
        return None
    finding = _diverged(rows)
    if finding is None and len(rows) < EARLY_EPOCHS:
        finding = _Finding("early", rows, {})
    for rule in () if finding else _RULES:
        finding = finding or rule(rows)
    return _verdict_of(finding or _learning(rows), unit)


# The rules ---------------------------------------------------------------------------------


def _diverged(rows: Rows) -> _Finding | None:
    last = rows[-1:]
    for name in ("loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2"):
        if name in last[0] and finite(last[0].get(name)) is None:  # an imported run may lack some
            return _Finding("diverged", last, {})
    recent = _lately(rows)
    loss = _mean(recent, "loss_g")
    if len(recent) >= EARLY_EPOCHS and loss is not None and loss > RUNAWAY_LOSS:
        return _Finding("diverged", recent, {"loss_g": loss})
    return None


def _collapse(rows: Rows) -> _Finding | None:
    recent = _lately(rows)
    nearest, change = _mean(recent, "sample_nearest"), _mean(recent, "sample_change")
    if nearest is None or nearest > SIMILAR:
        return None
    figures = {"sample_nearest": nearest}
    best = max(_mean(rows[i : i + EARLY_EPOCHS], "sample_nearest") or 0 for i in range(len(rows)))
    if best >= VARIED:
        return _Finding("collapse", recent, figures | {"best": best})
    if change is not None and change > HOPPING:
        return _Finding("collapse", recent, figures | {"sample_change": change})
    return None


def _stalled(rows: Rows) -> _Finding | None:
    recent = _lately(rows)
    changes = [finite(row.get("sample_change")) for row in recent]
    most = UNCHANGED * min(1.0, _images_per_epoch(recent) / UNCHANGED_IMAGES)
    if len(recent) < LATELY_EPOCHS or any(change is None or change > most for change in changes):
        return None
    return _Finding("stalled", recent, {"sample_change": _mean(recent, "sample_change") or 0.0})


def _overfitting(rows: Rows) -> _Finding | None:
    evaluated = [
        {"epoch": row["epoch"], "d_train": train, "d_held_out": held_out}
        for row in rows
        if isinstance(quality := row.get("quality"), dict)
        and (train := finite(quality.get("d_train"))) is not None
        and (held_out := finite(quality.get("d_held_out"))) is not None
    ][-OVERFITTING_EVALUATIONS:]
    if len(evaluated) < OVERFITTING_EVALUATIONS:
        return None
    figures = _means(evaluated, "d_train", "d_held_out")
    if figures["d_train"] - figures["d_held_out"] <= OVERFITTING_GAP:
        return None
    return _Finding("overfitting", evaluated, figures)


def _d_strong(rows: Rows) -> _Finding | None:
    long = _for_long(rows)
    for part in (long, _lately(rows)):
        d_x, d_g_z1 = _mean(part, "d_x"), _mean(part, "d_g_z1")
        if d_x is None or d_g_z1 is None or d_x < 1 - MIN_GAP or d_g_z1 > MIN_GAP:
            return None
    return _Finding("d_strong", long, _means(long, "d_x", "d_g_z1"))


def _g_strong(rows: Rows) -> _Finding | None:
    recent = _lately(rows)
    figures = _means(recent, "d_x", "d_g_z1")
    if len(recent) < LATELY_EPOCHS or len(figures) < 2:
        return None
    if figures["d_x"] - figures["d_g_z1"] > MIN_GAP:
        return None
    return _Finding("g_strong", recent, figures)


def _still_similar(rows: Rows) -> _Finding | None:
    recent = _lately(rows)
    figures = _means(recent, "sample_nearest")
    if not figures or figures["sample_nearest"] > SIMILAR:
        return None
    is_late = (finite(rows[-1].get("images_seen")) or 0.0) >= LATE_IMAGES
    return _Finding("collapse" if is_late else "early", recent, figures)


def _learning(rows: Rows) -> _Finding:
    recent = _lately(rows)
    names = ("d_x", "d_g_z1", "sample_nearest", "sample_change")
    return _Finding("learning", recent, _means(recent, *names))


_RULES: tuple[Callable[[Rows], _Finding | None], ...] = (
    _collapse,
    _stalled,
    _overfitting,
    _d_strong,
    _g_strong,
    _still_similar,
)


# Figures -----------------------------------------------------------------------------------


def _lately(rows: Rows) -> Rows:
    return rows[-LATELY_EPOCHS:]


def _images_per_epoch(rows: Rows) -> float:
    seen = [finite(row.get("images_seen")) or 0.0 for row in rows]
    return (seen[-1] - seen[0]) / (len(seen) - 1) if len(seen) > 1 else 0.0


def _for_long(rows: Rows) -> Rows:
    """The rows of the last LONG_IMAGES images, at least five; empty if fewer images were seen."""
    seen = [finite(row.get("images_seen")) or 0.0 for row in rows]
    for start in range(len(rows) - LATELY_EPOCHS, -1, -1):
        before = seen[start - 1] if start else 0.0
        if seen[-1] - before >= LONG_IMAGES:
            return rows[start:]
    return ()


def _mean(rows: Rows, name: str) -> float | None:
    values = [value for row in rows if (value := finite(row.get(name))) is not None]
    return sum(values) / len(values) if values else None


def _means(rows: Rows, *names: str) -> dict[str, float]:
    means = {name: _mean(rows, name) for name in names}
    return {name: mean for name, mean in means.items() if mean is not None}


# Sentences ----------------------------------------------------------------------------------


def _verdict_of(finding: _Finding, unit: Unit) -> Verdict:
    first, last = finding.rows[0]["epoch"], finding.rows[-1]["epoch"]
    figures = {name: round(value, 3) for name, value in finding.figures.items()}
    sentence, advice = _SENTENCES[finding.kind]
    evidence = _where(unit, first, last)
    for name, value in figures.items():
        figure = Message("{name} {value:g}", name=Message(_NAMES[name]), value=value)
        evidence = Message("{evidence}, {figure}", evidence=evidence, figure=figure)
    found = Message("{sentence} ({evidence}).", sentence=Message(sentence), evidence=evidence)
    return Verdict(finding.kind, (first, last), figures, found, Message(advice) if advice else None)


def _where(unit: Unit, first: int, last: int) -> Message:
    if unit == "step":
        several = Message("steps {first} to {last}", first=first, last=last)
        return Message("step {step}", step=last) if first == last else several
    several = Message("epochs {first} to {last}", first=first, last=last)
    return Message("epoch {epoch}", epoch=last) if first == last else several


_NAMES = {
    "d_x": gettext_noop("D(x)"),
    "d_g_z1": gettext_noop("D(G(z))"),
    "d_train": gettext_noop("D(training faces)"),
    "d_held_out": gettext_noop("D(held-out faces)"),
    "loss_g": gettext_noop("loss G"),
    "sample_nearest": gettext_noop("variety of the samples"),
    "sample_change": gettext_noop("change from epoch to epoch"),
    "best": gettext_noop("once"),
}
_SENTENCES: dict[str, tuple[str, str]] = {
    "early": (gettext_noop("Too early to tell"), ""),
    "learning": (gettext_noop("Learning: D and G keep each other busy"), ""),
    "diverged": (
        gettext_noop("Diverged: the losses have run away"),
        gettext_noop(
            "Duplicate the run with a tenth of the learning rate, or with that of its recipe."
        ),
    ),
    "collapse": (
        gettext_noop("Collapse: the faces of different seeds have grown alike"),
        gettext_noop(
            "Use an epoch from before it. Then duplicate the run with half the learning rate."
        ),
    ),
    "stalled": (
        gettext_noop("Stalled: the same seeds' faces no longer change"),
        gettext_noop(
            "More epochs change nothing; what it learned is there. To go further, duplicate it "
            "with a higher learning rate or more width."
        ),
    ),
    "overfitting": (
        gettext_noop(
            "D is overfitting: it is far surer of the faces it is trained on than of held-out ones"
        ),
        gettext_noop(
            "Use the best evaluated epoch. Then add photos, or duplicate the run with a higher "
            "--augment-chance."
        ),
    ),
    "d_strong": (
        gettext_noop(
            "D is too strong: it has been sure of nearly every face for long, so G learns little"
        ),
        gettext_noop("Duplicate the run with half the width of D (--ndf), or add photos."),
    ),
    "g_strong": (
        gettext_noop("D can hardly tell photos from fakes"),
        gettext_noop(
            "If the sheets look good, this is the end: stop. If not, duplicate the run with twice "
            "the width of D (--ndf)."
        ),
    ),
}
