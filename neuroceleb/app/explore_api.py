"""The Explore tab's routes: faces, sliders, lines through z, arithmetic, names, background tasks.

torch is imported late, within the functions that need it: importing it takes seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from neuroceleb import images
from neuroceleb.app import explore_model, explore_tasks, faces
from neuroceleb.app.access import Access
from neuroceleb.app.background import Tasks
from neuroceleb.app.explore_model import Json, sprite_url
from neuroceleb.app.parameters import read_number, read_whole
from neuroceleb.app.payloads import JsonBody, data_url, read_file
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import arithmetic, interpolation, projection_target, saved_directions
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.runs.workspace import Workspace

MAX_GRID = 48
MAX_POSITION = 6.0  # standard deviations along a direction


@dataclass(frozen=True)
class ExploreApi:
    """What the Explore tab requests, for the visitors of one server."""

    workspace: Workspace
    access: Access
    tasks: Tasks

    def models(self) -> Json:
        """Every model with its kept epochs, newest first; whether photos and names are allowed."""
        rows = [
            {"name": run.name, "epochs": sorted(run.kept(), reverse=True)}
            for run in faces.models(self.workspace)
        ]
        return {"models": rows, "allowed": self.access.is_open}

    def face(self, values: Json) -> Json:
        """One face."""
        loaded = explore_model.load(self.workspace, values)
        return loaded.face_json(loaded.z(values.get("face")))

    def grid(self, values: Json) -> Json:
        """The faces of consecutive seeds."""
        count = read_whole(
            values.get("count", MAX_GRID), Message("The number of faces"), 1, MAX_GRID
        )
        seeds = faces.read_seeds(values.get("first"), count)
        loaded = explore_model.load(self.workspace, values)
        pngs = loaded.pngs(z_from_seeds(seeds, loaded.model.nz))
        return {"faces": [{"seed": s, "png": p} for s, p in zip(seeds, pngs, strict=True)]}

    def sliders(self, values: Json) -> Json:
        """A face moved along the directions, and the frames of every slider from there."""
        from neuroceleb.latent import sheets

        loaded = explore_model.load(self.workspace, values)
        steps = [direction.step for direction in loaded.directions()[0]]
        positions = _read_positions(values.get("places"), len(steps))
        z = loaded.z(values.get("face")) + np.array(positions, np.float32) @ np.stack(steps)
        frames = loaded.model.images(sheets.traversals(z, steps, positions))
        return loaded.face_json(z.astype(np.float32)) | _frames_json(frames)

    def line(self, values: Json) -> Json:
        """Frames along one dimension of z, or from one face to another."""
        from neuroceleb.latent import sheets

        loaded = explore_model.load(self.workspace, values)
        z = loaded.z(values.get("face"))
        if "other" in values:
            shares = np.linspace(0, 1, sheets.FRAMES)
            line = interpolation.slerp(z, loaded.z(values["other"]), shares)
        else:
            dimension = read_whole(
                values.get("dimension"), Message("The dimension of z"), 0, len(z) - 1
            )
            line = np.repeat(z[None], sheets.FRAMES, axis=0)
            line[:, dimension] = sheets.offsets()
        return {"z": line.round(5).tolist()} | _frames_json(loaded.model.images(line))

    def sum(self, values: Json) -> Json:
        """Latent arithmetic, some - less + more: the means, the result, and eight near it."""
        loaded = explore_model.load(self.workspace, values)
        some, less, more = (loaded.zs(values.get(name, [])) for name in ("some", "less", "more"))
        if some is None:
            raise UserError("There is no face to begin with: pick one for the first place.")
        result = arithmetic.combine(some, less, more)
        means = [
            None if term is None else loaded.pngs(arithmetic.mean(term)[None])[0]
            for term in (some, less, more)
        ]
        near = arithmetic.neighbourhood(result)[1:]
        around = [
            {"z": z.round(5).tolist(), "png": png}
            for z, png in zip(near, loaded.pngs(near), strict=True)
        ]
        return loaded.face_json(result) | {"means": means, "around": around}

    def name_directions(self, values: Json) -> Json:
        """Name the directions and save them with the run."""
        self.access.check(Message("name directions"))
        loaded = explore_model.load(self.workspace, values)
        found, _ = loaded.directions()
        names = values.get("names")
        if not isinstance(names, list) or len(names) != len(found):
            raise UserError(
                "There are {count} directions to name: reload the page.", count=len(found)
            )
        named = [
            replace(direction, name=saved_directions.check_name(name))
            for direction, name in zip(found, names, strict=True)
        ]
        path = saved_directions.write(loaded.model.path, loaded.model.sha256, named)
        return {"file": path.name}

    def crops(self, photo: bytes) -> Json:
        """The aligned faces of a photo, which is never written to disk."""
        crops = projection_target.crops(photo)
        return {"faces": [data_url(images.encode(crop)) for crop in crops]}

    def start_task(self, values: Json) -> Json:
        """Queue a background task; its key."""
        return {"task": explore_tasks.submit(self.workspace, self.access, self.tasks, values).key}


def _read_positions(value: Any, count: int) -> list[float]:
    """The positions of all sliders; raises UserError."""
    positions = value if isinstance(value, list) else []
    numbers = [
        float(read_number(position, Message("A slider's position"))) for position in positions
    ]
    if len(numbers) != count or max(map(abs, numbers), default=0.0) > MAX_POSITION:
        raise UserError(
            "The {count} sliders stand at {count} numbers from -{limit:g} to {limit:g}: reload "
            "the page.",
            count=count,
            limit=MAX_POSITION,
        )
    return numbers


def _frames_json(frames: Pixels) -> Json:
    from neuroceleb.latent import sheets

    columns = sheets.FRAMES
    return {"frames": sprite_url(frames, columns), "columns": columns, "reach": sheets.MAX_OFFSET}


def add_routes(app: FastAPI, workspace: Workspace, access: Access, tasks: Tasks) -> None:
    """`explore/models`, `explore/crops`, `explore/<what>`; `explore/task` starts a task."""
    api = ExploreApi(workspace, access, tasks)
    routes: dict[str, Callable[[Json], Json]] = {
        "face": api.face,
        "grid": api.grid,
        "sliders": api.sliders,
        "line": api.line,
        "sum": api.sum,
        "names": api.name_directions,
        "task": api.start_task,
    }

    @app.get("/explore/models")
    def models() -> Json:
        return api.models()

    @app.post("/explore/crops")
    async def crops(request: Request) -> Json:
        photo = await read_file(request, projection_target.MAX_BYTES)
        return await run_in_threadpool(api.crops, photo)

    @app.post("/explore/{what}")
    def answer(what: str, body: JsonBody) -> Json:
        if what not in routes:
            raise UserError("'{kind}' is nothing that can be asked for here.", kind=what[:40])
        return routes[what](body)
