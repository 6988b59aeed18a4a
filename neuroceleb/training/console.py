"""The output of a training: log.txt, messages on stderr, and the progress bar."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from neuroceleb.runs.figures import finite
from neuroceleb.runs.run import Run
from neuroceleb.training.progress import StepReport
from neuroceleb.training.step import METRICS

log = logging.getLogger(__name__)
package_log = logging.getLogger("neuroceleb")


class _LogFile(logging.FileHandler):
    """Writes to the log file; errors, such as a full disk, are ignored."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


class _Screen(logging.Handler):
    """Writes to stderr, above the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Log everything to a file, and messages from level INFO on to stderr.

    Where stderr is that file, as in a background process, each message is written once.
    """
    log_file = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    handlers: list[logging.Handler] = [log_file]
    if not os.path.samestat(path.stat(), os.fstat(sys.stderr.fileno())):
        handlers.append(_Screen(logging.INFO))
    package_log.setLevel(logging.DEBUG)
    for handler in handlers:
        package_log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            package_log.removeHandler(handler)
            handler.close()


class ProgressBar:
    """Epoch, images per second, time left and losses; logs a line for each finished epoch."""

    def __init__(self, run: Run, total_images: int) -> None:
        self._run = run
        self._bar = tqdm(total=total_images, unit=" images", disable=None, leave=False)
        self._logged_epochs = len(run.stats())

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *error: object) -> None:
        self._log_finished_epochs()
        self._bar.close()

    def update(self, report: StepReport) -> None:
        """The `on_step` callback."""
        before = report.images_seen - report.batch_size
        if self._bar.n != before:  # resumed: the rate is that of this process
            self._bar.n = self._bar.initial = before
        if report.step == 1:
            self._log_finished_epochs()
        self._bar.set_description(f"Epoch {report.epoch} of {report.epochs}", refresh=False)
        if report.metrics is not None:
            losses = {name: f"{report.metrics[name]:.3f}" for name in ("loss_d", "loss_g")}
            self._bar.set_postfix(losses, refresh=False)
        self._bar.update(report.batch_size)

    def _log_finished_epochs(self) -> None:
        rows = self._run.stats()
        self._logged_epochs = min(self._logged_epochs, len(rows))
        for row in rows[self._logged_epochs :]:
            log.info("%s", _epoch_line(row))
        self._logged_epochs = len(rows)


def _epoch_line(row: dict[str, Any]) -> str:
    metrics = "  ".join(f"{name} {_figure(row, name, 4)}" for name in METRICS)
    return (
        f"epoch {row['epoch']:>3}  {metrics}  "
        f"{_figure(row, 'images_per_second', 1)} images/s  {_figure(row, 'seconds', 1)} s"
    )


def _figure(row: dict[str, Any], name: str, digits: int) -> str:
    value = finite(row.get(name))
    return "?" if value is None else f"{value:.{digits}f}"
