"""One step at a time: a copy of the run that is trained step by step, undone, and broken."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from neuroceleb import images
from neuroceleb.app import faces, sandboxes
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, gettext, label
from neuroceleb.app.components.face_picker import FacePicker
from neuroceleb.app.components.live_chart import LiveChart
from neuroceleb.app.components.text import Text
from neuroceleb.app.look_inside import BREAK_IT, ONE_STEP_AT_A_TIME
from neuroceleb.app.payloads import data_url
from neuroceleb.app.shared import Shared
from neuroceleb.app.tabs.explore.tool_listeners import PROGRESS
from neuroceleb.app.tabs.progress.figures import step_charts
from neuroceleb.errors import Message, UserError, gettext_noop

if TYPE_CHECKING:
    from neuroceleb.training.sandbox import Sandbox, Snapshot

ACTION = Message("train in a sandbox")
WATCH_ONLY = gettext_noop(
    "Training takes this machine's processor, so that it is open only where the app listens on "
    "this machine alone or asks for a password (--auth)."
)
UNBROKEN = ""
# A preset of the sandbox: what its button says, and what is said of the copy.
PRESETS = {
    UNBROKEN: (gettext_noop("Start"), gettext_noop("trained as the run is")),
    "fast_d": (gettext_noop("D's rate × 10"), gettext_noop("with ten times D's learning rate")),
    "no_batchnorm": (gettext_noop("No BatchNorm"), gettext_noop("without BatchNorm")),
    "fixed_z": (gettext_noop("Fixed z"), gettext_noop("with the same sixteen z in each step")),
    "one_face": (gettext_noop("One face"), gettext_noop("with one face only as real")),
}
ORIGINS = {
    "dataset": gettext_noop("D is shown {count} of the run's photos as real."),
    "sheet": gettext_noop(
        "The photos are gone from here: D is shown the {count} on the sheet of real samples."
    ),
    "generated": gettext_noop(
        "There are no photos of this run here: in their place D is shown {count} faces of its last "
        "epoch, and learns to tell this G from the finished one."
    ),
}
# Updates of a button, and what it says.
STEPS = {
    "d": gettext_noop("Train D once"),
    "g": gettext_noop("Train G once"),
    "10": gettext_noop("Both, 10 steps"),
    "100": gettext_noop("Both, 100 steps"),
}

Shown = tuple[Any, ...]  # the figures, the verdict, the sixteen faces, the charts


@dataclass(frozen=True)
class _Results:
    """What a sandbox is shown in."""

    figures: Text
    verdict: Text
    faces: FacePicker
    charts: LiveChart


def build(shared: Shared) -> None:
    """The panel; a sandbox is started from the model and epoch that are chosen for all tabs."""
    is_open = shared.context.access.is_open
    Text(label(ONE_STEP_AT_A_TIME.text))
    plain = label(PRESETS[UNBROKEN][0])
    presets = {UNBROKEN: gr.Button(plain, variant="primary", elem_id="sandbox-start")}
    Text(label(BREAK_IT.text))
    with gr.Row(elem_classes="nc-bar"):
        for name, (title, _about) in PRESETS.items():
            if name != UNBROKEN:
                presets[name] = gr.Button(label(title), elem_id=f"sandbox-{name}")
    for button in presets.values():
        button.interactive = is_open
    about = Text(None if is_open else label(WATCH_ONLY), elem_id="sandbox-about")
    token, which = gr.Textbox(visible=False), gr.Textbox(visible=False)
    with gr.Column(visible=False, elem_id="sandbox") as column:
        with gr.Row(elem_classes="nc-bar"):
            trains = {
                name: gr.Button(label(title), elem_id=f"sandbox-{name}")
                for name, title in STEPS.items()
            }
            undo_ = gr.Button(label("Undo"), elem_id="sandbox-undo")
            stop = gr.Button(label("Stop"), elem_id="sandbox-stop")
        results = _Results(
            Text(elem_id="sandbox-figures"),
            Text(elem_id="sandbox-verdict"),
            FacePicker(elem_id="sandbox-faces"),
            LiveChart(elem_id="sandbox-charts"),
        )
    outputs = list(vars(results).values())
    for name, button in presets.items():
        shared.listen(
            button.click,
            start,
            [shared.model, shared.epoch, which],
            [token, column, about, *outputs],
            is_long=True,
            show_progress_on=[about],
            js=f"(model, epoch) => [model, epoch, '{name}']",
        )
    running = [
        shared.listen(
            button.click,
            train,
            [token, which],
            outputs,
            is_long=True,
            show_progress_on=[results.figures],
            js=f"(token) => [token, '{name}']",
        )
        for name, button in trains.items()
    ]
    stop.click(None, cancels=running, api_visibility="private")
    shared.listen(undo_.click, undo, [token], outputs)


def start(
    context: Context,
    model: str | None,
    epoch: int | None,
    preset: str,
    progress: gr.Progress = PROGRESS,
) -> tuple[Any, ...]:
    """Open a sandbox in place of the former one; its text, the panel, and what is shown."""
    context.access.check(ACTION)
    if preset == "one_face":
        context.access.check(Message("see training photos"))
    from neuroceleb.training import sandbox_start

    run, number, _weights = faces.read_model(context.workspace, model, epoch)

    def report(done: int, count: int) -> None:
        progress(done / max(1, count), desc=_("Reading the training photos"))

    real = sandbox_start.real_faces(run, context.workspace, report)
    box = sandbox_start.open_sandbox(run, real, number, preset or None)
    token = secrets.token_hex(16)
    sandboxes.opened().put(token, box, run.name)
    copy = _("A copy of {run}, epoch {epoch}, {how}.").format(
        run=run.name, epoch=number, how=_(PRESETS[preset][1])
    )
    origin = _(ORIGINS[real.origin]).format(count=len(real.faces))
    return token, gr.update(visible=True), f"{copy} {origin}", *_shown(box, box.look())


def train(context: Context, token: str, which: str) -> Iterator[Shown]:
    """Updates of D, of G, or of both, see STEPS; what is shown after each.

    It ends where the sandbox is closed meanwhile: its run's photos may have been removed.
    """
    context.access.check(ACTION)
    box = _sandbox(token)
    if which in ("d", "g"):
        yield _shown(box, box.train_d() if which == "d" else box.train_g())
        return
    for snapshot in box.train(int(which) if which in STEPS else 1):
        yield _shown(box, snapshot)
        if _sandbox(token) is not box:
            return


def undo(context: Context, token: str) -> Shown:
    """What is shown after the last press of a button is taken back."""
    context.access.check(ACTION)
    box = _sandbox(token)
    return _shown(box, box.undo())


def _sandbox(token: str) -> "Sandbox":
    if not token:
        raise UserError("No sandbox is open: start one.")
    return sandboxes.opened().get(token)


# What is shown -------------------------------------------------------------------------------


def _shown(box: "Sandbox", now: "Snapshot") -> Shown:
    verdict = now.verdict
    parts = (verdict.sentence, verdict.advice) if verdict is not None else ()
    words = " ".join(part.translate(gettext) for part in parts if part)
    charts = step_charts(_("Sandbox"), box.rows)
    return _figures(now), words, _faces(now), charts if charts["charts"] else None


def _figures(now: "Snapshot") -> str:
    """The counts, and the figures of the last step that it has."""
    counts = _("Step {step}: training steps of D {d}, of G {g}.").format(
        step=now.step, d=now.d_steps, g=now.g_steps
    )
    names = {
        "loss_d": _("loss of D"),
        "loss_g": _("loss of G"),
        "d_x": _("D of photos"),
        "d_g_z1": _("D of fakes"),
        "d_g_z2": _("D of fakes after its step"),
    }
    figures = {name: now.figures[key] for key, name in names.items()}
    figures[_("variety")] = now.variety
    known = [f"{name} {value:.2f}" for name, value in figures.items() if value is not None]
    return " ".join([counts, " · ".join(known)])


def _faces(now: "Snapshot") -> dict[str, Any]:
    """The sixteen faces, each with D's answer."""
    rows = [
        {
            "png": data_url(images.encode(face, ".jpg"), "jpeg"),
            "label": _("Seed {seed}").format(seed=seed),
            "pick": None,
            "caption": f"{answer:.0%}",
        }
        for seed, (face, answer) in enumerate(zip(now.faces, now.answers, strict=True))
    ]
    return {"title": _("Sixteen faces, and how sure D is that each is a photo"), "faces": rows}
