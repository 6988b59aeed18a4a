"""The guided tour of a run: each step has a text and what the reel shows, or a tool of Explore."""

from typing import Any

from neuroceleb.app.catalogue import _
from neuroceleb.app.look_inside import STATIONS
from neuroceleb.app.tabs.progress.figures import side, with_the_same_start
from neuroceleb.errors import UserError, gettext_noop
from neuroceleb.runs.figures import finite
from neuroceleb.runs.run import Run

STEPS = (
    (
        gettext_noop("Noise becomes faces"),
        gettext_noop(
            "Every picture of this sheet is made from the same 64 handfuls of random numbers, "
            "once after each pass over the photos (an epoch). Nobody tells the generator, G, "
            "what a face is. Watch from epoch 0 to {last}: from noise it is blots first, then "
            "blobs with eyes, then people; a run that goes on from another model begins with "
            "that one's people."
        ),
    ),
    (
        gettext_noop("What D sees"),
        gettext_noop(
            "The discriminator, D, is shown photos and G's pictures and says how sure it is "
            "that each is a photo. In epoch {epoch} it said {d_x} of photos and {d_g_z1} of G's "
            "faces: the chart of D's scores. That difference is all that G learns from: it "
            "changes each pixel so that D's answer rises."
        ),
    ),
    (
        gettext_noop("When D wins"),
        gettext_noop(
            "In epoch {epoch} D was surest in this run: {d_x} for photos, {d_g_z1} for fakes. "
            "Then D's loss is small ({loss_d}) and G's is large ({loss_g}). A D that is never "
            "wrong has nothing left to teach, and G stands still: the two must stay close."
        ),
    ),
    (
        gettext_noop("Collapse"),
        gettext_noop(
            "G may find a few faces that fool D and make nothing else. This run did not; here "
            "two of its faces are repeated to show what it would look like. On the chart of "
            "variety, where a run has one, the line of the nearest other falls towards 0."
        ),
    ),
    (
        gettext_noop("What the modern recipe changes"),
        gettext_noop(
            "On the left the original recipe of 2017 ({classic}), on the right the modern one "
            "({modern}): the same photos, the same start, as many epochs, the same random "
            "numbers. Drag the line. The modern one shows D every picture shifted, recoloured "
            "and partly covered, so that D cannot learn a few thousand photos by heart, and "
            "draws with an average of G's last steps, which is calmer."
        ),
    ),
    *((one.title, one.text) for one in STATIONS),
)
FIRST_STATION = len(STEPS) - len(STATIONS)
ALONE = gettext_noop(
    "The modern recipe shows D every picture shifted, recoloured and partly covered, so that D "
    "cannot learn a few thousand photos by heart, and draws with an average of G's last steps, "
    "which is calmer. No two runs here differ in the recipe alone: train one with each, on the "
    "same photos, from the same start and for as many epochs, and they appear here under a "
    "wipe."
)


def step_of(run: Run, runs: list[Run], step: int) -> tuple[str, str, dict[str, Any]]:
    """Title and text of a step, and the reel's value with its command. Raises UserError."""
    there = list(run.sheets())
    if not there:
        raise UserError("The tour needs a sample sheet: wait for the first epoch.")
    first, last = there[0], there[-1]
    title, text = STEPS[step]
    value: dict[str, Any] = {"a": side(run), "b": None}
    values: dict[str, Any] = {"last": last}
    command: dict[str, Any] = {"epoch": last}
    if step == 0:
        command = {"epoch": first, "play": True}
    elif step == 1:
        values = _scores(run.stats()[-1:])
    elif step == 2:
        values = _scores(sorted(run.stats(), key=_lead)[-1:])
        command["epoch"] = values["epoch"] if values["epoch"] in there else last
    elif step == 3:
        command["collapse"] = True
    elif step >= FIRST_STATION:
        values = {}
    elif pair := with_the_same_start(runs):
        value = {"a": side(pair[0]), "b": side(pair[1])}
        values = {"classic": pair[0].name, "modern": pair[1].name}
        command["epoch"] = max(pair[0].sheets())
    else:
        text = ALONE
    return (
        f"{step + 1} / {len(STEPS)} · {_(title)}",
        _(text).format(**values),
        value | {"command": command},
    )


def tool_of(step: int) -> str | None:
    """The tool of Explore that a step is about, None for most."""
    return STATIONS[step - FIRST_STATION].tool if FIRST_STATION <= step < len(STEPS) else None


def _lead(row: dict[str, Any]) -> float:
    """How much surer of photos than of fakes D was; -1 where that was not recorded."""
    d_x, d_g_z1 = finite(row.get("d_x")), finite(row.get("d_g_z1"))
    return -1.0 if d_x is None or d_g_z1 is None else d_x - d_g_z1


def _scores(rows: list[dict[str, Any]]) -> dict[str, Any]:
    row = rows[0] if rows else {}
    names = ("d_x", "d_g_z1", "loss_d", "loss_g")
    numbers = {name: finite(row.get(name)) for name in names}
    shown = {name: "–" if value is None else f"{value:.2f}" for name, value in numbers.items()}
    return shown | {"epoch": row.get("epoch", "–")}
