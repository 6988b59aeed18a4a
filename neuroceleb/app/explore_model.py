"""A model as the Explore tab uses it: latent vectors of requests, images as data URLs.

torch is imported late, within the functions that need it: importing it takes seconds.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.payloads import data_url
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import arithmetic
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:
    from neuroceleb.model.generator import Model

Latent = NDArray[np.float32]
Json = dict[str, Any]


@dataclass(frozen=True)
class LoadedModel:
    """The model that a request names, by its run and epoch."""

    run: Run
    epoch: int
    model: "Model"

    def z(self, face: Any) -> Latent:
        """The latent vector of a face as pages send it: (nz,)."""
        return faces.read_z(face, self.model.nz)

    def zs(self, several: Any) -> Latent | None:
        """The latent vectors of a list of faces, (N, nz); None of an empty one."""
        if not isinstance(several, list) or len(several) > arithmetic.MAX_FACES:
            raise UserError(
                "A term has at most {most} faces: take one away.", most=arithmetic.MAX_FACES
            )
        return np.stack([self.z(face) for face in several]) if several else None

    def face_json(self, z: Latent) -> Json:
        """One face: its z, and its PNG with the provenance inside."""
        numbers = [round(float(number), 5) for number in z]
        provenance = {
            **self.model.recipe,
            "model": self.run.name,
            "epoch": self.epoch,
            "z": numbers,
        }
        png = images.encode(self.model.images(z[None])[0], ".png", provenance)
        return {"z": numbers, "png": data_url(png)}

    def pngs(self, z: Latent) -> list[str]:
        """(N, nz) -> a data URL for each face."""
        return [data_url(images.encode(face)) for face in self.model.images(z)]

    def directions(self) -> tuple[list[Direction], Message | None]:
        """The model's directions, and the reason where the saved ones cannot be used."""
        from neuroceleb.latent import model_cache

        try:
            return model_cache.directions_of(self.model), None
        except UserError as error:
            return model_cache.compute_directions(self.model), error.message


def load(workspace: Workspace, values: Json) -> LoadedModel:
    """The model of a request body; raises UserError."""
    run, epoch, weights = faces.read_model(workspace, values.get("model"), values.get("epoch"))
    return LoadedModel(run, epoch, faces.load_model(weights))


def sprite_url(pixels: Pixels, columns: int) -> str:
    """Faces row by row without gaps, as a JPEG."""
    return data_url(images.sprite(pixels, columns, ".jpg"), "jpeg")
