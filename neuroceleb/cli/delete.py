"""The verb `delete`."""

import click

from neuroceleb.cli.options import in_workspace
from neuroceleb.errors import UserError
from neuroceleb.runs import jobs
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@in_workspace
def delete(name: str, yes: bool, workspace: Workspace) -> None:
    """Move RUN to the trash, from where the verb `trash` restores it for 30 days."""
    run = workspace.run(name)
    if not yes and not click.confirm(f"Move {run.path} to the trash?", err=True):
        raise UserError("The run '{name}' was not deleted.", name=name)
    jobs.delete(workspace, name)
