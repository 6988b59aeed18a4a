"""The verb `trash`."""

import sys

import click

from neuroceleb.cli.options import as_json, in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.errors import UserError
from neuroceleb.runs import trash
from neuroceleb.runs.workspace import Workspace


@click.command("trash")
@click.option("--restore", "name", metavar="NAME", help="Restore the newest of this name.")
@click.option("--empty", is_flag=True, help="Delete everything in the trash for good.")
@as_json
@in_workspace
def list_trash(name: str | None, empty: bool, as_json: bool, workspace: Workspace) -> None:
    """List what was deleted and can be restored, restore it, or delete it for good."""
    if name is not None and empty:
        raise UserError("--restore and --empty contradict each other: use one of them.")
    if name is not None:
        print(_restore(workspace, name), file=sys.stderr)
    elif empty:
        print(f"{trash.empty(workspace):,} deleted for good", file=sys.stderr)
    found = trash.entries(workspace)
    if as_json:
        rows = [
            {"name": one.name, "kind": one.kind, "days_left": one.days_left, "path": str(one.path)}
            for one in found
        ]
        print_json({"trash": rows})
    elif name is None and not empty:
        for one in found:
            print(f"{one.kind + '/' + one.name:<48} {one.days_left:>3} days left")
        if not found:
            print("The trash is empty.")


def _restore(workspace: Workspace, name: str) -> str:
    key = next((one.key for one in trash.entries(workspace) if one.name == name), None)
    if key is None:
        raise UserError("There is no '{name}' in the trash: see `neuroceleb trash`.", name=name)
    return str(trash.restore(workspace, key))
