"""The verb `rename`."""

import sys

import click

from neuroceleb.cli.options import in_workspace
from neuroceleb.runs import jobs
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("name", metavar="RUN")
@click.argument("new", metavar="NEW")
@in_workspace
def rename(name: str, new: str, workspace: Workspace) -> None:
    """Give RUN the name NEW."""
    print(jobs.rename(workspace, name, new).path, file=sys.stderr)
