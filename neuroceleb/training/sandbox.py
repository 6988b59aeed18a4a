"""A copy of a run in memory that is trained one step at a time, with undo.

The run's files are only read. Its G is that of a kept epoch and its D the newest, so D is ahead of
an early G; both optimizers are new. Steps of all sandboxes are computed in one thread, on the CPU.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from neuroceleb.data.batches import to_float
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import collapse
from neuroceleb.model import generator
from neuroceleb.runs import verdict
from neuroceleb.runs.figures import finite
from neuroceleb.runs.verdict import Verdict
from neuroceleb.training.gan import GAN
from neuroceleb.training.step import (
    METRICS,
    StepConfig,
    generate,
    mean_probability,
    train_step,
    update_d,
    update_g,
)

BATCH_SIZE = 16
SHOWN_SEEDS = range(16)
MAX_STEPS = 100  # of one call
MAX_UNDO = 20
MAX_HISTORY_BYTES = 384 * 2**20
MAX_ROWS = 1_000  # steps that the verdict looks back on
NAMED = ("diverged", "collapse")  # verdicts that a few hundred steps can show

Figures = dict[str, float | None]
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """A sandbox after some steps: `d_steps` updates of D and `g_steps` of G.

    `figures` are the METRICS of the last step: means over its batch, by D before its own update
    (`d_x`, `d_g_z1`) and after it (`d_g_z2`); None where that step did not compute one or it is not
    finite. `faces` (16, 64, 64, 3) uint8 are those of seeds 0 to 15, `answers` D's probabilities
    for them, 0..1; both in eval mode. `variety` is their `sample_nearest` (see metrics.collapse),
    relative to real faces; None where it cannot be computed. `verdict` is one of NAMED, or None;
    its `epochs` are steps. `undo_steps` calls can be undone.
    """

    step: int
    d_steps: int
    g_steps: int
    figures: Figures
    faces: Pixels
    answers: tuple[float, ...]
    variety: float | None
    verdict: Verdict | None
    undo_steps: int


@dataclass(frozen=True)
class SandboxData:
    """What a sandbox is trained with.

    A batch is drawn from `faces`, (N, 64, 64, 3) uint8, with replacement where there are fewer.
    Variety is measured against the first sixteen of `compared`. With `fixed_z`, every step has the
    same batch of z.
    """

    faces: Pixels
    compared: Pixels
    fixed_z: bool = False


class Sandbox:
    """Networks and optimizers on the CPU, trained step by step.

    Methods may be called from several threads: while one trains, the others raise UserError.
    """

    def __init__(self, gan: GAN, data: SandboxData, config: StepConfig, seed: int = 0) -> None:
        self._gan = gan
        self._data = data
        self._config = config
        self._rng = torch.Generator().manual_seed(seed)
        self._counts = {"d": 0, "g": 0, "both": 0}
        self._rows: tuple[dict[str, Any], ...] = ()
        self._history = _History()
        self._busy = threading.Lock()
        nz = gan.G.nz
        self._shown_z = torch.from_numpy(z_from_seeds(SHOWN_SEEDS, nz))[:, :, None, None]
        self._fixed_z = self._random_z() if data.fixed_z else None
        self._record({})

    def look(self) -> Snapshot:
        """The sandbox as it is."""
        with self._working():
            return _compute(self._snapshot)

    def train_d(self) -> Snapshot:
        """One update of D alone. Raises UserError while another call trains."""
        return self._train_once("d", self._step_d)

    def train_g(self) -> Snapshot:
        """One update of G alone. Raises UserError while another call trains."""
        return self._train_once("g", self._step_g)

    def train(self, steps: int = 1) -> Iterator[Snapshot]:
        """Steps of both, D first, as the run trains; yields after each, and is undone as a whole.

        The caller may stop at any step. Raises UserError outside 1 to MAX_STEPS steps and while
        another call trains.
        """
        if not 1 <= steps <= MAX_STEPS:
            raise UserError(
                "{count} steps are too many or too few: use 1 to {most}.",
                count=steps,
                most=MAX_STEPS,
            )
        with self._working():
            _compute(self._remember)
            for _ in range(steps):
                yield _compute(lambda: self._take("both", self._step_both))

    def undo(self) -> Snapshot:
        """Restore every number before the last call of a `train` method, bit for bit.

        Raises UserError where nothing is left to undo, and while another call trains.
        """
        with self._working():
            if not len(self._history):
                raise UserError("There is no step left to undo: open the sandbox again.")
            return _compute(self._restore)

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """A row a step, oldest first, as of stats.jsonl: `epoch` is the step."""
        return self._rows

    @property
    def bytes(self) -> int:
        """Memory of the weights, the optimizers' moments and the history, about."""
        return self._history.bytes + _tensor_bytes(self._gan.state_dict(), set())

    # One step ------------------------------------------------------------------------------

    def _train_once(self, kind: str, step: Callable[[], dict[str, float]]) -> Snapshot:
        with self._working():

            def compute() -> Snapshot:
                self._remember()
                return self._take(kind, step)

            return _compute(compute)

    def _take(self, kind: str, step: Callable[[], dict[str, float]]) -> Snapshot:
        self._gan.G.train()
        self._gan.D.train()
        figures = step()
        self._counts[kind] += 1
        self._record(figures)
        return self._snapshot()

    def _step_both(self) -> dict[str, float]:
        real, z = self._batch()
        with_penalty = self._config.has_penalty(self._counts["both"])
        metrics = train_step(self._gan, real, z, self._config, self._rng, with_penalty)
        return dict(zip(METRICS, metrics.tolist(), strict=True))

    def _step_d(self) -> dict[str, float]:
        real, z = self._batch()
        config = self._config
        with_penalty = config.has_penalty(self._counts["d"])
        scored = update_d(self._gan, real, z, config, self._rng, with_penalty)
        return {
            "loss_d": float(config.loss.d_loss(scored.real_scores, scored.fake_scores)),
            "d_x": mean_probability(scored.real_scores, config.loss),
            "d_g_z1": mean_probability(scored.fake_scores, config.loss),
        }

    def _step_g(self) -> dict[str, float]:
        real, z = self._batch()
        config = self._config
        fake = generate(self._gan, z, config)
        loss_g, scores = update_g(self._gan, real, fake, config, self._rng)
        return {"loss_g": float(loss_g), "d_g_z2": mean_probability(scores, config.loss)}

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Real images (N, 3, 64, 64) and z (N, nz, 1, 1) of the next step."""
        faces = self._data.faces
        if len(faces) < BATCH_SIZE:
            chosen = torch.randint(len(faces), (BATCH_SIZE,), generator=self._rng)
        else:
            chosen = torch.randperm(len(faces), generator=self._rng)[:BATCH_SIZE]
        real = to_float(torch.from_numpy(faces[chosen.numpy()]))
        return real, self._random_z() if self._fixed_z is None else self._fixed_z

    def _random_z(self) -> torch.Tensor:
        return torch.randn(BATCH_SIZE, self._gan.G.nz, 1, 1, generator=self._rng)

    # What is shown -------------------------------------------------------------------------

    def _record(self, figures: dict[str, float]) -> None:
        """Add a row for the verdict, as of stats.jsonl, with what the last step computed."""
        faces, answers = self._judged()
        compared = np.ascontiguousarray(self._data.compared[: len(SHOWN_SEEDS)])
        variety = collapse.measure(faces, compared, None)
        row = {"epoch": sum(self._counts.values()), **figures, **variety}
        self._rows = (*self._rows[1 - MAX_ROWS :], row)
        self._shown = faces, answers

    def _snapshot(self) -> Snapshot:
        row, counts = self._rows[-1], self._counts
        faces, answers = self._shown
        found = verdict.judge(self._rows, "step")
        return Snapshot(
            row["epoch"],
            counts["d"] + counts["both"],
            counts["g"] + counts["both"],
            {name: finite(row.get(name)) for name in METRICS},
            faces,
            answers,
            finite(row.get("sample_nearest")),
            found if found is not None and found.kind in NAMED else None,
            len(self._history),
        )

    def _judged(self) -> tuple[Pixels, tuple[float, ...]]:
        self._gan.G.eval()
        self._gan.D.eval()
        with torch.no_grad():
            images = self._gan.G(self._shown_z)
            answers = self._gan.D(images).nan_to_num(0.0)
        return generator.to_pixels(images.nan_to_num(0.0)), tuple(answers.tolist())

    # Undo ----------------------------------------------------------------------------------

    def _remember(self) -> None:
        self._history.push(
            {
                "gan": self._gan.state_dict(),
                "rng": self._rng.get_state(),
                "counts": self._counts,
                "rows": self._rows,
                "shown": self._shown,
            }
        )

    def _restore(self) -> Snapshot:
        state = self._history.pop()
        self._gan.load_state_dict(state["gan"])
        self._rng.set_state(state["rng"])
        self._counts, self._rows, self._shown = state["counts"], state["rows"], state["shown"]
        return self._snapshot()

    @contextmanager
    def _working(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise UserError("The sandbox is still training: wait until its steps are done.")
        try:
            yield
        finally:
            self._busy.release()


class _History:
    """States before each step, oldest first, within MAX_UNDO and MAX_HISTORY_BYTES.

    Tensors that did not change from one state to the next are stored once.
    """

    def __init__(self) -> None:
        self._states: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self._states)

    @property
    def bytes(self) -> int:
        return _tensor_bytes(self._states, set())

    def push(self, state: dict[str, Any]) -> None:
        previous = self._states[-1] if self._states else None
        self._states.append(_copied(state, previous))
        while len(self._states) > MAX_UNDO or self.bytes > MAX_HISTORY_BYTES:
            del self._states[0]

    def pop(self) -> dict[str, Any]:
        """The newest state, sharing no memory with those that remain."""
        state: dict[str, Any] = _copied(self._states.pop(), None)
        return state


def _copied(value: Any, previous: Any) -> Any:
    """A deep copy; tensors equal to those at the same place in `previous` are taken from there."""
    if isinstance(value, torch.Tensor):
        if isinstance(previous, torch.Tensor) and _is_same(value, previous):
            return previous
        return value.detach().clone()
    if isinstance(value, dict):
        before = previous if isinstance(previous, dict) else {}
        return {key: _copied(item, before.get(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, None) for item in value]
    return value


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and one.stride() == other.stride() and torch.equal(one, other)


def _tensor_bytes(value: Any, seen: set[int]) -> int:
    """The bytes of all tensors in a nested value, each counted once."""
    if isinstance(value, torch.Tensor):
        is_new = id(value) not in seen
        seen.add(id(value))
        return value.numel() * value.element_size() if is_new else 0
    items = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        return sum(_tensor_bytes(item, seen) for item in items)
    return 0


# Every calling thread would start its own OpenMP workers and oversubscribe the CPU.
_trainer = ThreadPoolExecutor(1, thread_name_prefix="sandbox")


def _compute(function: Callable[[], T]) -> T:
    return _trainer.submit(function).result()
