"""The verb `crop`: photos -> a dataset, with a progress bar, resumable."""

import dataclasses
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from neuroceleb.cli.options import as_json as json_option
from neuroceleb.cli.options import in_workspace
from neuroceleb.data.faces import report, review
from neuroceleb.data.faces.manifest import FaceSet
from neuroceleb.data.faces.measure import Rules
from neuroceleb.data.faces.review import Options, Outcome, Progress
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace, check_name


def rules_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a verb one flag for every rule; those not given are None."""
    for spec in reversed(dataclasses.fields(Rules)):
        choices = spec.metadata.get("choices")
        command = click.option(
            "--" + spec.name.replace("_", "-"),
            type=click.Choice(choices) if choices else float,
            help=f"{spec.metadata['help']}  [default: {spec.default}]",
        )(command)
    return command


@click.command()
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", required=True, metavar="DATASET", help="Name of the dataset, or a path.")
@click.option("--size", type=int, default=64, show_default=True, help="Pixels: 64, 96 or 128.")
@click.option("--detector", default="yunet", show_default=True, help="yunet or google-vision.")
@click.option(
    "--smallest-face",
    type=float,
    default=20,
    show_default=True,
    help="Pixels; 60 searches large photos nine times as fast.",
)
@click.option(
    "--align",
    default="landmarks",
    show_default=True,
    help="What is cut: landmarks lays eyes and mouth in their places, box is the detector's box.",
)
@click.option("--keep-all", is_flag=True, help="Judge by no rule but those given here.")
@click.option("--yes", is_flag=True, help="Agree that photos are sent to Google, and to the cost.")
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
    as_json: bool,
    workspace: Workspace,
    **flags: Any,
) -> None:
    """Cut the faces out of PHOTOS (folders, zips, files) into a dataset, and judge them.

    Call it again to go on after Ctrl-C or to add photos; without PHOTOS it judges the dataset
    again by the rules given. Nothing is deleted: what is left out lies under rejected/.
    """
    face_set = FaceSet(_dataset_folder(out, workspace))
    rules = _rules(Rules.off() if keep_all else review.rules_of(face_set), flags)
    if not photos:
        _judge_again(face_set, rules, as_json)
        return
    if not 8 <= smallest_face <= 2_000:
        raise UserError(f"--smallest-face {smallest_face:g} is out of bounds: use 8 to 2000.")
    options = Options(size, align, detector, smallest_face, rules)
    with _interruptible() as cancelled, _bar() as show:
        outcome = review.crop(
            photos,
            face_set,
            options,
            progress=show,
            cancelled=cancelled.is_set,
            agrees=lambda words: _agrees(words, yes),
        )
    if not outcome.finished:
        print(f"Stopped. The same command goes on from here: {face_set.path}", file=sys.stderr)
        raise KeyboardInterrupt
    _tell(face_set, outcome, as_json)


def _dataset_folder(out: str, workspace: Workspace) -> Path:
    """A name under `datasets/`, or any folder where it is written as a path."""
    path = Path(out)
    return path.resolve() if len(path.parts) > 1 else workspace.datasets / check_name(out)


def _rules(rules: Rules, flags: dict[str, Any]) -> Rules:
    """These rules, changed by the flags that were given."""
    given = {name: value for name, value in flags.items() if value is not None}
    return Rules.checked(**{**dataclasses.asdict(rules), **given})


def _judge_again(face_set: FaceSet, rules: Rules, as_json: bool) -> None:
    if not face_set.exists():
        raise UserError("Missing PHOTOS: name folders, zips or files of photos.")
    counts = review.settle(face_set, rules)
    _tell(face_set, Outcome(True, counts, 0, 0, 0.0), as_json)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM ask to stop: what is on its way is finished and written down first."""
    asked = threading.Event()
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, lambda *_: asked.set())
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """A bar of photos, with rate and remaining time, where somebody looks at it."""
    from tqdm import tqdm

    with tqdm(unit=" photos", disable=None, smoothing=0.05) as bar:

        def show(progress: Progress) -> None:
            bar.total = progress.total
            bar.set_postfix(kept=progress.kept, rejected=progress.rejected, refresh=False)
            bar.update(progress.done - bar.n)

        yield show


def _agrees(words: str, yes: bool) -> bool:
    print(words, file=sys.stderr)
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UserError("Nobody is there to agree: add --yes if the photos may be sent to Google.")
    return click.confirm("Send them?", default=False, err=True)


def _tell(face_set: FaceSet, outcome: Outcome, as_json: bool) -> None:
    card = report.read(face_set)
    counts = outcome.counts
    for item in card["unreadable_photos"][:20]:
        print(f"  {_printable(item['source'])}: {item['why']}", file=sys.stderr)
    print(
        f"{counts.faces:,} faces in {counts.photos:,} photos: {counts.kept:,} kept, "
        f"{counts.rejected:,} rejected; {counts.no_face:,} photos without a face, "
        f"{counts.unreadable:,} unreadable.",
        file=sys.stderr,
    )
    for name, number in counts.by_reason.items():
        print(f"  {name.replace('_', ' '):<16} {number:>7,}", file=sys.stderr)
    for item in card["verdict"]["sentences"]:
        print(item["text"], file=sys.stderr)
    print(f"Train on it: python -m neuroceleb train {face_set.name} --run NAME", file=sys.stderr)
    if as_json:
        value = {
            "dataset": str(face_set.path),
            **dataclasses.asdict(counts),
            "new_faces": outcome.new_faces,
            "seconds": round(outcome.seconds, 3),
            "verdict": card["verdict"],
        }
        print(json.dumps(value, ensure_ascii=False))


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
