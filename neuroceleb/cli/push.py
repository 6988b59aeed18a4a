"""The verb `push`: a model to Hugging Face."""

import importlib.util
import sys
import tempfile
from pathlib import Path

import click

from neuroceleb.cli.options import epoch_option, in_workspace
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--to", "repository", metavar="USER/NAME", required=True, help="The Space.")
@click.option("--public", is_flag=True, help="Everyone may see a new Space; by default only you.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@epoch_option
@in_workspace
def push(
    name: str, repository: str, public: bool, yes: bool, epoch: int | None, workspace: Workspace
) -> None:
    """Upload RUN's model as a Space of Hugging Face: page, weights and model card, no photo.

    The Space is private unless --public is given. The token is that of `hf auth login` or HF_TOKEN.
    """
    from neuroceleb.export import space

    if importlib.util.find_spec("huggingface_hub") is None:
        raise UserError(
            "The package huggingface_hub is missing: run 'pip install huggingface_hub'."
        )
    from neuroceleb.export import hub

    run = workspace.find_run(name)
    with tempfile.TemporaryDirectory(prefix="neuroceleb-") as place:
        folder = Path(place) / "space"
        space.save(folder, run.weights(epoch), run)
        seen = "everyone" if public else "only you"
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        print(f"{', '.join(space.FILES)} ({size:.1f} MB) leave this machine:", file=sys.stderr)
        question = f"upload them to {repository} (a new Space is visible to {seen})?"
        if not yes and not click.confirm(question, err=True):
            raise UserError("Nothing was uploaded.")
        print(hub.push(folder, repository, private=not public))
