"""What the tabs share: the model that is shown, the tab in view, the address, favourites."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_type_hints

import gradio as gr
from gradio.components import Component

from neuroceleb.app import faces, run_status
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label
from neuroceleb.app.components.choice import Choice, NumberChoice
from neuroceleb.app.components.text import Text
from neuroceleb.app.listeners import bind
from neuroceleb.errors import UserError

Updates = dict[Any, Any]  # by component
Address = dict[str, str]

GENERATE, INTERPOLATE, EXPLORE = "generate", "interpolate", "explore"
PROGRESS, PHOTOS, TRAIN = "progress", "photos", "train"
TABS = (GENERATE, INTERPOLATE, EXPLORE, PROGRESS, PHOTOS, TRAIN)


@dataclass(frozen=True)
class Lead:
    """A face, or a model alone, that one tab sends to another.

    `to` is a tab, or what the tab does with the face: see LEADS.
    """

    to: str
    face: dict[str, Any]  # {model, epoch?, seed?, truncation?, z?}

    def to_text(self) -> str:
        """The lead for `Shared.handover` and for a tab's `incoming`; no two are equal."""
        return json.dumps({"to": self.to, "face": self.face, "id": secrets.token_hex(4)})


# Where a lead goes.
LEADS = {
    "generate": GENERATE,
    "start": INTERPOLATE,
    "end": INTERPOLATE,
    "explore": EXPLORE,
    "nearest": EXPLORE,
    "layers": EXPLORE,
    "heatmap": EXPLORE,
    "sandbox": EXPLORE,
    "epochs": PROGRESS,
    "film": PROGRESS,
    "train": TRAIN,
    "photos": PHOTOS,
}


def read_lead(text: str) -> Lead:
    """A lead from its text; raises UserError for any other text."""
    try:
        value = json.loads(text)
        to, face = value["to"], value["face"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UserError("That is no face: pick one again.") from None
    if not isinstance(to, str) or to not in LEADS or not isinstance(face, dict):
        raise UserError("That is no face: pick one again.")
    return Lead(to, face)


@dataclass(frozen=True)
class Inbox:
    """Where a tab gets leads: the text of the newest, and of the newest that was received."""

    incoming: gr.Textbox
    received: gr.Textbox


def new_inbox() -> Inbox:
    """An empty inbox, to be made within a tab's layout."""
    return Inbox(gr.Textbox(visible=False), gr.Textbox(visible=False))


@dataclass(frozen=True)
class Chosen:
    """What a visitor has chosen for all tabs."""

    model: str | None  # None where there is no model yet
    epoch: int | None


@dataclass(frozen=True)
class Shared:
    """Components that belong to the page, not to one tab."""

    context: Context
    tabs: gr.Tabs
    shown: gr.Textbox  # the id of the tab that is in view
    model: gr.Dropdown  # the run whose faces all tabs show
    epoch: gr.Dropdown  # one of its kept epochs; None for the last
    favourites: gr.JSON  # hidden: a list of faces, of the browser's storage
    handover: gr.Textbox  # a listener that outputs a Lead's text here leads to another tab
    chosen: Any  # the event after another model was chosen and its epochs are listed
    epoch_chosen: Any  # the event after another epoch was chosen
    training: Text  # the trainings that go on, shown on every tab
    timer: gr.Timer  # ticks while a training goes on or waits

    def listen(
        self,
        events: Any,
        function: Callable[..., Any],
        inputs: Sequence[Component] = (),
        outputs: Sequence[Component] = (),
        *,
        is_long: bool = False,
        order: str | None = None,
        event_queue: str | None = None,
        **options: Any,
    ) -> Any:
        """Call a listener (see `listeners.bind`) on one event or several.

        Of several calls of a quick one while one is under way, the last is made; Gradio then calls
        all listeners of that event again, so an event has one of them at most, and others follow on
        its `.success`. One that takes `gr.EventData` is called for each event, in their order: for
        the last, Gradio would send the data of the first again. A long one runs one at a time and
        shows its progress; what comes while it runs is dropped, unless its `trigger_mode` is
        "always_last". Listeners of one `order` are called one at a time, in the order of their
        events, so that no late answer undoes what a newer one has set. `event_queue` names the
        queue in which the component lets its event wait for the answer to the one before, see
        `ModuleHTML`. All go through Gradio's queue: its page does not show the errors of those that
        bypass it. The status of a quick one is set on one hidden component: Gradio's page searches
        the whole layout for every component that ever had a status, three times a call.
        """
        of_model = None
        if self.model in inputs and self.epoch in inputs:
            of_model = (list(inputs).index(self.model), list(inputs).index(self.epoch))
        takes_data = gr.EventData in get_type_hints(function).values()
        mode = "once" if is_long else "multiple" if takes_data else "always_last"
        is_one = not isinstance(events, list | tuple)
        connect = events if is_one else partial(gr.on, list(events))
        called = connect(
            bind(self.context, function, of_model=of_model),
            list(inputs),
            list(outputs),
            concurrency_id=order or function.__name__,
            concurrency_limit=1 if is_long or takes_data or order else None,
            show_progress="full" if is_long else "hidden",
            api_visibility="private",
            **{"trigger_mode": mode, "show_progress_on": None if is_long else self.shown} | options,
        )
        if event_queue:
            script = f"() => window.neuroceleb.sendNext({json.dumps(event_queue)})"
            called.then(None, js=script, api_visibility="private")
        return called

    def poll(
        self,
        timer: gr.Timer,
        function: Callable[..., Any],
        inputs: Sequence[Component] = (),
        outputs: Sequence[Component] = (),
        *,
        order: str,
    ) -> None:
        """Call a listener at every tick to which the answer is not missing any more.

        `order` is that of the other listeners that set the outputs, see `listen`.
        """
        self.listen(timer.tick, function, inputs, outputs, trigger_mode="once", order=order)

    def follow_trainings(self, events: Any, **options: Any) -> None:
        """Report the trainings after some events.

        In their order: an older answer, that none goes on, would stop the timer for good.
        """
        outputs = [self.training, self.timer]
        self.listen(events, self.report_trainings, [], outputs, order="trainings", **options)

    @staticmethod
    def report_trainings(context: Context) -> tuple[str, gr.Timer]:
        """The line `training`, and whether `timer` goes on."""
        text, goes_on = run_status.training_now(context)
        return text, gr.Timer(active=goes_on)

    def refresh(
        self,
        tab: gr.Tab,
        name: str,
        function: Callable[..., Any],
        inputs: Sequence[Component],
        outputs: Sequence[Component],
        inbox: "Inbox | None" = None,
        order: str | None = None,
    ) -> None:
        """Call a listener when its tab is opened, and when another model or epoch is chosen.

        It is not called while its tab is not in view, nor on a tab that is opened by a lead which
        its `inbox` has not received yet: `receive` calls it then.
        """

        def if_shown(context: Context, shown: str, *values: Any) -> Any:
            return function(context, *values) if shown == name else gr.skip()

        def if_received(context: Context, incoming: str, received: str, *values: Any) -> Any:
            return function(context, *values) if incoming == received else gr.skip()

        if inbox is None:
            self.listen(tab.select, function, inputs, outputs, order=order)
        else:
            letters = [inbox.incoming, inbox.received]
            self.listen(tab.select, if_received, [*letters, *inputs], outputs, order=order)
        for event in (self.chosen.success, self.epoch_chosen.success):
            self.listen(event, if_shown, [self.shown, *inputs], outputs, order=order)

    def receive(
        self,
        inbox: "Inbox",
        function: Callable[..., Any],
        inputs: Sequence[Component],
        outputs: Sequence[Component],
    ) -> Any:
        """Call a listener with the Lead that another tab sends, and the inputs; the event.

        It returns a tuple, a value for each of `outputs`.
        """

        def received(context: Context, incoming: str, *values: Any) -> Any:
            return incoming, *function(context, read_lead(incoming), *values)

        return self.listen(
            inbox.incoming.change, received, [inbox.incoming, *inputs], [inbox.received, *outputs]
        )

    def address(
        self,
        component: Any,
        name: str,
        usual: Any,
        *,
        is_step: bool,
        after: Sequence[Any] = (),
        steps: Sequence[Any] = (),
    ) -> None:
        """Keep a component's value in the address as `name`, unless it is the usual one.

        It is put there after a visitor's input, and after the events `after` (`listen(…).success`),
        in which a listener sets it. `is_step`: the browser's Back button takes the change back, as
        it always does after the events `steps`.
        """
        put = f"window.neuroceleb.address.put({json.dumps(name)}, value, {json.dumps(usual)}"
        events = [(event, is_step) for event in (component.input, *after)]
        for event, is_own_step in (*events, *((event, True) for event in steps)):
            script = f"(value) => {put}, {json.dumps(is_own_step)})"
            event(None, component, js=script, api_visibility="private")

    def name_model(self, event: Any) -> None:
        """Put the tab, the model and the epoch into the address, which a listener has set."""
        script = "(...shown) => window.neuroceleb.address.place(...shown)"
        shown = [self.shown, self.model, self.epoch]
        event(None, shown, js=script, api_visibility="private")


def build_header(context: Context) -> tuple[gr.Dropdown, gr.Dropdown, Any, Any]:
    """The choice of model and epoch; and the events after another one of each was chosen."""
    model = Choice(label=label("Model"), elem_id="model", filterable=False)
    epoch = NumberChoice(label=label("Epoch, from 0"), elem_id="epoch", filterable=False)
    chosen = model.input(
        bind(context, list_epochs),
        model,
        epoch,
        concurrency_limit=None,
        trigger_mode="always_last",
        api_visibility="private",
    )
    epoch_chosen = epoch.input(None, js="() => {}", api_visibility="private")
    return model, epoch, chosen, epoch_chosen


def list_models(context: Context, chosen: str | None) -> dict[str, Any]:
    """The dropdown of all runs; keeps the choice where it is still there."""
    usable = {run.name for run in faces.models(context.workspace)}
    names = model_names(context)
    choices = [(name if name in usable else _no_weights(name), name) for name in names]
    return gr.update(choices=choices, value=chosen if chosen in names else next(iter(names), None))


def model_names(context: Context) -> list[str]:
    """The names of all runs, those with kept weights first."""
    usable = [run.name for run in faces.models(context.workspace)]
    return [*usable, *(run.name for run in context.workspace.runs() if run.name not in usable)]


def _no_weights(name: str) -> str:
    return _("{run} · no weights yet").format(run=name)


def no_faces_yet(context: Context, model: str) -> str:
    """What to show in place of faces of a run that has kept no weights; "" where it has."""
    if context.workspace.run(model).kept():
        return ""
    return _(
        "'{run}' has no faces to show yet: they come with its first kept epoch. Progress shows how "
        "far it is."
    ).format(run=model)


def list_epochs(context: Context, model: str | None) -> dict[str, Any]:
    """The dropdown of a model's kept epochs, at the last."""
    if not model:
        return gr.update(choices=[], value=None)
    kept = sorted(context.workspace.run(model).kept(), reverse=True)
    return gr.update(choices=kept, value=next(iter(kept), None))
