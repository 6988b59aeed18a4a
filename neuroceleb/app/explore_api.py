"""What the Explore tab asks for, checked and answered in plain JSON values.

torch comes with `explore` and `generator`, so both are imported only when they are asked.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.access import Access
from neuroceleb.app.background import Errand, Errands, News
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels, UnreadableImageError
from neuroceleb.latent import arithmetic, face_map, interpolation, saved_directions
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.metrics import memorization, training_photos
from neuroceleb.metrics.memorization import Comparison, CopyCheck
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE

if TYPE_CHECKING:
    from neuroceleb.model.generator import Model

MAX_GRID = 48
MAX_CROP_BYTES = 48 * 2**10
TOLD_FRAMES = 24  # of a search's way, shown as it goes
MAX_PLACE = 6.0  # standard deviations along a direction

Wishes = dict[str, Any]
Latent = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """A model that was asked for, by its run and epoch."""

    run: Run
    epoch: int
    model: "Model"

    def z(self, face: Any) -> Latent:
        """The latent vector of a face of this model, as pages hand it around."""
        return faces.read_z(face, self.model.nz)

    def zs(self, several: Any) -> Latent | None:
        """(N, nz) of a list of faces; None of an empty one."""
        if not isinstance(several, list) or len(several) > arithmetic.MAX_FACES:
            raise UserError(f"A term has at most {arithmetic.MAX_FACES} faces: take one away.")
        return np.stack([self.z(face) for face in several]) if several else None

    def picture(self, z: Latent) -> News:
        """One face: its z, and the PNG that Save saves, with its recipe inside."""
        numbers = [round(float(number), 5) for number in z]
        recipe = {**self.model.recipe, "model": self.run.name, "epoch": self.epoch, "z": numbers}
        png = images.encode(self.model.images(z[None])[0], ".png", recipe)
        return {"z": numbers, "png": data_url(png, "png")}

    def pngs(self, z: Latent) -> list[str]:
        """(N, nz) -> a picture each."""
        return [data_url(images.encode(face), "png") for face in self.model.images(z)]


@dataclass(frozen=True)
class Explorer:
    """Explore over one workspace, for the visitors of one server."""

    workspace: Workspace
    access: Access
    errands: Errands

    # At once -------------------------------------------------------------------------------

    def models(self) -> News:
        """Every model with its kept epochs, newest first; whether photos and names are open."""
        rows = [
            {"name": run.name, "epochs": sorted(run.kept(), reverse=True)}
            for run in faces.models(self.workspace)
        ]
        return {"models": rows, "allowed": self.access.is_open}

    def face(self, wishes: Wishes) -> News:
        """One face."""
        asked = self._asked(wishes)
        return asked.picture(asked.z(wishes.get("face")))

    def grid(self, wishes: Wishes) -> News:
        """The faces of some seeds, to pick from."""
        count = wishes.get("count", MAX_GRID)
        if not isinstance(count, int) or not 1 <= count <= MAX_GRID:
            raise UserError(f"1 to {MAX_GRID} faces can be shown to pick from.")
        order = faces.read_order(
            self.workspace,
            wishes.get("model"),
            wishes.get("epoch"),
            wishes.get("first"),
            count,
            1.0,
        )
        asked = self._asked(wishes)
        pngs = asked.pngs(z_from_seeds(order.seeds, asked.model.nz))
        return {"faces": [{"seed": s, "png": p} for s, p in zip(order.seeds, pngs, strict=True)]}

    def sliders(self, wishes: Wishes) -> News:
        """A face moved along the directions, and the frames of every slider from there."""
        from neuroceleb.latent import sheets

        asked = self._asked(wishes)
        found, _ = self._directions(asked)
        steps = [direction.step for direction in found]
        places = _places(wishes.get("places"), len(steps))
        z = asked.z(wishes.get("face")) + np.array(places, np.float32) @ np.stack(steps)
        frames = asked.model.images(sheets.traversals(z, steps, places))
        return asked.picture(z.astype(np.float32)) | _sprite(frames)

    def line(self, wishes: Wishes) -> News:
        """Frames along one number of z, or from one face to another."""
        from neuroceleb.latent import sheets

        asked = self._asked(wishes)
        z = asked.z(wishes.get("face"))
        if "other" in wishes:
            between = np.linspace(0, 1, sheets.FRAMES)
            line = interpolation.slerp(z, asked.z(wishes["other"]), between)
        else:
            number = wishes.get("dimension")
            if not isinstance(number, int) or not 0 <= number < len(z):
                raise UserError(f"This model's z has {len(z)} numbers: choose one of them.")
            line = np.repeat(z[None], sheets.FRAMES, axis=0)
            line[:, number] = sheets.offsets()
        return {"z": line.round(5).tolist()} | _sprite(asked.model.images(line))

    def sum(self, wishes: Wishes) -> News:
        """Some faces, less others, and others again: the means, the result, and eight near it."""
        asked = self._asked(wishes)
        terms = [asked.zs(wishes.get(name, [])) for name in ("some", "less", "more")]
        if terms[0] is None:
            raise UserError("There is no face to begin with: pick one for the first place.")
        result = arithmetic.combine(terms[0], terms[1], terms[2])
        means = [
            None if term is None else asked.pngs(arithmetic.mean(term)[None])[0] for term in terms
        ]
        near = arithmetic.neighbourhood(result)[1:]
        around = [
            {"z": z.round(5).tolist(), "png": png}
            for z, png in zip(near, asked.pngs(near), strict=True)
        ]
        return asked.picture(result) | {"means": means, "around": around}

    def name_directions(self, wishes: Wishes) -> News:
        """Name the directions and save them with the run."""
        self.access.check("name directions")
        asked = self._asked(wishes)
        found, _ = self._directions(asked)
        names = wishes.get("names")
        if not isinstance(names, list) or len(names) != len(found):
            raise UserError(f"There are {len(found)} directions to name: reload the page.")
        named = [
            replace(direction, name=saved_directions.check_name(name))
            for direction, name in zip(found, names, strict=True)
        ]
        path = saved_directions.write(asked.model.path, asked.model.sha256, named)
        return {"file": path.name}

    def crops(self, photo: bytes) -> News:
        """The aligned faces of a photo, which is then let go: it was never written down."""
        from neuroceleb.latent import projection_target

        return {
            "faces": [
                data_url(images.encode(crop), "png") for crop in projection_target.crops(photo)
            ]
        }

    # Taking time ---------------------------------------------------------------------------

    def begin(self, wishes: Wishes) -> News:
        """Start what takes longer; the token to ask after it with."""
        known: dict[str, Callable[[Wishes], Callable[[Errand], News]]] = {
            "directions": self._finding,
            "map": self._mapping,
            "project": self._projecting,
            "nearest": self._comparing,
            "survey": self._surveying,
        }
        kind = wishes.get("errand")
        if kind not in known:
            raise UserError(f"'{str(kind)[:40]}' is nothing that can be asked for here.")
        return {"errand": self.errands.start(known[str(kind)](wishes))}

    def _finding(self, wishes: Wishes) -> Callable[[Errand], News]:
        def work(_: Errand) -> News:
            from neuroceleb.latent import model_cache, sheets

            asked = self._asked(wishes)
            found, remark = self._directions(asked)
            strips = sheets.strips(asked.model, found, model_cache.strip_latents(asked.model.nz))
            columns = len(model_cache.STRIP_SEEDS) * len(sheets.STRIP_OFFSETS)
            return {
                "directions": [{"name": d.name, "explains": d.explains} for d in found],
                "remark": remark,
                "seeds": model_cache.STRIP_SEEDS,
                "at": sheets.STRIP_OFFSETS,
                "strips": data_url(sheets.sprite(strips, columns), "jpeg"),
            }

        return work

    def _mapping(self, wishes: Wishes) -> Callable[[Errand], News]:
        def work(errand: Errand) -> News:
            from neuroceleb.latent import sheets

            asked = self._asked(wishes)
            z = z_from_seeds(range(face_map.DEFAULT_FACES), asked.model.nz)
            drawn: list[Pixels] = []
            for part in asked.model.frames(z):
                drawn.append(part)
                errand.tell(0.5 * sum(map(len, drawn)) / len(z))
            pictured = np.concatenate(drawn)
            laid = face_map.compute(pictured)
            return {
                "pca": laid.pca.round(4).tolist(),
                "tsne": laid.tsne.round(4).tolist(),
                "explained": round(laid.explained, 4),
                "colours": laid.colours.tolist(),
                "columns": 20,
                "sprite": data_url(sheets.sprite(pictured, 20), "jpeg"),
            }

        return work

    def _projecting(self, wishes: Wishes) -> Callable[[Errand], News]:
        crop = read_crop(wishes.get("crop"))

        def work(errand: Errand) -> News:
            from neuroceleb.latent import model_cache, projection

            asked = self._asked(wishes)
            discriminator = model_cache.discriminator_of(asked.model)
            told = 0
            for step in projection.search(asked.model.network, discriminator, crop):
                news = None
                if step.done >= told / TOLD_FRAMES:
                    told += 1
                    news = asked.picture(step.z) | {"levels": round(step.pixel_error, 2)}
                errand.tell(step.done, news)
            return asked.picture(step.z) | {"levels": round(step.pixel_error, 2)}

        return work

    def _comparing(self, wishes: Wishes) -> Callable[[Errand], News]:
        self.access.check("see training photos")

        def work(errand: Errand) -> News:
            asked = self._asked(wishes)
            z = asked.z(wishes.get("face"))
            check, remark = self._copy_check(asked, errand)
            [comparison] = check.compare(asked.model.images(z[None]))
            return {"photos": len(check), "remark": remark} | _shown(check, comparison)

        return work

    def _surveying(self, wishes: Wishes) -> Callable[[Errand], News]:
        self.access.check("see training photos")

        def work(errand: Errand) -> News:
            from neuroceleb.latent import model_cache

            asked = self._asked(wishes)
            check, remark = self._copy_check(asked, errand)
            sample = model_cache.sample(asked.model)
            errand.tell(0.8)
            comparisons = check.compare(sample)
            order = sorted(range(len(sample)), key=lambda at: comparisons[at].sort_key)[:3]
            return {
                "count": len(comparisons),
                "photos": len(check),
                "remark": remark,
                "share": memorization.share_of_suspects(comparisons),
                "expected": memorization.SUSPECTED_BY_CHANCE,
                "closest": [
                    {"seed": int(seed), "png": data_url(images.encode(sample[seed]), "png")}
                    | _shown(check, comparisons[seed], 1)
                    for seed in order
                ],
            }

        return work

    # Shared --------------------------------------------------------------------------------

    def _asked(self, wishes: Wishes) -> Asked:
        from neuroceleb.model import generator

        order = faces.read_order(
            self.workspace, wishes.get("model"), wishes.get("epoch"), 0, 1, 1.0
        )
        return Asked(self.workspace.run(order.model), order.epoch, generator.load(order.weights))

    def _directions(self, asked: Asked) -> tuple[list[Direction], str | None]:
        """Its directions; and why those that were saved are not they, if so."""
        from neuroceleb.latent import model_cache

        try:
            return model_cache.directions_of(asked.model), None
        except UserError as error:
            return model_cache.compute_directions(asked.model), str(error)

    def _copy_check(self, asked: Asked, errand: Errand) -> tuple[CopyCheck, str | None]:

        def tell(done: int, count: int) -> None:
            errand.tell(0.6 * done / count)

        found = training_photos.check_of_run(asked.run, self.workspace, tell)
        errand.tell(0.6)
        return found


def data_url(data: bytes, kind: str) -> str:
    """An image as the page takes it."""
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")


def read_crop(url: Any) -> Pixels:
    """A (64, 64, 3) uint8 crop that the page was given before; raises UserError."""
    text = url.partition(";base64,")[2] if isinstance(url, str) else ""
    try:
        if not 0 < len(text) <= MAX_CROP_BYTES:
            raise ValueError
        crop = np.asarray(images.read_photo(base64.b64decode(text, validate=True)))
    except (ValueError, binascii.Error, UnreadableImageError) as error:
        raise UserError("That is no face cut from a photo: choose the photo again.") from error
    if crop.shape != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise UserError("A face cut from a photo has 64x64 pixels: choose the photo again.")
    return crop


def _places(value: Any, count: int) -> list[float]:
    good = isinstance(value, list) and len(value) == count and all(map(_is_place, value))
    if not good:
        raise UserError(
            f"The {count} sliders stand at {count} numbers from -{MAX_PLACE:g} to {MAX_PLACE:g}: "
            "reload the page."
        )
    return [float(place) for place in value]


def _is_place(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= MAX_PLACE


def _sprite(frames: Pixels) -> News:
    from neuroceleb.latent import sheets

    sheet = sheets.sprite(frames, sheets.FRAMES)
    return {"frames": data_url(sheet, "jpeg"), "columns": sheets.FRAMES, "reach": sheets.MAX_OFFSET}


def _shown(check: CopyCheck, comparison: Comparison, count: int = memorization.SHOWN) -> News:
    """A comparison and its nearest photos, which are shown to nobody but their owner."""
    return {
        "level": comparison.level,
        "closer": round(comparison.share, 5),
        "nearest": [
            data_url(images.encode(np.asarray(check.photos[index])), "png")
            for index in comparison.indices[:count]
        ],
    }
