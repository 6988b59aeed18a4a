"""What the endpoints of the API share: the workspace, permissions, files and processes."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from neuroceleb import files
from neuroceleb.app.access import Access
from neuroceleb.errors import Message, UserError
from neuroceleb.runs.workspace import Workspace

LAST_EPOCH = -1
DATA_URLS = {  # how one with the bytes of a file begins, and the file's suffix
    "data:image/jpeg;base64,": ".jpg",
    "data:image/png;base64,": ".png",
    "data:image/webp;base64,": ".webp",
    "data:application/zip;base64,": ".zip",
}

Record = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What every endpoint works on: a workspace, and what its callers may do."""

    workspace: Workspace
    access: Access

    @property
    def files(self) -> Path:
        """Gradio's folder for uploads and results, which it empties itself."""
        return self.workspace.received

    def new_file(self, name: str) -> Path:
        """A path for a result of that file name, which Gradio may serve."""
        folder = self.files / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder / name

    def without_paths(self, sentence: str) -> str:
        """A sentence for the visitors, who may only watch: paths begin at the workspace."""
        root = str(files.absolute(self.workspace.root))
        return sentence if self.access.is_open else sentence.replace(f"{root}/", "")

    def upload(self, file: Any) -> Path:
        """The path of an uploaded file, or of one in a `data:` URL; UserError for any other path.

        A request is at most 8 MB long, and so is what it can hold.
        """
        if isinstance(file, str):
            return self._save(file)
        path = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
        if isinstance(path, str) and "\0" not in path:
            found = files.absolute(Path(path))
            if found.is_relative_to(files.absolute(self.files)) and found.is_file():
                return found
        raise UserError("A file is missing: upload it again.")

    def _save(self, url: str) -> Path:
        beginning, comma, text = url.partition(",")
        suffix = DATA_URLS.get(beginning.lower() + comma)
        try:
            data = base64.b64decode(text, validate=True) if suffix else b""
        except ValueError:
            data = b""
        if not suffix or not data:
            raise UserError(
                "A file is given as a text that is no data: URL of a photo or zip: upload the "
                "file, or send data:image/jpeg;base64, and its bytes in base64."
            )
        path = self.new_file(hashlib.sha256(data).hexdigest()[:16] + suffix)
        path.write_bytes(data)
        return path


def as_file(path: Path) -> gr.FileData:
    """A file as an endpoint returns it."""
    return gr.FileData(path=str(path))


def suffix_of(file_format: str, known: tuple[str, ...]) -> str:
    """The suffix of a format; raises UserError unless it is one of the known suffixes."""
    suffix = f".{file_format[:10]}"
    if suffix not in known:
        formats = ", ".join(name.removeprefix(".") for name in known)
        raise UserError(
            "'{file_format}' is no format here: use one of {formats}.",
            file_format=file_format[:40],
            formats=formats,
        )
    return suffix


def check_names(what: Message, given: Record, known: set[str], verb: str) -> None:
    """Raises UserError for the first name that is not known."""
    unknown = sorted(set(given) - known)
    if unknown:
        raise UserError(
            "There is no {what} '{name}': see `neuroceleb {verb} --help`.",
            what=what,
            name=unknown[0][:40],
            verb=verb,
        )
