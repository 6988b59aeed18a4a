"""The state of runs in words: one line each."""

from typing import Any

from neuroceleb.app import catalogue
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _
from neuroceleb.app.setting_labels import in_words
from neuroceleb.errors import gettext_noop
from neuroceleb.runs import queue
from neuroceleb.runs.run import ACTIVE, Run
from neuroceleb.runs.workspace import Workspace

MINUTE_S, HOUR_S = 60, 3_600
ROUNDED_TO_S = 10  # what is left, so that it does not change every second

STATES = {
    "queued": gettext_noop("Queued"),
    "starting": gettext_noop("Starting"),
    "running": gettext_noop("Running"),
    "stopping": gettext_noop("Stopping"),
    "stopped": gettext_noop("Stopped"),
    "finished": gettext_noop("Finished"),
    "failed": gettext_noop("Failed"),
    "damaged": gettext_noop("Damaged"),
    "suspended": gettext_noop("Suspended: continue it with kill -CONT, or stop it"),
    "lost": gettext_noop("Lost: its process is gone, resume it"),
}


def duration(seconds: float) -> str:
    """A span of time, to two figures."""
    if seconds < 1.5 * MINUTE_S:
        return _("{n:.0f} s").format(n=seconds)
    if seconds < 1.5 * HOUR_S:
        return _("{n:.0f} min").format(n=seconds / MINUTE_S)
    return _("{n:.1f} h").format(n=seconds / HOUR_S)


def megabytes(count: float) -> str:
    """A number of bytes in MB or GB."""
    return f"{count / 2**20:,.0f} MB" if count < 2**30 else f"{count / 2**30:,.1f} GB"


def share_done(status: dict[str, Any]) -> float:
    """The share of a run's epochs that is done, 0 to 1."""
    epochs, steps = status.get("epochs") or 0, status.get("steps") or 0
    step = (status.get("step") or 0) / steps if steps else 0
    return min(1.0, ((status.get("epoch") or 0) + step) / epochs) if epochs else 0.0


def state_text(status: dict[str, Any], place: int | None) -> str:
    """The state of a run; of a queued one its place."""
    if place is not None:
        return _("Queued, number {place}").format(place=place + 1)
    name = status["state"]
    return _(STATES[name])


def facts(run: Run, status: dict[str, Any], place: int | None) -> str:
    """State, epochs, percent, speed, time left and memory, as far as they are known."""
    parts = [state_text(status, place)]
    parts.append(epochs_done(status))
    if status["state"] in ACTIVE:
        parts.append(f"{share_done(status):.0%}")
        if status.get("images_per_second"):
            parts.append(_("{n:,.0f} images a second").format(n=status["images_per_second"]))
        parts += filter(None, [time_left(status), status.get("device")])
        if status.get("memory_mb"):
            parts.append(megabytes(status["memory_mb"] * 2**20))
    return " · ".join(map(str, parts))


def epochs_done(status: dict[str, Any]) -> str:
    """How many of a run's epochs are done."""
    done, epochs = status.get("epoch") or 0, status.get("epochs") or 0
    return _("{done:,} of {epochs:,} epochs done").format(done=done, epochs=epochs)


def message(status: dict[str, Any]) -> str:
    """The message of a run's status, which may name files and folders of this machine."""
    return in_words(catalogue.sentence(status, "message"))


def time_left(status: dict[str, Any]) -> str:
    """How long a run will take, "" where that is not known."""
    seconds = round((status.get("eta_seconds") or 0) / ROUNDED_TO_S) * ROUNDED_TO_S
    return _("{time} left").format(time=duration(seconds)) if seconds else ""


def places(workspace: Workspace) -> dict[str, int]:
    """The queued runs, each with how many are before it."""
    return {entry.run.name: at for at, entry in enumerate(queue.entries(workspace))}


def choices(context: Context) -> list[tuple[str, str]]:
    """Every run with its state: those that go on, those that wait, the others by name."""
    waiting = places(context.workspace)
    found = [(run, run.status()) for run in context.workspace.runs()]

    def rank(one: tuple[Run, dict[str, Any]]) -> tuple[int, int, str]:
        run, status = one
        order = 0 if status["state"] in ACTIVE else 1 if run.name in waiting else 2
        return order, waiting.get(run.name, 0), run.name

    return [
        (_summary(run, status, waiting.get(run.name)), run.name)
        for run, status in sorted(found, key=rank)
    ]


def _summary(run: Run, status: dict[str, Any], place: int | None) -> str:
    percent = f" {share_done(status):.0%}" if status["state"] in ACTIVE else ""
    return f"{run.name} · {state_text(status, place).partition(':')[0]}{percent}"


def training_now(context: Context) -> tuple[str, bool]:
    """The trainings that go on, in one line, and whether any does or waits."""
    found = [(run, run.status()) for run in context.workspace.runs()]
    active = [
        " · ".join(filter(None, [f"{run.name}: {share_done(status):.0%}", time_left(status)]))
        for run, status in found
        if status["state"] in ACTIVE
    ]
    waits = any(status["state"] in {"queued", "suspended"} for _run, status in found)
    return " · ".join(active), bool(active) or waits
