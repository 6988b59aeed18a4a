"""The Photos tab's routes: uploads, cropping, datasets page by page, rules, choices, save, remove.

Photos are uploaded one by one and cropped in the background. A dataset has a draft of rules and
choices, which `save` applies.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from neuroceleb import images
from neuroceleb.app import catalogue, threshold_histograms
from neuroceleb.app.access import Access
from neuroceleb.app.cropping import RUNNING, Cropper, CropRequest, count, photo_key
from neuroceleb.app.payloads import JsonBody
from neuroceleb.data.faces import (
    align,
    crop_photos,
    draft,
    edit,
    google_consent,
    report,
    report_image,
    review,
)
from neuroceleb.data.faces.draft import Draft
from neuroceleb.data.faces.manifest import KEPT, REJECTED, FaceSet, Row
from neuroceleb.data.faces.removal import Selection
from neuroceleb.data.faces.rules import Rules, message_of
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import removal
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.spacing import evenly_spaced

PHOTOS_A_PAGE = 48
CONTACT_SHEET = 60  # kept faces, evenly chosen
MAX_DATASETS = 500

Photo = list[int]  # indices of its rows in the manifest


@dataclass(frozen=True)
class Manifest:
    """A dataset's manifest as it was read, with indices of its photos and faces."""

    face_set: FaceSet
    rows: tuple[Row, ...]
    photos: dict[str, Photo]  # by `photo_key`, in order of groups and names
    by_id: dict[str, int]


def manifest_of(face_set: FaceSet) -> Manifest:
    """The current manifest, from a cache where it has not changed. Raises UserError."""
    try:
        stat = face_set.manifest.stat()
    except OSError as error:
        raise UserError(
            "There is no dataset '{name}' made of photos: choose another.", name=face_set.name
        ) from error
    return _manifest(face_set, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=3)
def _manifest(face_set: FaceSet, *_: int) -> Manifest:
    rows = tuple(face_set.iter_rows())
    photos: dict[str, Photo] = {}
    for index in sorted(
        range(len(rows)), key=lambda index: (rows[index].group, rows[index].source)
    ):
        photos.setdefault(photo_key(*rows[index].photo), []).append(index)
    return Manifest(face_set, rows, photos, {row.id: i for i, row in enumerate(rows) if row.id})


@dataclass(frozen=True)
class PhotosApi:
    """The photos and datasets of a workspace, for the visitors of one server.

    Visitors who may train may also upload photos and see their crops. Each function checks access.
    """

    workspace: Workspace
    cropper: Cropper
    access: Access

    def check_allowed(self) -> None:
        """Raises UserError for visitors who may neither upload photos nor see them."""
        self.access.check(Message("see photos or crop them"))

    # Status --------------------------------------------------------------------------------

    def overview(self) -> dict[str, Any]:
        """The datasets made of photos, and the crop tasks."""
        if not self.access.is_open:
            return {"allowed": False}
        return {
            "allowed": True,
            "paths": self.access.is_local,
            "datasets": [_line(face_set) for face_set in self._face_sets()],
            "tasks": self._crop_tasks(),
        }

    def _face_sets(self) -> list[FaceSet]:
        try:
            paths = sorted(self.workspace.datasets.iterdir())
        except OSError:
            return []
        found = (FaceSet(path) for path in paths if not path.name.startswith("."))
        return [face_set for face_set in found if face_set.exists()][:MAX_DATASETS]

    def _crop_tasks(self) -> list[dict[str, Any]]:
        """The running and the interrupted crop tasks; the running one with its newest photos."""
        tasks = self.cropper.statuses()
        if tasks and tasks[0]["state"] == RUNNING:
            name = tasks[0]["dataset"]
            tasks[0]["newest"] = [self._photo(name, rows) for rows in self.cropper.newest()]
        return tasks

    def describe(self, values: dict[str, Any]) -> dict[str, Any]:
        """One dataset by the rules of its draft, updated by `rules`: counts and a page of photos.

        `show` is all, kept, rejected, changed, no_face, unreadable or the name of a reason.
        """
        self.check_allowed()
        face_set = self._face_set(values)
        known = manifest_of(face_set)
        edited = self._update_draft(face_set, values.get("rules"))
        rows = review.judge(review.apply_choices(known.rows, edited.choices), edited.rules)
        counts = dataclasses.asdict(review.count(rows))
        group, show = values.get("group"), str(values.get("show", "all"))
        photos = [
            photo
            for photo in known.photos.values()
            if (not group or rows[photo[0]].group == group)
            and _matches([rows[i] for i in photo], show)
        ]
        page = values.get("page")
        pages = max(1, -(-len(photos) // PHOTOS_A_PAGE))
        page = min(max(0, page), pages - 1) if isinstance(page, int) else 0
        some = photos[page * PHOTOS_A_PAGE : (page + 1) * PHOTOS_A_PAGE]
        name = face_set.name
        return {
            "dataset": name,
            **{key: report.readable(face_set).get(key) for key in ("size", "detector", "align")},
            "counts": counts,
            "changed": sum(row.overruled is not None for row in rows),
            "verdict": _translated(report.assess(counts)),
            "rules": dataclasses.asdict(edited.rules),
            "saved": _has_report(face_set, len(rows)) and not draft.exists(face_set),
            "settled": _has_report(face_set, 0),
            "levels": threshold_histograms.compute(rows, edited.rules),
            "groups": _groups(rows),
            "trained": self.workspace.runs_trained_on(face_set.path),
            "found": len(photos),
            "page": page,
            "pages": pages,
            "photos": [self._photo(name, [rows[i] for i in photo]) for photo in some],
            "sheet": _contact_sheet(name, rows),
            "mean": f"photos/mean/{quote(name)}?v={_stamp(face_set)}",
            "card": f"photos/report/{quote(name)}?v={_stamp(face_set)}",
        }

    def _face_set(self, values: dict[str, Any]) -> FaceSet:
        name = values.get("dataset")
        return self.cropper.face_set(check_name(name if isinstance(name, str) else ""))

    def _update_draft(self, face_set: FaceSet, rules: object) -> Draft:
        """The draft, updated by the given rules and written."""
        edited = draft.read(face_set)
        if isinstance(rules, dict) and rules:
            changed = edited.with_rules(**{str(name): value for name, value in rules.items()})
            if changed != edited:
                draft.write(face_set, changed)
            return changed
        return edited

    def _photo(self, name: str, rows: Sequence[Row]) -> dict[str, Any]:
        first = rows[0]
        key = photo_key(*first.photo)
        has_preview = self.cropper.previews.has(name, key)
        return {
            "key": key,
            "source": first.source,
            "group": first.group,
            "size": first.photo_px,
            "turned": first.turned,
            "verdict": first.verdict,
            "why": _why(first) if first.crop is None and first.reasons else None,
            "preview": f"photos/preview/{quote(name)}/{key}" if has_preview else None,
            "faces": [_face(name, row) for row in rows if row.crop],
        }

    def crop_file(self, name: str, face_id: str) -> Path:
        """The file of a face's crop; raises UserError."""
        self.check_allowed()
        known = manifest_of(self.cropper.face_set(check_name(name)))
        index = known.by_id.get(face_id)
        if index is None:
            raise UserError(
                "There is no face '{face_id}' in '{name}'.", face_id=face_id[:80], name=name
            )
        path = known.face_set.crop_file(known.rows[index])
        if not path.is_file():
            raise UserError(
                "The crop of '{face_id}' is gone: crop its photo again.", face_id=face_id[:80]
            )
        return path

    def preview(self, name: str, key: str) -> bytes:
        """The preview JPEG of a recently cropped photo; raises UserError."""
        self.check_allowed()
        jpeg = self.cropper.previews.get(name, key)
        if jpeg is None:
            raise UserError("The photo is no longer here: only its crops are kept.")
        return jpeg

    def mean_face(self, name: str) -> bytes:
        """PNG of the mean of the faces that were kept when the dataset was last saved."""
        self.check_allowed()
        face_set = self.cropper.face_set(check_name(name))
        return _mean_face(face_set, _stamp(face_set))

    def report_file(self, name: str) -> Path:
        """The report card's picture; raises UserError where there is none."""
        self.check_allowed()
        path = self.cropper.face_set(check_name(name)).report.with_suffix(".jpg")
        if not path.is_file():
            raise UserError("'{name}' has no report card yet: save it first.", name=name)
        return path

    # Cropping ------------------------------------------------------------------------------

    def cost(self, values: dict[str, Any]) -> dict[str, Any]:
        """What Google would bill for a batch. Raises UserError where no credentials are found."""
        self.check_allowed()
        from neuroceleb.data.faces import google_vision  # half a second

        _, sources = self._read(values)
        google_vision.check_credentials()
        photos = count(sources)
        return {
            "photos": photos,
            "calls": google_consent.calls(photos),
            "usd": google_consent.estimate_usd(photos),
            "year": google_consent.PRICE_YEAR,
            "free": google_consent.FREE_CALLS,
        }

    def start(self, values: dict[str, Any]) -> str:
        """Start to crop a batch into a new or an existing dataset; returns its name."""
        self.check_allowed()
        request, sources = self._read(values)
        photos = count(sources)
        if not photos:
            raise UserError("There are no photos yet: drop some first.")
        if request.detector == "google-vision" and request.agreed != photos:
            raise UserError("Agree first that {photos:,} photos are sent to Google.", photos=photos)
        batch = self.cropper.uploads
        self.cropper.start(
            batch.batch(values["batch"]) if request.path is None else batch.new(), request
        )
        return request.dataset

    def _read(self, values: dict[str, Any]) -> tuple[CropRequest, list[Path]]:
        """The checked crop request and the sources of its photos."""
        face_set = self._face_set(values)
        size, detector, agreed = (values.get(key) for key in ("size", "detector", "agreed"))
        before = report.read(face_set)
        if face_set.exists():
            size = before.get("size", size)
        elif face_set.path.exists():
            raise UserError(
                "There is already something named '{name}': use another.", name=face_set.name
            )
        if size not in align.SIZES:
            raise UserError("The size of the crops must be 64, 96 or 128.")
        if detector not in crop_photos.DETECTORS:
            raise UserError("Choose one of the detectors: yunet or google-vision.")
        path = self._path(values.get("path"))
        allowed = agreed if isinstance(agreed, int) else 0
        request = CropRequest(
            face_set.name, size, detector, path, allowed, before.get("align", "landmarks")
        )
        if path is not None:
            return request, [Path(path)]
        return request, self.cropper.uploads.batch(values.get("batch")).sources()

    def _path(self, text: object) -> str | None:
        """A folder, zip or photo on this machine, which only those who sit at it may name."""
        if not isinstance(text, str) or not text.strip():
            return None
        if not self.access.is_local:
            raise UserError("Photos of the server's machine can only be named there: drop some.")
        path = Path(text.strip()).expanduser()
        if not path.is_absolute() or not path.exists():
            raise UserError("{path} is not there: write the whole path.", path=text.strip()[:200])
        return str(path)

    def change_task(self, action: str, values: dict[str, Any]) -> None:
        """Stop cropping, resume an interrupted batch, or remove the uploaded photos."""
        self.check_allowed()
        if action == "stop":
            self.cropper.cancel()
            return
        batch = self.cropper.uploads.batch(values.get("batch"))
        if action == "resume":
            self.cropper.resume(batch)
        else:
            self.cropper.discard(batch)

    # Draft ---------------------------------------------------------------------------------

    def choose(self, values: dict[str, Any]) -> None:
        """Override the rules for one face in the draft, or undo that."""
        self.check_allowed()
        face_set = self._face_set(values)
        known = manifest_of(face_set)
        index = known.by_id.get(str(values.get("face")))
        if index is None:
            raise UserError(
                "There is no such face in '{name}': reload the page.", name=face_set.name
            )
        edited = draft.read(face_set).with_choice(known.rows[index], values.get("choice"))
        draft.write(face_set, edited)

    def revert(self, values: dict[str, Any]) -> None:
        """Reset the draft to the saved state, or, with `defaults`, to the recommended rules."""
        self.check_allowed()
        face_set = self._face_set(values)
        if values.get("defaults") is True:
            draft.write(face_set, Draft(Rules(), draft.read(face_set).choices))
        else:
            draft.discard(face_set)

    def save(self, values: dict[str, Any]) -> str:
        """Apply the draft and rename the dataset; returns its name."""
        self.check_allowed()
        face_set = self._face_set(values)
        if not face_set.exists():
            raise UserError(
                "There is no dataset '{name}' to save: crop photos first.", name=face_set.name
            )
        new = values.get("name")
        wanted = check_name(new) if isinstance(new, str) and new else face_set.name
        if wanted != face_set.name:
            self._check_free(face_set, wanted)
        draft.save(face_set)
        if wanted != face_set.name:
            edit.rename(face_set, wanted)
            self.cropper.previews.rename(face_set.name, wanted)
        return wanted

    def _check_free(self, face_set: FaceSet, wanted: str) -> None:
        if self.cropper.face_set(wanted).path.exists():
            raise UserError("There is already a dataset '{name}': use another name.", name=wanted)
        trained = self.workspace.runs_trained_on(face_set.path)
        if trained:
            raise UserError(
                "'{name}' keeps its name, for runs were trained with it: {runs}.",
                name=face_set.name,
                runs=", ".join(trained[:5]),
            )

    def remove(self, values: dict[str, Any]) -> dict[str, Any]:
        """Delete the crops of a photo, or of all photos of a person (group).

        Returns the number of deleted faces and the runs that were trained on the dataset.
        """
        self.check_allowed()
        face_set = self._face_set(values)
        known = manifest_of(face_set)
        key, group = values.get("photo"), values.get("group")
        if isinstance(group, str) and group:
            done = removal.remove(self.workspace, face_set, Selection(person=group))
            self.cropper.previews.drop(face_set.name)
        elif isinstance(key, str) and key in known.photos:
            photo = known.rows[known.photos[key][0]].photo
            done = removal.remove(self.workspace, face_set, Selection(photo=photo))
            self.cropper.previews.drop(face_set.name, key)
        else:
            raise UserError("There is no such photo or person here: reload the page.")
        return {"gone": done.faces, "trained": list(done.trained)}


def _has_report(face_set: FaceSet, rows: int) -> bool:
    """Whether there is a report of at least so many rows: not so after an interruption."""
    return int(report.readable(face_set).get("rows", -1)) >= rows


def _line(face_set: FaceSet) -> dict[str, Any]:
    counts = _saved_counts(face_set, _stamp(face_set))
    return {"name": face_set.name, **counts, "saved": not draft.exists(face_set)}


@lru_cache(maxsize=MAX_DATASETS)
def _saved_counts(face_set: FaceSet, _: int) -> dict[str, Any]:
    card = report.readable(face_set)
    return {key: card.get(key) for key in ("photos", "kept", "rejected", "size")}


def _face(name: str, row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "crop": f"photos/crop/{quote(name)}/{row.id}",
        "box": row.box,
        "kept": row.verdict == KEPT,
        "reasons": [[it.name, it.value, it.limit] for it in row.reasons],
        "overruled": row.overruled,
        "score": row.score,
    }


def _matches(rows: Sequence[Row], show: str) -> bool:
    if show == "all":
        return True
    if show == "changed":
        return any(row.overruled for row in rows)
    return any(
        row.verdict == show
        or (row.verdict == REJECTED and any(reason.name == show for reason in row.reasons))
        for row in rows
    )


def _groups(rows: Sequence[Row]) -> list[list[Any]]:
    """Every group (a person's own folder) with its number of faces, by name."""
    faces: dict[str, int] = {}
    for row in rows:
        faces[row.group] = faces.get(row.group, 0) + (row.crop is not None)
    return [[group, number] for group, number in sorted(faces.items())]


def _contact_sheet(name: str, rows: Sequence[Row]) -> list[str]:
    kept = [row for row in rows if row.verdict == KEPT]
    shown = evenly_spaced(kept, CONTACT_SHEET)
    return [f"photos/crop/{quote(name)}/{row.id}" for row in shown]


def _stamp(face_set: FaceSet) -> int:
    try:
        return face_set.report.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _mean_face(face_set: FaceSet, _: int) -> bytes:
    kept = [row for row in face_set.iter_rows() if row.verdict == KEPT]
    face = report_image.mean_face(face_set, kept)
    if face is None:
        raise UserError("No face is kept: there is no mean of them.")
    return images.encode(face)


# Over HTTP ---------------------------------------------------------------------------------


def add_routes(
    app: FastAPI,
    workspace: Workspace,
    cropper: Cropper,
    access: Access,
) -> None:
    """`photos` to poll, `photos/<action>` to change."""
    photos = PhotosApi(workspace, cropper, access)

    @app.get("/photos")
    def watch() -> dict[str, Any]:
        return photos.overview()

    @app.post("/photos/batch")
    def batch() -> dict[str, str]:
        photos.check_allowed()
        return {"batch": cropper.uploads.new().id}

    @app.post("/photos/upload/{batch_id}")
    async def upload(batch_id: str, name: str, request: Request) -> dict[str, str]:
        photos.check_allowed()
        length = request.headers.get("content-length", "")
        expected = int(length) if length.isdecimal() else None
        await cropper.uploads.take(batch_id, name, expected, request.stream())
        return {}

    @app.post("/photos/look")
    def describe(body: JsonBody) -> JSONResponse:
        return JSONResponse(photos.describe(body))

    @app.post("/photos/cost")
    def cost(body: JsonBody) -> dict[str, Any]:
        return photos.cost(body)

    @app.post("/photos/start")
    def start(body: JsonBody) -> dict[str, str]:
        return {"dataset": photos.start(body)}

    @app.post("/photos/save")
    def save(body: JsonBody) -> dict[str, str]:
        return {"dataset": photos.save(body)}

    @app.post("/photos/choose")
    def choose(body: JsonBody) -> dict[str, str]:
        photos.choose(body)
        return {}

    @app.post("/photos/revert")
    def revert(body: JsonBody) -> dict[str, str]:
        photos.revert(body)
        return {}

    @app.post("/photos/remove")
    def remove(body: JsonBody) -> dict[str, Any]:
        return photos.remove(body)

    @app.post("/photos/task/{action}")
    def task(action: str, body: JsonBody) -> dict[str, str]:
        photos.change_task(action, body)
        return {}

    _add_file_routes(app, photos)


def _add_file_routes(app: FastAPI, photos: PhotosApi) -> None:
    short_cache = {"Cache-Control": "private, max-age=600"}

    @app.get("/photos/crop/{name}/{face_id}")
    def crop(name: str, face_id: str) -> FileResponse:
        return FileResponse(photos.crop_file(name, face_id), headers=short_cache)

    @app.get("/photos/preview/{name}/{key}")
    def preview(name: str, key: str) -> Response:
        return Response(photos.preview(name, key), headers=short_cache, media_type="image/jpeg")

    @app.get("/photos/mean/{name}")
    def mean(name: str) -> Response:
        return Response(photos.mean_face(name), headers=short_cache, media_type="image/png")

    @app.get("/photos/report/{name}")
    def card(name: str) -> FileResponse:
        return FileResponse(photos.report_file(name), headers={"Cache-Control": "no-store"})


def _why(row: Row) -> str:
    return catalogue.translate(message_of(row.reasons[0]))


def _translated(verdict: dict[str, Any]) -> dict[str, Any]:
    """A verdict of `report.assess` with its sentences in the current language."""
    sentences = [{**one, "text": catalogue.sentence(one, "text")} for one in verdict["sentences"]]
    return {**verdict, "sentences": sentences}
