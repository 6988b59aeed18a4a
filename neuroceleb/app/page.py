"""The whole page: heading, tabs, and what connects them."""

import html
import json
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

import gradio as gr

from neuroceleb.app import api
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import _, label
from neuroceleb.app.components.header import Header
from neuroceleb.app.components.module_html import import_of
from neuroceleb.app.components.text import Text
from neuroceleb.app.listeners import bind
from neuroceleb.app.setting_labels import in_words
from neuroceleb.app.shared import (
    EXPLORE,
    GENERATE,
    INTERPOLATE,
    LEADS,
    PHOTOS,
    PROGRESS,
    TABS,
    TRAIN,
    Address,
    Chosen,
    Lead,
    Shared,
    Updates,
    build_header,
    list_epochs,
    list_models,
    model_names,
    read_lead,
)
from neuroceleb.app.tabs import explore, generate, interpolate, photos, progress, train
from neuroceleb.errors import UserError

SESSIONS_KEPT = 100  # each 0.9 MB; every call of an API client without a session begins one
TRAINING_EVERY_S = 2.0
UPLOADS_CHECKED_S = 3_600
UPLOADS_KEPT_S = 86_400
MAX_ADDRESS_CHARS = 16_000
# Also the key that Gradio encrypts them with: without one it draws another at every start of the
# app, and then cannot read what the browser kept.
OLD_FAVOURITES = "neuroceleb-favourites"

TITLES = {
    GENERATE: label("Generate"),
    INTERPOLATE: label("Interpolate"),
    EXPLORE: label("Explore"),
    PROGRESS: label("Progress"),
    PHOTOS: label("Photos"),
    TRAIN: label("Train"),
}
MODULES: dict[str, Any] = {
    GENERATE: generate,
    INTERPOLATE: interpolate,
    EXPLORE: explore,
    PROGRESS: progress,
    PHOTOS: photos,
    TRAIN: train,
}


@dataclass(frozen=True)
class Page:
    """The page's components: those that the tabs share, and each tab's own."""

    shared: Shared
    tabs: dict[str, Any]
    no_model: gr.Column  # shown in place of what needs a model, while there is none


def build(context: Context) -> gr.Blocks:
    """The page over one workspace."""
    with gr.Blocks(
        title="Neuro-celeb",
        analytics_enabled=False,
        delete_cache=(UPLOADS_CHECKED_S, UPLOADS_KEPT_S),
        fill_width=True,
    ) as blocks:
        api.register(context)  # first: a listener of the same name would take an endpoint's
        with gr.Row(elem_id="heading"):
            Header()
            model, epoch, chosen, epoch_chosen = build_header(context)
        training, timer = Text(elem_id="training-now"), gr.Timer(TRAINING_EVERY_S, active=False)
        shown = gr.Textbox(GENERATE, visible="hidden")
        handover = gr.Textbox(visible="hidden")
        favourites = gr.JSON([], visible=False)
        with gr.Tabs(elem_id="tabs", selected=GENERATE) as tabs:
            shared = Shared(
                *(context, tabs, shown, model, epoch, favourites, handover),
                *(chosen, epoch_chosen, training, timer),
            )
            built = {name: _build_tab(shared, name) for name in TABS if name in MODULES}
        page = Page(shared, built, _build_no_model(shared))
        _follow_leads(page)
        _restore_addresses(blocks, page)
        _follow_models(page)
        _load_favourites(blocks, favourites)
        shared.follow_trainings([blocks.load, timer.tick, tabs.change], trigger_mode="once")
    queued: gr.Blocks = blocks.queue(max_size=256, api_open=False)
    queued.has_launched = True  # mounted apps are not, and then Gradio does not check paths
    queued.state_session_capacity = SESSIONS_KEPT
    return queued


def _build_no_model(shared: Shared) -> Any:
    with gr.Column(elem_id="no-model", elem_classes="nc-empty", visible=False) as column:
        Text(
            label(
                "No model has faces to show yet. Make a dataset from your photos, train on it, and "
                "its faces appear here."
            )
        )
        photos = gr.Button(label("Start from photos"), variant="primary")
    shared.listen(photos.click, to_photos, [], [shared.handover])
    return column


def _build_tab(shared: Shared, name: str) -> Any:
    with gr.Tab(TITLES[name], id=name, elem_id=f"tab-{name}") as tab:
        ui = MODULES[name].build(shared, tab)
    value = "null" if name == GENERATE else f"'{name}'"
    put = f"window.neuroceleb.address.put('tab', {value}, null, true)"
    tab.select(
        None,
        None,
        shared.shown,
        js=f"() => {{ {put}; window.neuroceleb.showTab('{name}'); return '{name}'; }}",
    )
    return ui


def _restore_addresses(blocks: gr.Blocks, page: Page) -> None:
    """Set all components as the address says: when the page is loaded, and on Back or Forward."""
    shared = page.shared
    shared.address(shared.model, "model", None, is_step=True)
    after = [shared.chosen.success]
    shared.address(shared.epoch, "epoch", None, is_step=False, after=after)
    gr.on(
        [shared.model.change, shared.epoch.change],
        None,
        [shared.model, shared.epoch],
        js="(...chosen) => window.neuroceleb.choose(...chosen)",
        api_visibility="private",
    )
    again = gr.Button(elem_id="restore", visible="hidden")
    query = gr.Textbox(visible="hidden")
    own = [value for ui in page.tabs.values() for value in vars(ui).values()]
    outputs = [shared.tabs, shared.shown, shared.model, shared.epoch, page.no_model, *own]
    # The script that `begin` is in may come after the page.
    loaded, gone_back = "location.search", "window.neuroceleb.address.begin()"
    for event, begun in ((blocks.load, loaded), (again.click, gone_back)):
        restored = event(
            bind(shared.context, restore, page),
            [query, shared.shown],
            outputs,
            js=f"(_, ...others) => [{begun}, ...others]",
            trigger_mode="always_last",
            concurrency_limit=None,
            show_progress="hidden",
            show_progress_on=shared.shown,  # as in `Shared.listen`
            api_visibility="private",
        )
        restored.then(None, js="() => window.neuroceleb.address.follow()", api_visibility="private")


def _follow_leads(page: Page) -> None:
    """Open the tabs that leads go to."""
    shared = page.shared
    incoming = [ui.incoming for ui in page.tabs.values() if hasattr(ui, "incoming")]
    outputs = [shared.tabs, shared.shown, shared.model, shared.epoch, page.no_model, *incoming]
    options: Any = {
        "concurrency_limit": None,
        "show_progress": "hidden",
        "show_progress_on": shared.shown,
        "api_visibility": "private",
    }
    for name, ui in page.tabs.items():
        for event in MODULES[name].lead_events(ui):
            followed = event(bind(shared.context, follow_event, page), None, outputs, **options)
            shared.name_model(followed.success)
    followed = shared.handover.change(
        bind(shared.context, follow_text, page), shared.handover, outputs, **options
    )
    shared.name_model(followed.success)


def _follow_models(page: Page) -> None:
    """List models and epochs again when the report of trainings changes: some have kept weights."""
    shared, known = page.shared, gr.Textbox(visible=False)
    header = [shared.model, shared.epoch, known]
    results: list[Any] = [*header, page.no_model]
    shared.listen(
        shared.training.change,
        list_again,
        header,
        results,
        order="models",
        trigger_mode="multiple",
    )


def _load_favourites(blocks: gr.Blocks, favourites: gr.JSON) -> None:
    """Read the favourites from the browser's storage, with those that version 0.1 has stored."""
    old = gr.BrowserState([], storage_key=OLD_FAVOURITES, secret=OLD_FAVOURITES)
    script = (
        f"async (old) => {{ const module = await {import_of('favourites')}; "
        "module.importFavourites(old); return [[], module.favourites()]; }"
    )
    blocks.load(None, old, [old, favourites], js=script, api_visibility="private")


def list_again(
    context: Context, model: str | None, epoch: int | None, known: str
) -> tuple[Any, ...]:
    """The models and the chosen one's epochs where others are `known`; hides that there is none.

    What is chosen stays; a model that had no epoch gets its last one.
    """
    there = list_models(context, model)["choices"]
    if model not in {name for _text, name in there}:  # None before the page is restored
        return (gr.skip(),) * 4
    kept = list_epochs(context, model)["choices"]
    now = json.dumps([model, there, kept])
    if now == known:
        return (gr.skip(),) * 4
    epochs = gr.update(choices=kept)
    if epoch is None and kept:
        epochs["value"] = kept[0]
    return gr.update(choices=there), epochs, now, gr.update(visible=False)


def to_photos(context: Context) -> str:
    """The lead to the Photos tab."""
    return Lead("photos", {}).to_text()


def follow_event(context: Context, page: Page, event: gr.EventData) -> Updates:
    """Open the tab that a component's event leads to, with the face of the event."""
    return follow_text(context, page, json.dumps({"to": event.to, "face": event.face}))


def follow_text(context: Context, page: Page, text: str) -> Updates:
    """Open the tab that a lead goes to, on the lead's model, and give it the face."""
    lead = read_lead(text)
    shared, tab = page.shared, LEADS[lead.to]
    if tab not in page.tabs:
        return {}
    updates: Updates = {shared.tabs: gr.Tabs(selected=tab), shared.shown: tab}
    model = lead.face.get("model")
    if isinstance(model, str):
        address = {"model": model, "epoch": str(lead.face.get("epoch", ""))}
        updates[shared.model] = list_models(context, model)
        updates[shared.epoch] = _epoch_of(context, model, address)
        updates[page.no_model] = gr.update(visible=False)
    if hasattr(page.tabs[tab], "incoming"):
        updates[page.tabs[tab].incoming] = lead.to_text()
    return updates


def read_address(query: str) -> Address:
    """The values of a query string, bounded."""
    try:
        return dict(
            parse_qsl(str(query or "")[:MAX_ADDRESS_CHARS].removeprefix("?"), max_num_fields=64)
        )
    except ValueError:
        return {}


def restore(context: Context, page: Page, query: str, shown: str) -> Updates:
    """Every component as the address names it; what is not there any more is reported.

    A tab draws its content when it is opened; only that of the tab that is open already is drawn
    here.
    """
    address = read_address(query)
    wanted = address.get("tab", GENERATE)
    if wanted not in page.tabs:
        gr.Warning(_("The address names a tab that is not here."))
        wanted = GENERATE
    model = _model_of(context, address)
    is_its_epoch = address.get("model") in (None, model)
    epochs = _epoch_of(context, model, address if is_its_epoch else {})
    shared = page.shared
    # A tab that is open already is not chosen again: meanwhile a visitor may have opened another.
    opened = {shared.tabs: gr.Tabs(selected=wanted), shared.shown: wanted}
    updates: Updates = {
        **(opened if wanted != shown else {}),
        shared.model: list_models(context, model),
        shared.epoch: epochs,
        page.no_model: gr.update(visible=model is None),
    }
    chosen = Chosen(model, epochs["value"])
    for name, ui in page.tabs.items():
        is_open = name == wanted == shown
        updates |= _restored(context, name, ui, address, chosen if is_open else None)
    return updates


def _restored(
    context: Context, name: str, ui: Any, address: Address, chosen: Chosen | None
) -> Updates:
    """A tab as the address names it; where that is refused, without an address, or empty."""
    module = MODULES[name]
    for values, shown in ((address, chosen), ({}, chosen)):
        try:
            updates: Updates = module.restore(context, ui, values, shown)
            return updates
        except UserError as error:
            gr.Warning(html.escape(context.without_paths(in_words(error.message)), quote=False))
    return cast(Updates, module.restore(context, ui, {}, None))


def _model_of(context: Context, address: Address) -> str | None:
    names = model_names(context)
    wanted = address.get("model")
    if wanted in names:
        return wanted
    if wanted is not None:
        gr.Warning(
            _("There is no model '{model}' here: these are the faces of another.").format(
                model=html.escape(wanted[:80])
            )
        )
    return next(iter(names), None)


def _epoch_of(context: Context, model: str | None, address: Address) -> dict[str, Any]:
    """The kept epochs of a model, at the one that the address names or the nearest to it."""
    listed = list_epochs(context, model)
    wanted, kept = address.get("epoch", ""), listed["choices"]
    if wanted.isdecimal() and kept:
        listed["value"] = min(kept, key=lambda epoch: abs(epoch - int(wanted[:9])))
        if listed["value"] != int(wanted[:9]):
            gr.Warning(
                _("Epoch {wanted} was not kept: this is epoch {nearest}, the nearest.").format(
                    wanted=wanted[:9], nearest=listed["value"]
                )
            )
    return listed
