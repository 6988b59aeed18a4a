"""Best of 4x: of four times the requested faces, those with the lowest flaw scores."""

import time
from dataclasses import dataclass
from typing import Any

from neuroceleb.app import faces
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

DRAWN_PER_KEPT = 4
MAX_BEST = faces.MAX_COUNT // DRAWN_PER_KEPT
DOCUMENTED_MS = 27.0  # of one thread, to score a face: docs/results.md, "The flaw score"


@dataclass(frozen=True)
class Selection:
    """The kept and the left out seeds, both with the best first, and how many are flawed.

    `ms_a_face` is the time it took to score the drawn faces, in milliseconds a face.
    """

    kept: faces.FaceRequest
    left_out: list[int]
    flawed: int  # of all drawn
    flawed_kept: int
    ms_a_face: float

    def to_json(self) -> dict[str, Any]:
        return {
            "drawn": len(self.kept.seeds) + len(self.left_out),
            "flawed": self.flawed,
            "flawed_kept": self.flawed_kept,
            "left_out": self.left_out,
            "ms_a_face": round(self.ms_a_face, 1),
        }


def read_request(
    workspace: Workspace, model: Any, epoch: Any, seed: Any, count: Any, truncation: Any
) -> faces.FaceRequest:
    """The request for all faces to draw, four times `count`; raises UserError."""
    requested = faces.read_request(workspace, model, epoch, seed, count, truncation)
    if isinstance(requested.seeds, list):
        raise UserError("Best of begins at one seed: write one, not a list.")
    if len(requested.seeds) > MAX_BEST:
        raise UserError("Best of chooses {most} faces at most: ask for fewer.", most=MAX_BEST)
    drawn = len(requested.seeds) * DRAWN_PER_KEPT
    return faces.read_request(workspace, model, epoch, requested.seeds[0], drawn, truncation)


def select(workspace: Workspace, request: faces.FaceRequest) -> Selection:
    """The best quarter of a request, by flaw score."""
    from neuroceleb.metrics import best_of

    drawn = faces.draw(request)
    begun = time.perf_counter()
    ranking = best_of.rank(drawn)
    ms_a_face = 1_000 * (time.perf_counter() - begun) / len(ranking)
    ranked = [request.seeds[one.index] for one in ranking]
    kept = len(ranked) // DRAWN_PER_KEPT
    flawed = sum(one.is_flawed for one in ranking)
    flawed_kept = sum(one.is_flawed for one in ranking[:kept])
    best = faces.FaceRequest(
        request.model, request.epoch, ranked[:kept], request.truncation, request.weights
    )
    return Selection(best, ranked[kept:], flawed, flawed_kept, ms_a_face)
