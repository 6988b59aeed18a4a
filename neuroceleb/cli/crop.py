"""The verb `crop`: photos to a dataset of faces, with a progress bar; can be continued."""

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from neuroceleb import bounds, files, stop_signals
from neuroceleb.cli.options import as_json as json_option
from neuroceleb.cli.options import in_workspace, zip_names_option
from neuroceleb.cli.output import print_json, progress_bar
from neuroceleb.data.faces import edit, persons, report
from neuroceleb.data.faces.crop_photos import CropResult, Options, Progress, crop_photos
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import IMAGE_SIZE


def rules_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add one option for every rule to a verb; options that are not given are None."""
    for spec in reversed(dataclasses.fields(Rules)):
        choices = spec.metadata.get("choices")
        command = click.option(
            bounds.flag(spec.name),
            type=click.Choice(choices) if choices else float,
            help=f"{spec.metadata['help']}  [default: {spec.default}]",
        )(command)
    return command


@click.command()
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", required=True, metavar="DATASET", help="Name of the dataset, or a path.")
@click.option(
    "--size", type=int, default=IMAGE_SIZE, show_default=True, help="Pixels: 64, 96 or 128."
)
@click.option("--detector", default="yunet", show_default=True, help="yunet or google-vision.")
@click.option(
    "--smallest-face",
    type=float,
    default=20,
    show_default=True,
    help="Least height of a face, pixels; 60 is nine times as fast on large photos.",
)
@click.option(
    "--align",
    default="landmarks",
    show_default=True,
    help="landmarks: eyes and mouth always at the same place; box: crop the detector's box; "
    "none: the photos are cut around one face already, only judge it.",
)
@click.option("--keep-all", is_flag=True, help="Apply only the rules given here.")
@click.option("--yes", is_flag=True, help="Agree that photos are sent to Google, and to the cost.")
@click.option(
    "--group-by-person",
    is_flag=True,
    help="Sort the faces into a folder for each person; folders of the photos are persons.",
)
@click.option("--include-removed", is_flag=True, help="Crop photos again whose faces were removed.")
@zip_names_option
@rules_options
@json_option
@in_workspace
def crop(
    photos: tuple[Path, ...],
    out: str,
    size: int,
    detector: str,
    smallest_face: float,
    align: str,
    keep_all: bool,
    yes: bool,
    group_by_person: bool,
    include_removed: bool,
    zip_names: str,
    as_json: bool,
    workspace: Workspace,
    **flags: Any,
) -> None:
    """Crop the faces of PHOTOS (folders, zips, files) into a dataset, and judge them.

    Call it again to continue after Ctrl-C or to add photos; without PHOTOS the dataset is judged
    again by the given rules. Nothing is deleted: rejected faces are in rejected/.
    """
    face_set = FaceSet(_dataset_folder(out, workspace))
    rules = _rules(Rules.off() if keep_all else edit.saved_rules(face_set), flags)
    if not photos:
        _judge_again(face_set, rules, group_by_person, as_json)
        return
    if not 8 <= smallest_face <= 2_000:
        raise UserError(
            "--smallest-face {smallest_face:g} is out of bounds: use 8 to 2000.",
            smallest_face=smallest_face,
        )
    options = Options(
        *(size, align, detector, smallest_face, rules),
        *(zip_names, group_by_person, include_removed),
    )
    with _cancelled_by_signals() as cancelled, progress_bar("photos", smoothing=0.05) as show:

        def show_photos(progress: Progress) -> None:
            figures = {"kept": progress.kept, "rejected": progress.rejected}
            show(progress.done, progress.total, **figures)

        result = crop_photos(
            photos,
            face_set,
            options,
            progress=show_photos,
            cancelled=cancelled.is_set,
            confirm=lambda question: _confirm(question, yes),
            sorting=show,
        )
    if not result.finished:
        print(f"Stopped. The same command continues from here: {face_set.path}", file=sys.stderr)
        raise KeyboardInterrupt
    _print_result(face_set, result, as_json)


def _dataset_folder(out: str, workspace: Workspace) -> Path:
    """A name under `datasets/`, or a path with more than one part."""
    path = Path(out)
    return files.absolute(path) if len(path.parts) > 1 else workspace.datasets / check_name(out)


def _rules(rules: Rules, flags: dict[str, Any]) -> Rules:
    """These rules, changed by the options that were given."""
    given = {name: value for name, value in flags.items() if value is not None}
    return Rules.checked(**{**dataclasses.asdict(rules), **given})


def _judge_again(face_set: FaceSet, rules: Rules, group_by_person: bool, as_json: bool) -> None:
    if not face_set.exists():
        raise UserError("Missing PHOTOS: name folders, zips or files of photos.")
    counts = edit.save(face_set, rules)
    if group_by_person:
        with progress_bar("faces") as show:
            persons.sort(face_set, progress=show)
    _print_result(face_set, CropResult(True, counts, 0, 0, 0.0), as_json)


@contextmanager
def _cancelled_by_signals() -> Iterator[threading.Event]:
    """Stop signals set the event; photos that are being processed are finished first."""
    cancelled = threading.Event()
    before = stop_signals.install(cancelled.set)
    try:
        yield cancelled
    finally:
        stop_signals.restore(before)


def _confirm(question: str, yes: bool) -> bool:
    print(question, file=sys.stderr)
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UserError("No terminal to confirm on: add --yes if the photos may be sent to Google.")
    return click.confirm("Send them?", default=False, err=True)


def _print_result(face_set: FaceSet, result: CropResult, as_json: bool) -> None:
    saved = report.read(face_set)
    counts = result.counts
    for item in saved["unreadable_photos"][:20]:
        print(f"  {_printable(item['source'])}: {item['why']}", file=sys.stderr)
    print(
        f"{counts.faces:,} faces in {counts.photos:,} photos: {counts.kept:,} kept, "
        f"{counts.rejected:,} rejected; {counts.no_face:,} photos without a face, "
        f"{counts.unreadable:,} unreadable.",
        file=sys.stderr,
    )
    _print_left_alone(result)
    _print_persons(saved)
    _print_kept_away(face_set, result)
    for name, number in counts.by_reason.items():
        print(f"  {name.replace('_', ' '):<16} {number:>7,}", file=sys.stderr)
    for item in saved["verdict"]["sentences"]:
        print(item["text"], file=sys.stderr)
    if counts.kept:
        train = f"python -m neuroceleb train {face_set.name} --run NAME"
        print(f"Train on it: {train}", file=sys.stderr)
    if as_json:
        print_json(
            {
                "dataset": str(face_set.path),
                **dataclasses.asdict(counts),
                "new_faces": result.new_faces,
                "system_files": result.system_files,
                "other_files": result.other_files,
                "zip_names": result.encodings,
                "persons": saved.get("persons"),
                "quarantined": saved.get("quarantined", 0),
                "damaged_lines": saved.get("damaged_lines", 0),
                "removed_photos": result.removed,
                "seconds": round(result.seconds, 3),
                "verdict": saved["verdict"],
            }
        )


def _print_persons(saved: report.Report) -> None:
    found = saved.get("persons")
    if found:
        print(
            f"{found['count']:,} persons, {found['largest']:,} faces of one at most. A tenth held "
            f"out by person has {found['on_both_sides']:.0%} of them on both sides; by image it "
            f"would be {found['on_both_sides_by_image']:.0%}.",
            file=sys.stderr,
        )


def _print_kept_away(face_set: FaceSet, result: CropResult) -> None:
    """What the manifest does not know, and photos that are not cropped again."""
    saved = report.read(face_set)
    if saved.get("quarantined") or saved.get("damaged_lines"):
        print(
            f"{saved['quarantined']:,} files that the manifest does not know are in "
            f"{face_set.quarantine}, and {saved['damaged_lines']:,} of its lines, which cannot be "
            f"read, in {face_set.damaged_lines.name}.",
            file=sys.stderr,
        )
    if result.removed:
        print(
            f"{result.removed:,} photos whose faces were removed are left out; "
            "--include-removed crops them again.",
            file=sys.stderr,
        )


def _print_left_alone(result: CropResult) -> None:
    """What is no photo, and how the names in zips were read."""
    if result.system_files:
        print(
            f"{result.system_files:,} files in system folders (thumbnails, recycle bins) are left "
            "alone.",
            file=sys.stderr,
        )
    if result.other_files:
        print(f"{result.other_files:,} other files (notes, videos) are no photos.", file=sys.stderr)
    for name, encoding in result.encodings.items():
        print(
            f"The names in {_printable(name)} are read as {encoding}; --zip-names sets another.",
            file=sys.stderr,
        )


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
