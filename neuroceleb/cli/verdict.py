"""The verb `verdict`."""

import click

from neuroceleb.cli.options import as_json, in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.errors import UserError
from neuroceleb.runs import verdict
from neuroceleb.runs.workspace import Workspace


@click.command("verdict")
@click.argument("name", metavar="RUN")
@as_json
@in_workspace
def show_verdict(name: str, as_json: bool, workspace: Workspace) -> None:
    """Print what the figures of RUN mean, and one thing to try."""
    found = verdict.judge(workspace.run(name).stats())
    if found is None:
        raise UserError(
            "The run '{name}' has no figures yet: they come with its first epoch.", name=name
        )
    if as_json:
        print_json(found.to_json())
        return
    print(found.sentence)
    if found.advice:
        print(found.advice)
