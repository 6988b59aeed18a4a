"""Remove a person, a photo or a face from a dataset and from all that was made of it.

Needs OpenCV, unlike the other modules of this package.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from neuroceleb.data import dataset
from neuroceleb.data.faces import pending, removal
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.removal import Selection
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace


@dataclass(frozen=True)
class Removal:
    """What was removed, and what could not be reached.

    Removed: `faces` with their crops and lines, `quarantined` files, `uploads` that waited to be
    cropped, `sheets` of real faces (their runs' names). Not reached: `trained` runs, whose weights
    have learned from the faces; `datasets` that hold faces of the same photos; `unseen` numbers of
    uploads that are not cropped yet, by batch, and `paths` of such photos outside the workspace;
    `left_in_quarantine` files that may show anybody. Decoded caches of the dataset are deleted,
    and its report is made again.
    """

    faces: int
    quarantined: int
    uploads: int
    sheets: tuple[str, ...]
    trained: tuple[str, ...]
    datasets: tuple[str, ...]
    unseen: dict[str, int]
    paths: tuple[str, ...]
    left_in_quarantine: int


def remove(workspace: Workspace, face_set: FaceSet, selection: Selection) -> Removal:
    """Remove faces from a dataset, see `data.faces.removal`, and from what was made of it.

    Raises UserError where there are no such faces, or where it is being changed.
    """
    trained = _runs_trained_on(workspace, face_set)
    removed = removal.remove(face_set, selection)
    dataset.clear_cache(face_set.faces, workspace.datasets)
    dataset.sweep_cache(workspace.datasets)
    known = {row.source_sha256 for row in face_set.iter_rows() if row.source_sha256}
    waiting = pending.remove_photos(
        workspace.uploads, face_set.name, removed.photos, known, selection.person
    )
    return Removal(
        removed.faces,
        removed.quarantined,
        waiting.deleted,
        tuple(run.name for run in trained if delete_real_sheet(workspace, run)),
        tuple(run.name for run in trained),
        tuple(_others(workspace, face_set, removed.photos)),
        waiting.unseen,
        waiting.paths,
        removed.left_in_quarantine,
    )


def delete_real_sheet(workspace: Workspace, run: Run) -> bool:
    """Delete a run's sheet of real faces and its cached previews; whether there was one."""
    previews = workspace.root / ".cache" / "sheet_previews" / run.name
    found = [path for suffix in ("png", "webp") if (path := run.real_sheet_file(suffix)).exists()]
    for path in [*found, *previews.glob("real_samples*")]:
        path.unlink(missing_ok=True)
    return bool(found)


def _runs_trained_on(workspace: Workspace, face_set: FaceSet) -> list[Run]:
    """By the dataset's path, or by the fingerprint of what was last decoded from it."""
    named = set(workspace.runs_trained_on(face_set.path))
    fingerprints = dataset.cached_fingerprints(face_set.faces, workspace.datasets)
    return [
        run for run in workspace.runs() if run.name in named or _fingerprint(run) in fingerprints
    ]


def _fingerprint(run: Run) -> str | None:
    try:
        return run.dataset_fingerprint()
    except UserError:
        return None


def _others(workspace: Workspace, face_set: FaceSet, photos: Iterable[str]) -> list[str]:
    """The other datasets of the workspace with faces of these photos."""
    wanted = set(photos)
    found = []
    for name in workspace.dataset_names():
        other = FaceSet(workspace.datasets / name)
        is_same = other.path.resolve() == face_set.path.resolve()
        if not is_same and any(
            row.crop and row.source_sha256 in wanted for row in other.iter_rows()
        ):
            found.append(name)
    return found
