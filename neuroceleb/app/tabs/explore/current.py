"""The face that Explore shows, and how the palette shows it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, gettext
from neuroceleb.app.payloads import data_url
from neuroceleb.images import Pixels
from neuroceleb.latent import moved_face
from neuroceleb.latent.moved_face import Latent, MovedFace

if TYPE_CHECKING:
    from neuroceleb.model.generator import Model

COARSE = 5  # frames a direction that come with the face: few, for they must be there at once

Json = dict[str, Any]


@dataclass(frozen=True)
class Current:
    """A face of a model's epoch."""

    run: str
    epoch: int
    model: "Model"
    face: MovedFace
    z: Latent

    @property
    def key(self) -> str:
        """What it and its frames depend on."""
        return f"{self.model.sha256} {self.face.text}"

    @property
    def to_send(self) -> faces.Face:
        """The face for other tabs and for its PNG: with its seed, if z is that of a seed."""
        seed = None if self.face.positions else self.face.seed
        scale = 1.0 if seed is None else self.face.truncation
        return faces.Face(self.run, self.epoch, self.model.path, self.z, seed, scale)

    @property
    def title(self) -> str:
        """What the face is called."""
        if self.face.positions:
            return _("A moved face")
        if self.face.seed is not None:
            return _("Seed {seed}").format(seed=self.face.seed)
        return _("A face of no seed") if self.z.any() else _("The average face, z = 0")


def read(context: Context, model: Any, epoch: Any, text: str) -> Current:
    """The face of a text, see `moved_face`; raises UserError for none of this model."""
    run, number, weights = faces.read_model(context.workspace, model, epoch)
    face, loaded = moved_face.read(text), faces.load_model(weights)
    z = face.z(loaded.nz, steps_of(loaded) if face.positions else ())
    return Current(run.name, number, loaded, face, z)


def steps_of(model: "Model") -> list[Latent]:
    """The steps of a model's directions."""
    from neuroceleb.latent import model_cache

    return [direction.step for direction in model_cache.usable_directions(model)[0]]


def palette(current: Current, with_sliders: bool, can_name: bool) -> Json:
    """The value of the palette; with frames of sliders where the directions are known already."""
    from neuroceleb.latent import model_cache

    sent = current.to_send
    pixels = current.model.images(current.z[None])[0]
    epoch = _("epoch {epoch:,}").format(epoch=current.epoch)
    value: Json = {
        "key": current.key,
        "text": current.face.text,
        "start": current.face.start,
        "face": sent.to_json(),
        "name": f"{sent.model}_{sent.name}",
        "png": data_url(images.encode(pixels, ".png", sent.provenance)),
        "title": current.title,
        "about": f"{current.run} · {epoch}",
    }
    if not with_sliders:
        return value
    if not model_cache.has_directions(current.model):
        return value | {"positions": [], "directions": None}
    found, problem = model_cache.usable_directions(current.model)
    return value | {
        "remark": problem and problem.message.translate(gettext),
        "positions": current.face.all_positions(len(found)),
        "directions": [{"name": _(one.name), "explains": one.explains} for one in found],
        "can_name": can_name,
        "frames": frames(current, COARSE),
    }


def frames(current: Current, columns: int) -> Json:
    """The frames of each direction through a face, `columns` from -3 to 3 standard deviations."""
    from neuroceleb.latent import sheets

    steps = steps_of(current.model)
    positions = current.face.all_positions(len(steps))
    drawn = current.model.images(sheets.traversals(current.z, steps, positions, columns))
    return {"key": current.key, "columns": columns, "sheet": sprite_url(drawn, columns)}


def sprite_url(pixels: Pixels, columns: int) -> str:
    """Faces row by row without gaps, as a JPEG."""
    return data_url(images.sprite(pixels, columns, ".jpg"), "jpeg")
