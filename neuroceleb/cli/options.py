"""Options that several verbs of the command line share."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from neuroceleb.data import zip_names
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace, default_workspace
from neuroceleb.settings import RECIPES, SWITCHES, Settings


def in_workspace(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--workspace` to a verb, whose function gets a Workspace."""

    def read(_context: click.Context, _option: click.Parameter, value: str | None) -> Workspace:
        root = Path(value) if value else default_workspace()
        if not root.is_dir():
            raise UserError(
                "The workspace {root} is not a folder: make it, or name another.", root=root
            )
        return Workspace(root)

    return click.option(
        "--workspace",
        metavar="DIR",
        callback=read,
        help="Holds checkpoints/ and datasets/; also NEUROCELEB_WORKSPACE.",
    )(command)


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add one flag for every setting of a run to a verb; flags not given are None."""
    for spec in reversed(dataclasses.fields(Settings)):
        if spec.name in SWITCHES:
            flag = "--" + spec.name.replace("_", "-")
            command = click.option(flag, flag_value="yes", help=spec.metadata["help"])(command)
            continue
        choices = spec.metadata.get("choices")
        kind = click.Choice(choices) if choices else spec.type
        command = click.option(
            "--" + spec.name.replace("_", "-"),
            type=kind,
            help=f"{spec.metadata['help']}  [default: {spec.default}]{_classic_default(spec.name)}",
        )(command)
    return command


def given_settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among the flags of `settings_options` that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def _classic_default(name: str) -> str:
    """The default of the recipe classic, if it is another."""
    return f"  [classic: {RECIPES['classic'][name]}]" if name in RECIPES["classic"] else ""


zip_names_option = click.option(
    *("--zip-names", "zip_names"),
    metavar="ENCODING",
    default=zip_names.AUTO,
    show_default=True,
    help="Encoding of names in zips that are not marked as UTF-8: auto, cp949, shift_jis, gbk …",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object last.")
epoch_option = click.option(
    "--epoch", type=int, help="One of the run's kept epochs; the last by default."
)
truncation_option = click.option(
    "--truncation",
    type=float,
    default=1.0,
    show_default=True,
    help="Scales z, 0 to 2. Below 1: greyer faces, no fewer flaws; `sample --best` helps.",
)


def make_folder(folder: Path) -> None:
    """Create the folder of --out if need be; raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            "{folder} cannot be created ({reason}): use another --out.",
            folder=folder,
            reason=error.strerror,
        ) from error
