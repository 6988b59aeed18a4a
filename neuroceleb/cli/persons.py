"""The verb `persons`: the people of a dataset made of photos."""

import dataclasses
import sys
from pathlib import Path

import click

from neuroceleb import files
from neuroceleb.cli.options import as_json as json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.cli.output import print_json, progress_bar
from neuroceleb.data.faces import persons as people
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.removal import Selection
from neuroceleb.errors import UserError
from neuroceleb.runs import removal
from neuroceleb.runs.removal import Removal
from neuroceleb.runs.workspace import Workspace

dataset_argument = click.argument("dataset", metavar="DATASET")


@click.group()
def persons() -> None:
    """Name, merge, split, find, remove and thin the persons of DATASET.

    `crop --group-by-person` sorts its faces. A PERSON is a folder of faces/, as `list` names it; a
    FACE is the name of a crop without its suffix.
    """


@persons.command("list")
@dataset_argument
@json_option
@in_workspace
def list_persons(dataset: str, as_json: bool, workspace: Workspace) -> None:
    """The persons, the one with the most kept faces first."""
    found = people.list_persons(_face_set(dataset, workspace))
    if as_json:
        print_json({"persons": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        remark = "" if one.is_known else "  (not sorted by person)"
        print(f"{one.kept:>6,} kept {one.rejected:>6,} rejected  {_printable(one.name)}{remark}")


@persons.command()
@dataset_argument
@click.argument("person")
@click.argument("name")
@in_workspace
def rename(dataset: str, person: str, name: str, workspace: Workspace) -> None:
    """Give PERSON another name."""
    face_set = _face_set(dataset, workspace)
    people.rename(face_set, person, name)
    _print_trained(workspace, face_set)


@persons.command()
@dataset_argument
@click.argument("names", nargs=-1, required=True, metavar="PERSON...")
@click.option("--into", metavar="NAME", help="The name of both; by default the first.")
@in_workspace
def merge(dataset: str, names: tuple[str, ...], into: str | None, workspace: Workspace) -> None:
    """Make several persons one."""
    face_set = _face_set(dataset, workspace)
    print(_printable(people.merge(face_set, names, into)))
    _print_trained(workspace, face_set)


@persons.command()
@dataset_argument
@click.argument("person")
@click.option("--face", "faces", multiple=True, help="A face of the other person; repeatable.")
@click.option("--into", metavar="NAME", help="The name of the other person.")
@in_workspace
def split(
    dataset: str, person: str, faces: tuple[str, ...], into: str | None, workspace: Workspace
) -> None:
    """Make some faces of PERSON another person; without --face, divide them in two."""
    face_set = _face_set(dataset, workspace)
    print(_printable(people.split(face_set, person, faces, into)))
    _print_trained(workspace, face_set)


@persons.command()
@dataset_argument
@click.argument("face")
@click.option("--top", type=int, default=20, show_default=True, help="How many to print.")
@json_option
@in_workspace
def find(dataset: str, face: str, top: int, as_json: bool, workspace: Workspace) -> None:
    """The faces most like FACE, with their distances: below 0.6 it is most often the same person.

    The path of each is faces/PERSON/FACE.png, or rejected/ where it is not kept.
    """
    with progress_bar("faces") as show:
        found = people.find(_face_set(dataset, workspace), face, show)[: max(0, top)]
    if as_json:
        print_json({"face": face, "like": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        print(f"{one.distance:.3f}  {one.face_id}  {_printable(one.person)}")


@persons.command()
@dataset_argument
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@in_workspace
def remove(dataset: str, person: str, yes: bool, as_json: bool, workspace: Workspace) -> None:
    """Remove PERSON for good: crops, manifest, caches, waiting uploads, sheets of real faces.

    Says what it cannot reach, like the weights of runs that were trained with the faces.
    """
    face_set = _face_set(dataset, workspace)
    question = f"Remove all faces of '{_printable(person)}' from '{face_set.name}'?"
    if not yes and not click.confirm(question, err=True):
        raise UserError("'{person}' was not removed.", person=person)
    done = removal.remove(workspace, face_set, Selection(person=person))
    if as_json:
        print_json({"dataset": str(face_set.path), "person": person, **dataclasses.asdict(done)})
        return
    _print_removal(done)


@persons.command()
@dataset_argument
@click.argument("person")
@click.option("--keep", type=int, required=True, help="How many faces to keep.")
@in_workspace
def thin(dataset: str, person: str, keep: int, workspace: Workspace) -> None:
    """Reject all kept faces of PERSON but the most varied; near-alikes go first."""
    count = people.thin(_face_set(dataset, workspace), person, keep)
    print(f"{count:,} faces are rejected.")


def _face_set(dataset: str, workspace: Workspace) -> FaceSet:
    """A name under `datasets/`, or the path of a dataset."""
    path = Path(dataset)
    return FaceSet(files.absolute(path) if len(path.parts) > 1 else workspace.datasets / dataset)


def _print_trained(workspace: Workspace, face_set: FaceSet) -> None:
    """Moving faces changes the order of the images, which a resumed training depends on."""
    trained = workspace.runs_trained_on(face_set.path)
    if trained:
        print(
            "The order of the images may be another now, so these cannot be resumed: "
            f"{', '.join(trained)}.",
            file=sys.stderr,
        )


def _print_removal(done: Removal) -> None:
    print(
        f"Removed: {done.faces:,} faces, {done.quarantined:,} files in quarantine, "
        f"{done.uploads:,} waiting uploads, {len(done.sheets):,} sheets of real faces."
    )
    for sentence in done.not_reached():
        print(sentence)


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
