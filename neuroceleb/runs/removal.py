"""Remove a person, a photo or a face from a dataset and from all that was made of it.

Needs OpenCV, unlike the other modules of this package.
"""

import dataclasses
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

from neuroceleb import files
from neuroceleb.data import dataset
from neuroceleb.data.faces import pending, removal, report
from neuroceleb.data.faces.crop import is_among
from neuroceleb.data.faces.likeness import PersonFinder
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.pending import Unwanted
from neuroceleb.data.faces.removal import Selection
from neuroceleb.errors import Message, UserError
from neuroceleb.records import DamagedFileError
from neuroceleb.runs import trash
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, is_name

LOOK_S = 60.0  # for the person, on photos that wait to be cropped


@dataclass(frozen=True)
class Removal:
    """What was removed, and what could not be reached.

    Removed: `faces` with their crops and lines, `quarantined` files, `uploads` that waited to be
    cropped, `sheets` of real faces (their runs' names). Not reached: `trained` runs, whose weights
    have learned from the faces; `datasets` that hold faces of the same photos; `unseen` numbers of
    uploads of which nobody knows whom they show, by batch, and `paths` of photos outside the
    workspace that wait to be cropped; `left_in_quarantine` files that may show anybody. Runs and
    datasets in the trash count, too. Decoded caches of the dataset are deleted, and its report is
    made again.
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

    def not_reached(self) -> list[Message]:
        """A sentence for everything that could not be reached."""
        found = []
        if self.trained:
            found.append(
                Message(
                    "Not reached: the weights of {runs}, which learned from these faces. Train "
                    "again, and delete them.",
                    runs=", ".join(self.trained),
                )
            )
        if self.datasets:
            found.append(
                Message(
                    "Not reached: other datasets with the same photos: {names}.",
                    names=", ".join(self.datasets),
                )
            )
        found += [
            Message(
                "Not reached: {count:,} photos of upload {batch} that are not cropped yet.",
                count=count,
                batch=batch,
            )
            for batch, count in self.unseen.items()
        ]
        found += [
            Message(
                "Not reached: the photos in {path}, whose cropping was interrupted.",
                path=files.printable(path),
            )
            for path in self.paths
        ]
        if self.left_in_quarantine:
            found.append(
                Message(
                    "Not reached: {count:,} files in quarantine/ of somebody else.",
                    count=self.left_in_quarantine,
                )
            )
        return found


def remove(workspace: Workspace, face_set: FaceSet, selection: Selection) -> Removal:
    """Remove faces from a dataset, see `data.faces.removal`, and from what was made of it.

    On photos that wait to be cropped a person is looked for, for LOOK_S seconds. Raises UserError
    where there are no such faces, or where the dataset is being changed.
    """
    trained = _runs_trained_on(workspace, face_set)
    removed = removal.remove(face_set, selection)
    for path in [face_set.path, *(workspace.datasets / name for name in _former(face_set))]:
        dataset.clear_cache(FaceSet(path).faces, workspace.datasets)
    dataset.sweep_cache(workspace.datasets)
    unwanted = _unwanted(face_set, removed, selection)
    waiting = pending.remove_photos(workspace.uploads, face_set.name, unwanted)
    received = pending.remove_received(
        workspace.received, dataclasses.replace(unwanted, group=None)
    )
    return Removal(
        removed.faces,
        removed.quarantined,
        waiting.deleted + received,
        tuple(run.name for run in trained if delete_real_sheet(workspace, run)),
        tuple(run.name for run in trained),
        tuple(_others(workspace, face_set, removed.photos)),
        waiting.unseen,
        waiting.paths,
        removed.left_in_quarantine,
    )


def _unwanted(face_set: FaceSet, removed: removal.Removed, selection: Selection) -> Unwanted:
    known = {row.source_sha256 for row in face_set.iter_rows() if row.source_sha256}
    if removed.examples is None:
        return Unwanted(removed.photos, known, selection.person)
    finder = PersonFinder(removed.examples, LOOK_S)
    return Unwanted(removed.photos, known, selection.person, finder.shows)


def delete_real_sheet(workspace: Workspace, run: Run) -> bool:
    """Delete a run's sheet of real faces and its cached previews; whether there was one."""
    previews = workspace.root / ".cache" / "sheet_previews" / run.name
    found = [path for suffix in ("png", "webp") if (path := run.real_sheet_file(suffix)).exists()]
    for path in [*found, *previews.glob("real_samples*")]:
        path.unlink(missing_ok=True)
    return bool(found)


def _runs_trained_on(workspace: Workspace, face_set: FaceSet) -> list[Run]:
    """By the dataset's path or a former name, or by the fingerprint of what was last decoded."""
    names = {face_set.name, *_former(face_set)}
    wanted = {text for name in names for text in workspace.texts_of(workspace.datasets / name)}
    wanted |= workspace.texts_of(face_set.path)
    fingerprints = dataset.cached_fingerprints(face_set.faces, workspace.datasets)
    return [run for run in _all_runs(workspace) if _is_of(run, wanted, fingerprints)]


def _former(face_set: FaceSet) -> list[str]:
    """The names that the dataset had earlier."""
    return [name for name in report.readable(face_set).get("former_names", ()) if is_name(name)]


def _all_runs(workspace: Workspace) -> Iterator[Run]:
    """The runs of a workspace, those in the trash as well."""
    yield from workspace.runs()
    for deleted in trash.entries(workspace):
        if deleted.kind == workspace.checkpoints.name and Run(deleted.path).exists():
            yield Run(deleted.path)


def _is_of(run: Run, wanted: Collection[str], fingerprints: Collection[str]) -> bool:
    with suppress(UserError):
        if run.dataset_path() in wanted or run.dataset_fingerprint() in fingerprints:
            return True
    return False


def _others(workspace: Workspace, face_set: FaceSet, photos: Collection[str]) -> list[str]:
    """The other datasets, also in the trash, with faces of these photos, or with damaged lists."""
    paths = [workspace.datasets / name for name in workspace.dataset_names()]
    paths += [
        deleted.path
        for deleted in trash.entries(workspace)
        if deleted.kind == workspace.datasets.name
    ]
    return [
        path.name
        for path in paths
        if files.absolute(path) != files.absolute(face_set.path)
        and _holds_faces_of(FaceSet(path), photos)
    ]


def _holds_faces_of(face_set: FaceSet, photos: Collection[str]) -> bool:
    try:
        return any(
            row.crop and row.source_sha256 and is_among(row.source_sha256, photos)
            for row in face_set.iter_rows()
        )
    except DamagedFileError:
        return True
