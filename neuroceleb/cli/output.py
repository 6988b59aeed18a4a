"""What verbs print: a progress bar on stderr, and one JSON object on stdout."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol


class ShowProgress(Protocol):
    """Shows that `done` of `total` units are finished; `figures` are printed behind the bar."""

    def __call__(self, done: int, total: int, /, **figures: int) -> None: ...


@contextmanager
def progress_bar(
    unit: str, *, smoothing: float = 0.3, leave: bool = True
) -> Iterator[ShowProgress]:
    """A tqdm bar with rate and remaining time; prints nothing where stderr is no terminal.

    `unit` is a plural ("photos"). `smoothing` is tqdm's, from 0 (mean rate since the start) to 1
    (rate of the last step). The bar stays on the screen when the block ends, if `leave`.
    """
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", disable=None, smoothing=smoothing, leave=leave) as bar:

        def show(done: int, total: int, /, **figures: int) -> None:
            bar.total = total
            if figures:
                bar.set_postfix(figures, refresh=False)
            bar.update(done - bar.n)

        yield show


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object on one line of stdout; for `--json`, after all else is printed."""
    text = json.dumps(value, ensure_ascii=False)
    # A path that is not UTF-8 has lone surrogates, which are written as JSON escapes.
    print(text.encode("utf-8", "backslashreplace").decode())
