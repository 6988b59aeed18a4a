"""Best of 4x: of four times the requested faces, those with the lowest flaw scores."""

from dataclasses import dataclass
from typing import Any

from neuroceleb.app import faces
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

DRAWN_PER_KEPT = 4
MAX_BEST = faces.MAX_COUNT // DRAWN_PER_KEPT


@dataclass(frozen=True)
class Selection:
    """The kept and the left out seeds, both with the best first, and how many are flawed."""

    kept: faces.FaceRequest
    left_out: list[int]
    flawed: int  # of all drawn
    flawed_kept: int

    def to_json(self) -> dict[str, Any]:
        return {
            "drawn": len(self.kept.seeds) + len(self.left_out),
            "flawed": self.flawed,
            "flawed_kept": self.flawed_kept,
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
    """The best quarter of a request, by flaw score."""
    from neuroceleb.metrics import best_of

    ranking = best_of.rank(faces.draw(request))
    ranked = [request.seeds[one.index] for one in ranking]
    kept = len(ranked) // DRAWN_PER_KEPT
    flawed = sum(one.is_flawed for one in ranking)
    flawed_kept = sum(one.is_flawed for one in ranking[:kept])
    best = faces.FaceRequest(
        request.model, request.epoch, ranked[:kept], request.truncation, request.weights
    )
    return Selection(best, ranked[kept:], flawed, flawed_kept)
