"""Best of 4x: of four times the requested faces, those ranked best by D and landmarks."""

from dataclasses import dataclass
from typing import Any

from neuroceleb.app import faces
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

DRAWN_PER_KEPT = 4
MAX_BEST = faces.MAX_COUNT // DRAWN_PER_KEPT


@dataclass(frozen=True)
class Selection:
    """The kept and the left out seeds, both with the best first, and what ranked them."""

    kept: faces.FaceRequest
    left_out: list[int]
    malformed: int  # of all drawn
    has_discriminator: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "drawn": len(self.kept.seeds) + len(self.left_out),
            "malformed": self.malformed,
            "judged_by_d": self.has_discriminator,
            "left_out": self.left_out,
        }


def read_request(
    workspace: Workspace, model: Any, epoch: Any, seed: Any, count: Any, truncation: Any
) -> faces.FaceRequest:
    """The request for all faces to draw, four times `count`; raises UserError."""
    requested = faces.read_request(workspace, model, epoch, seed, count, truncation)
    if isinstance(requested.seeds, list):
        raise UserError("Best of begins at one seed: write one, not a list.")
    if len(requested.seeds) > MAX_BEST:
        raise UserError(f"Best of chooses {MAX_BEST} faces at most: ask for fewer.")
    drawn = len(requested.seeds) * DRAWN_PER_KEPT
    return faces.read_request(workspace, model, epoch, requested.seeds[0], drawn, truncation)


def select(workspace: Workspace, request: faces.FaceRequest) -> Selection:
    """The best quarter of a request, by the run's newest D, if there is one, and by landmarks."""
    from neuroceleb.metrics import best_of

    run = workspace.run(request.model)
    netD = run.discriminator_file
    pixels = faces.draw(request)
    ranking = best_of.rank(pixels, netD if netD.is_file() else None, best_of.rule_of(run))
    ranked = [request.seeds[one.index] for one in ranking]
    kept = len(ranked) // DRAWN_PER_KEPT
    malformed = sum(not one.is_well_formed for one in ranking)
    best = faces.FaceRequest(
        request.model, request.epoch, ranked[:kept], request.truncation, request.weights
    )
    return Selection(best, ranked[kept:], malformed, netD.is_file())
