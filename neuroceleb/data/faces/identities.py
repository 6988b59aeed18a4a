"""The embeddings of a dataset's faces, computed once and cached in `identities.npz`."""

import zipfile
from collections.abc import Collection, Sequence

import numpy as np

from neuroceleb import files, images
from neuroceleb.data.faces import align, identity, report
from neuroceleb.data.faces.identity import Embeddings, Progress
from neuroceleb.data.faces.manifest import FaceSet, Row
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.settings import IMAGE_SIZE

MAX_BYTES = 2**30
READ_AT_ONCE = 64  # crops
FAR = 10.0  # embeddings are about 1.46 long


def embeddings(
    face_set: FaceSet, rows: Sequence[Row], progress: Progress = lambda *_: None
) -> Embeddings:
    """(N, 128) embeddings of N rows with crops, from the cache or computed and cached.

    For a caller that holds the dataset's lock. A crop that is missing or damaged gets numbers that
    are far from all others. `progress(done, total)` counts faces that are computed. Raises
    UserError.
    """
    known = _read(face_set)
    missing = [row for row in rows if row.id not in known]
    aligned_by = report.readable(face_set).get("align", "landmarks")
    for start in range(0, len(missing), READ_AT_ONCE):
        part = missing[start : start + READ_AT_ONCE]
        known |= _compute(face_set, part, aligned_by)
        progress(min(start + READ_AT_ONCE, len(missing)), len(missing))
    if missing:
        _write(face_set, known)
    found = np.zeros((len(rows), identity.LENGTH), np.float32)
    for index, row in enumerate(rows):
        found[index] = known.get(row.id, FAR * (index + 1))
    return found


def keep_only(face_set: FaceSet, face_ids: Collection[str]) -> None:
    """Delete the embeddings of all other faces from the cache. Raises UserError."""
    known = _read(face_set)
    left = {face_id: row for face_id, row in known.items() if face_id in face_ids}
    if not left:
        face_set.identities.unlink(missing_ok=True)
    elif len(left) < len(known):
        _write(face_set, left)


def _compute(face_set: FaceSet, rows: Sequence[Row], aligned_by: str) -> dict[str, Embeddings]:
    crops = {row.id: crop for row in rows if (crop := _crop(face_set, row, aligned_by)) is not None}
    by_side: dict[int, list[str]] = {}
    for face_id, crop in crops.items():
        by_side.setdefault(len(crop), []).append(face_id)
    found: dict[str, Embeddings] = {}
    for ids in by_side.values():
        found |= zip(ids, identity.embed(np.stack([crops[one] for one in ids])), strict=True)
    return found


def _crop(face_set: FaceSet, row: Row, aligned_by: str) -> Pixels | None:
    """The crop of a row, aligned by its landmarks; None where it or they cannot be used."""
    try:
        crop = images.load(face_set.crop_file(row))
    except UserError:
        return None
    if aligned_by != "landmarks" and row.landmarks and row.box and row.photo_px:
        left, top, width, height = row.box
        box = (left, top, width, height)
        placing = align.placing(row.landmarks, box, row.photo_px, aligned_by)
        landmarks = align.transform_points(row.landmarks, placing) * len(crop)
        try:
            matrix = align.landmark_transform([(x, y) for x, y in landmarks.tolist()])
        except ValueError:
            return None
        return align.crop(crop, matrix, IMAGE_SIZE)
    return crop if crop.shape[0] == crop.shape[1] else None


def _read(face_set: FaceSet) -> dict[str, Embeddings]:
    """The cached embeddings by the id of the face; empty where they cannot be used."""
    try:
        if face_set.identities.stat().st_size > MAX_BYTES:
            return {}
        with (
            face_set.identities.open("rb") as file,
            np.load(file, allow_pickle=False) as cached,
        ):
            ids, rows, network = cached["ids"], cached["embeddings"], str(cached["network"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    shape = (len(ids), identity.LENGTH) if ids.ndim == 1 else None
    is_usable = rows.shape == shape and rows.dtype == np.float32 and np.isfinite(rows).all()
    if network != identity.NAME or not is_usable:
        return {}
    return dict(zip(map(str, ids), rows, strict=True))


def _write(face_set: FaceSet, known: dict[str, Embeddings]) -> None:
    ids = np.array(list(known), np.str_)
    with files.replacing(face_set.identities) as temporary, temporary.open("xb") as file:
        np.savez(file, ids=ids, embeddings=np.stack(list(known.values())), network=identity.NAME)
