"""A folder that can be pushed as a static Space, or a model repository, of Hugging Face.

It holds the model as `index.html` (see `html`), which needs no server and no packages and runs in
the Space's frame; the weights as `model.safetensors`; and the model card as `README.md` with its
front matter.
"""

import json
import shutil
import tempfile
from pathlib import Path

from neuroceleb import __version__, files
from neuroceleb.errors import UserError
from neuroceleb.export import html
from neuroceleb.export.card import Card, Figure, card_of
from neuroceleb.model import checkpoint
from neuroceleb.runs.run import Run

FILES = ("README.md", "index.html", "model.safetensors")

_LABELS = {
    "well_formed": "well-formed faces",
    "swd": "sliced Wasserstein distance (lower is nearer)",
    "precision": "precision",
    "recall": "recall",
    "ms_ssim": "similarity of pairs (MS-SSIM, lower is more varied)",
    "suspects": "suspected copies of training photos",
}


def save(folder: Path, weights: Path, run: Run | None = None) -> None:
    """Write the files of FILES into a new or empty folder, all or none.

    `run` is the run that the weights belong to. Raises UserError where the folder holds something
    else, cannot be written, or the weights cannot be used.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError("{folder} is not an empty folder: name another.", folder=folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".space-", dir=folder.parent) as place:
            made = Path(place) / "space"
            made.mkdir()
            _write(made, weights, run)
            if folder.exists():
                folder.rmdir()
            shutil.move(made, folder)
    except OSError as error:
        raise files.not_written(folder, error) from error


def _write(folder: Path, weights: Path, run: Run | None) -> None:
    network, config = checkpoint.load_generator(weights)
    card = card_of(weights, network, config, run)
    html.save(folder / "index.html", weights, run)
    about = {"run": card.name, "epoch": card.epoch, "terms": card.terms, "version": __version__}
    checkpoint.save_weights(folder / "model.safetensors", network, about)
    files.write_bytes(folder / "README.md", readme(card).encode("utf-8", "replace"))


def readme(card: Card) -> str:
    """The model card in Markdown, with the front matter of a static Space."""
    front = {
        "title": card.name,
        "sdk": "static",
        "app_file": "index.html",
        "license": "other" if card.terms else "unknown",
        "library_name": "neuroceleb",
        "tags": ["gan", "dcgan", "faces", "unconditional-image-generation"],
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]
    parts = ["---", *lines, "---", "", f"# {_plain(card.name)}", ""]
    parts += [
        "A generator of 64x64 faces. `index.html` is the whole model in a page that makes faces in "
        "any browser; `model.safetensors` are its weights, read by Neuro-celeb and by anything "
        "that knows PyTorch's DCGAN.",
        "",
        f"**Terms.** {_plain(card.terms) or _NO_TERMS}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_plain(value)} |" for name, value in _facts(card) if value),
        "",
    ]
    if card.figures:
        parts += [
            f"{card.measured['n']:,} unselected faces of epoch {card.measured['epoch']}, with 95 % "
            "intervals, beside real faces:",
            "",
            "| | this model | real faces |",
            "|---|---|---|",
            *map(_row, card.figures),
            "",
        ]
    return "\n".join([*parts, _NOT_FOR, ""])


_NO_TERMS = (
    "None are recorded for this model: ask whoever trained it, and mind the terms of its photos."
)
_NOT_FOR = (
    "**Not for.** Making pictures of real persons, passing generated faces off as photographs of "
    "somebody, or judging people by their faces. The faces are of nobody, but they can resemble "
    "people in the training photos. Label them as generated."
)


def _facts(card: Card) -> list[tuple[str, str]]:
    data = card.data + (f", {card.images:,} faces" if card.images else "")
    return [
        ("network", card.network),
        ("epoch", "" if card.epoch is None else str(card.epoch)),
        ("recipe", card.recipe),
        ("trained on", data),
        ("images shown", f"{card.shown:,}" if card.shown else ""),
        ("started from", "noise" if card.start == "none" else card.start),
        ("made by", f"Neuro-celeb {__version__}"),
    ]


def _row(figure: Figure) -> str:
    def shown(value: float) -> str:
        return f"{100 * value:.1f} %" if figure.share else f"{value:.2f}"

    interval = figure.interval
    between = f" ({shown(interval[0])} to {shown(interval[1])})" if interval else ""
    real = "" if figure.real is None else shown(figure.real)
    return f"| {_LABELS[figure.key]} | {shown(figure.value)}{between} | {real} |"


def _plain(text: str) -> str:
    """A text without the characters that mean something in a table or as HTML."""
    return "".join("\\" + c if c in "|<>[]`*_\\" else c for c in text)
