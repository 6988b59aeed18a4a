"""Best of: of four times as many faces as are asked for, those that the judges rank best."""

from dataclasses import dataclass
from typing import Any

from neuroceleb.app import faces
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

OF_EACH = 4  # faces drawn for one that is kept
MAX_BEST = faces.MAX_COUNT // OF_EACH


@dataclass(frozen=True)
class Choice:
    """The seeds kept and left out, both with the best first, and who judged."""

    kept: faces.Order
    left_out: list[int]
    malformed: int  # of all drawn
    has_discriminator: bool

    def as_page(self) -> dict[str, Any]:
        """As the page tells it."""
        return {
            "drawn": len(self.kept.seeds) + len(self.left_out),
            "malformed": self.malformed,
            "judged_by_d": self.has_discriminator,
            "left_out": self.left_out,
        }


def read_order(
    workspace: Workspace, model: Any, epoch: Any, seed: Any, count: Any, truncation: Any
) -> faces.Order:
    """All faces that are to be drawn, four times `count`; raises UserError."""
    asked = faces.read_order(workspace, model, epoch, seed, count, truncation)
    if isinstance(asked.seeds, list):
        raise UserError("Best of begins at one seed: write one, not a list.")
    if len(asked.seeds) > MAX_BEST:
        raise UserError(f"Best of chooses {MAX_BEST} faces at most: ask for fewer.")
    drawn = len(asked.seeds) * OF_EACH
    return faces.read_order(workspace, model, epoch, asked.seeds[0], drawn, truncation)


def choose(workspace: Workspace, order: faces.Order) -> Choice:
    """The best quarter of an order, by the run's newest D, if there is one, and by landmarks."""
    from neuroceleb.metrics import best_of

    run = workspace.run(order.model)
    netD = run.discriminator_file
    judge = netD if netD.is_file() else None
    pixels = faces.draw(order)
    ranking = best_of.rank(pixels, judge, best_of.rule_of(run))
    ranked = [order.seeds[one.index] for one in ranking]
    kept = len(ranked) // OF_EACH
    malformed = sum(not one.is_well_formed for one in ranking)
    best_ones = faces.Order(
        order.model, order.epoch, ranked[:kept], order.truncation, order.weights
    )
    return Choice(best_ones, ranked[kept:], malformed, judge is not None)
