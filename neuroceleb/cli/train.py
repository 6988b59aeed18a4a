"""The verb `train`."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from neuroceleb import files
from neuroceleb.cli.options import (
    as_json,
    given_settings,
    in_workspace,
    settings_options,
    zip_names_option,
)
from neuroceleb.cli.output import print_json
from neuroceleb.errors import UserError
from neuroceleb.runs import jobs, launch, queue
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import SWITCHES, Settings
from neuroceleb.training import torchrun

if TYPE_CHECKING:  # importing it loads PyTorch, which the help and --queue need not wait for
    from neuroceleb.training.session import Session


@click.command()
@click.argument("dataset", required=False)
@click.option(
    *("--run", "--run-name", "name"),
    metavar="NAME",
    required=True,
    help="Name of the run; after torchrun, which has a --run of its own, --run-name.",
)
@click.option("--resume", is_flag=True, help="Continue a run that was stopped or lost.")
@click.option("--dry-run", is_flag=True, help="Print the whole configuration and do not train.")
@click.option("--estimate", is_flag=True, help="Print the time and memory, from a few real steps.")
@click.option("--queue", "in_queue", is_flag=True, help="Train in the background, in turn.")
@zip_names_option
@settings_options
@as_json
@in_workspace
def train(
    dataset: str | None,
    name: str,
    resume: bool,
    dry_run: bool,
    estimate: bool,
    in_queue: bool,
    zip_names: str,
    as_json: bool,
    workspace: Workspace,
    **flags: Any,
) -> None:
    """Train on DATASET: a folder or zip of images, or a name under datasets/.

    Stop it with Ctrl-C, SIGTERM or an empty file `stop` in the run directory: the step ends,
    the state is saved, and --resume continues from there. One run trains at a time on a device of
    a workspace: another is refused, or with --queue waits for its turn.
    """
    settings = given_settings(flags)
    if dataset is None and not resume:
        raise UserError("Missing DATASET: name a folder or zip of images to train on.")
    if estimate:
        if resume:
            raise UserError("--estimate is for a new run: leave out --resume.")
        _print_estimate(workspace, name, str(dataset), settings, as_json)
        return
    settings = torchrun.with_world_size(settings)
    if torchrun.rank() > 0:
        from neuroceleb.training import command

        command.execute_nonzero_rank(workspace)
        return
    with launch.training_process(workspace, name) as locks:
        from neuroceleb.training import command
        from neuroceleb.training.session import prepare, reopen

        if resume:
            session = reopen(workspace, name, dataset, settings)
        else:
            session = prepare(workspace, name, str(dataset), settings, zip_names)
        if dry_run:
            print(json.dumps(session.config, indent=2, ensure_ascii=False))
        elif in_queue:
            train_in_background(session, settings.get("epochs"), as_json)
        elif torchrun.is_needed(session.settings):
            options = {**settings, "zip_names": zip_names}
            arguments = _arguments(workspace, name, dataset, resume, as_json, options)
            torchrun.train(session.run, workspace, session.settings, arguments, locks)
        else:
            outcome = command.execute(session, locks)
            if as_json:
                print_json(outcome)


def _arguments(
    workspace: Workspace,
    name: str,
    dataset: str | None,
    resume: bool,
    as_json: bool,
    options: dict[str, Any],
) -> list[str]:
    """The arguments of this very command, for the processes that torchrun starts."""
    switches = {"--resume": resume, "--json": as_json}
    switches |= {f"--{key}": key in options for key in SWITCHES}
    valued = {key: value for key, value in options.items() if key not in SWITCHES}
    return [
        *("train", f"--workspace={files.absolute(workspace.root)}", f"--run={name}"),
        *(switch for switch, is_on in switches.items() if is_on),
        *(f"--{key.replace('_', '-')}={value}" for key, value in valued.items()),
        *(() if dataset is None else ("--", dataset)),
    ]


def _print_estimate(
    workspace: Workspace, name: str, dataset: str, settings: dict[str, Any], as_json: bool
) -> None:
    from neuroceleb.training import estimate

    found = estimate.estimate(workspace, name, dataset, Settings.checked(**settings))
    if as_json:
        print_json(found)
        return
    for line in estimate.sentences(found):
        print(line)


def train_in_background(session: "Session", epochs: int | None, as_json: bool) -> None:
    """Start a new or reopened run in the background, or queue it, and print which.

    `epochs` replaces the number of epochs of a run that is resumed.
    """
    workspace, name = session.workspace, session.run.name
    if session.resume:
        jobs.resume(workspace, name, epochs)
    else:
        jobs.start(workspace, name, session.config)
    before = queue.position(workspace, name)
    if before is None:
        print(f"The run '{name}' is starting: {session.run.path}", file=sys.stderr)
    else:
        print(f"The run '{name}' waits; {before} before it in the queue.", file=sys.stderr)
    if as_json:
        print_json({"run": name, "path": str(session.run.path), "waits_behind": before})
