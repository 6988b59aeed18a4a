"""The verb `export`."""

import sys
from pathlib import Path

import click

from neuroceleb import files
from neuroceleb.cli.options import epoch_option, in_workspace, make_folder
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("model")
@click.option(
    *("--format", "file_format"),
    type=click.Choice(["safetensors", "pth", "onnx", "html", "space"]),
    required=True,
    help="File format.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write.",
)
@epoch_option
@in_workspace
def export(
    model: str, file_format: str, out: Path, epoch: int | None, workspace: Workspace
) -> None:
    """Write MODEL's generator as one file.

    A pth is a state dict that the original script loads; onnx runs without PyTorch, takes z as
    (N, nz), and is checked against the original where onnxruntime is installed; html is a page that
    makes faces in any browser, without a network; space is a folder for Hugging Face, with that
    page, the weights and a model card.
    """
    from neuroceleb.model import checkpoint

    weights = workspace.weights(model, epoch)
    make_folder(out.parent)
    if file_format == "html":
        from neuroceleb.export import html

        size = html.save(out, weights, _run_of(weights))
        print(f"{weights} written to {out}: {size / 1e6:.1f} MB", file=sys.stderr)
        return
    if file_format == "space":
        from neuroceleb.export import space

        space.save(out, weights, _run_of(weights))
        print(f"{weights} written to {out}/", file=sys.stderr)
        return
    network, config = checkpoint.load_generator(weights)
    if file_format == "pth":
        checkpoint.save_pth(out, network)
    elif file_format == "onnx":
        from neuroceleb.export import onnx

        if not onnx.save(out, network, config):
            print("Not checked: that takes 'pip install onnxruntime'.", file=sys.stderr)
    else:
        checkpoint.save_weights(out, network, config)
    print(f"{weights} written to {out}", file=sys.stderr)


def _run_of(weights: Path) -> Run | None:
    """The run whose directory a weights file is in, or None."""
    run = Run(files.absolute(weights).parent)
    return run if run.exists() and files.absolute(weights) in run.kept().values() else None
