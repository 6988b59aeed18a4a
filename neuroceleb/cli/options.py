"""Options that several verbs of the command line share."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import click

from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace, default_workspace
from neuroceleb.settings import RECIPES, Settings


def in_workspace(command: Callable[..., None]) -> Callable[..., None]:
    """Give a verb `--workspace`, and its function a Workspace."""

    def named(_context: click.Context, _option: click.Parameter, value: str | None) -> Workspace:
        root = Path(value) if value else default_workspace()
        if not root.is_dir():
            raise UserError(f"The workspace {root} is not a folder: make it, or name another.")
        return Workspace(root)

    return click.option(
        "--workspace",
        metavar="DIR",
        callback=named,
        help="Holds checkpoints/ and datasets/; also NEUROCELEB_WORKSPACE.",
    )(command)


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a verb one flag for every setting of a run; those not given are None."""
    for spec in reversed(dataclasses.fields(Settings)):
        choices = spec.metadata.get("choices")
        kind = click.Choice(choices) if choices else spec.type
        command = click.option(
            "--" + spec.name.replace("_", "-"),
            type=kind,
            help=f"{spec.metadata['help']}  [default: {spec.default}]{_in_classic(spec.name)}",
        )(command)
    return command


def _in_classic(name: str) -> str:
    """What the setting is in the other recipe, where it is something else."""
    return f"  [classic: {RECIPES['classic'][name]}]" if name in RECIPES["classic"] else ""


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object last.")


def make_folder(folder: Path) -> None:
    """The folder that --out names or lies in, made if need be; raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be made ({error.strerror}): use another --out."
        ) from error
