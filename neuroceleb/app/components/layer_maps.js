/* The maps of G's layers for a face: scrubbed over the epochs, and the picture with one of them changed. */
import { answered, make, number, putFrame, roveFocus, t } from "./dom.js";

/**
 * @typedef {{ layer: number, side: number, total: number, channels: number[] }} Layer
 * @typedef {{ maps: string, pictures: string }} Sprites
 * @typedef {Sprites & { key: string, request: any, epochs: number[], at: number, piece: number, factors: number[], layers: Layer[] }} Value
 * @typedef {{ layer: number, channel: number }} Chosen
 */

/** The piece with an epoch's sprites, and its row there. @param {number} at @param {number} count @param {number} piece */
export const placeOf = (at, count, piece) => {
  const index = Math.floor(at / piece);
  return { index, row: at % piece, rows: Math.min(piece, count - index * piece) };
};

export const mount = ({ element, props, watch, server }) => {
  /** @type {Value | null} */
  let value = null;
  /** @type {Sprites[]} */
  let pieces = [];
  let at = 0;
  /** @type {Chosen | null} */
  let chosen = null;
  /** @type {{ sheet: string, levels: number[] } | null} */
  let changed = null;

  const figure = (/** @type {string} */ text) => {
    const picture = make("div", { class: "nc-layer-picture nc-pixels", role: "img", "aria-label": text });
    const caption = make("figcaption", {}, text);
    return { picture, caption, box: make("figure", {}, picture, caption) };
  };
  const slider = (/** @type {string} */ text, /** @type {() => void} */ input, /** @type {() => void} */ change) => {
    const range = make("input", { type: "range", class: "nc-range", min: 0, max: 0, value: 0, "aria-label": text, input, change });
    const [name, output] = [make("span", {}, text), make("output", {})];
    return { range, name, output, box: make("div", {}, name, output, range) };
  };
  const original = figure(t("As it is"));
  const other = figure(t("With the map changed"));
  const epoch = slider(t("Epoch"), () => { at = Number(epoch.range.value); changed = null; show(); }, () => rebuild());
  const factor = slider("", () => showChanged(), () => {});
  const note = make("p", { class: "nc-facts", role: "status" });
  const grid = make("div", { class: "nc-layer-rows", role: "group", "aria-label": t("Maps") });
  const columnsOf = () => Math.max(1, ...(value?.layers ?? []).map(({ channels }) => channels.length)); // a small layer has fewer
  roveFocus(grid, "button", columnsOf);
  const body = [
    make("div", { class: "nc-layer-top" }, original.box, other.box, make("div", { class: "nc-layer-sliders" }, epoch.box, factor.box, note)), grid,
  ];

  const nameOf = (/** @type {Chosen} */ map) => t("Layer {layer}, map {map}", { layer: map.layer, map: map.channel });
  const showChanged = () => {
    other.picture.classList.toggle("nc-none", !changed);
    factor.box.hidden = !chosen;
    if (!value || !chosen) { note.textContent = t("Click a map to silence it; then raise it with a slider."); return; }
    const step = Number(factor.range.value);
    factor.name.textContent = nameOf(chosen);
    factor.range.setAttribute("aria-label", nameOf(chosen));
    factor.output.textContent = `× ${number(value.factors[step])}`;
    factor.range.setAttribute("aria-valuetext", factor.output.textContent ?? "");
    if (!changed) return;
    putFrame(other.picture, changed.sheet, [value.factors.length, 1], [step, 0]);
    note.textContent = t("The picture's pixels change by {levels} of 255 grey levels on average.", { levels: number(changed.levels[step], { maximumFractionDigits: 1 }) });
  };
  const show = () => {
    if (!value) return;
    const place = placeOf(at, value.epochs.length, value.piece);
    const rows = value.layers.length;
    const fetched = pieces[place.index];
    const isFirst = !fetched && at === value.at;
    const sprites = isFirst ? value : fetched;
    epoch.output.textContent = number(value.epochs[at]);
    epoch.range.setAttribute("aria-valuetext", epoch.output.textContent ?? "");
    showChanged();
    if (!sprites) return; // it is on its way
    const [row, count] = isFirst ? [0, 1] : [place.row, place.rows];
    putFrame(original.picture, sprites.pictures, [1, count], [0, row]);
    for (const [index, section] of [...grid.children].entries()) {
      for (const [column, cell] of [...section.querySelectorAll("button")].entries()) {
        putFrame(cell, sprites.maps, [columnsOf(), rows * count], [column, rows * row + index]);
      }
    }
    element.dataset.epoch = String(value.epochs[at]);
  };

  const rebuild = async () => {
    if (!value || !chosen) return;
    const asked = { now: value, map: chosen, at };
    try {
      const found = await answered(server.scaled({ request: value.request, epoch: value.epochs[at], ...chosen }));
      if (asked.now !== value || asked.map !== chosen || asked.at !== at) return;
      changed = found;
      showChanged();
    } catch (error) { note.textContent = /** @type {Error} */ (error).message; }
  };
  const choose = (/** @type {Chosen} */ map, /** @type {HTMLElement} */ button) => {
    chosen = map;
    for (const one of grid.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
    factor.range.value = "0";
    rebuild();
    showChanged();
  };
  const mapButton = (/** @type {Chosen} */ map, /** @type {boolean} */ isFirst) => {
    const button = make("button", {
      type: "button", class: "nc-layer-map", title: nameOf(map), "aria-label": nameOf(map), "aria-pressed": "false", tabindex: isFirst ? "0" : "-1",
      click: () => choose(map, button),
    });
    return button;
  };
  const rowOf = (/** @type {Layer} */ layer) => make("section", { class: "nc-layer" },
    make("h3", {}, t("Layer {layer}", { layer: layer.layer }), " ",
      make("span", {}, t("{side}x{side}, the strongest of {total} maps", { side: layer.side, total: number(layer.total) }))),
    make("div", {}, ...layer.channels.map((channel, column) => mapButton({ layer: layer.layer, channel }, layer.layer === 1 && column === 0))));

  /* The epoch that is shown comes with the value; the others follow, piece by piece, the nearest first. */
  const fetchEpochs = async (/** @type {Value} */ now) => {
    const away = (/** @type {number} */ start) => Math.abs(start + now.piece / 2 - now.at);
    const starts = Array.from({ length: Math.ceil(now.epochs.length / now.piece) }, (_, index) => index * now.piece).sort((one, other) => away(one) - away(other));
    try {
      for (const start of starts) {
        const found = await answered(server.epochs({ request: now.request, start }));
        if (now !== value) return;
        pieces[start / now.piece] = found;
        show();
      }
      element.dataset.whole = String(now.epochs.length);
    } catch (error) { note.textContent = /** @type {Error} */ (error).message; }
  };
  const draw = () => {
    const now = /** @type {Value | null} */ (props.value || null);
    if (!now) { element.replaceChildren(); value = null; return; }
    if (now.key === value?.key) return;
    delete element.dataset.whole;
    [value, pieces, at, chosen, changed] = [now, [], now.at, null, null];
    grid.replaceChildren(...now.layers.map(rowOf));
    epoch.range.max = String(now.epochs.length - 1);
    epoch.range.value = String(at);
    epoch.box.hidden = now.epochs.length < 2;
    factor.range.max = String(now.factors.length - 1);
    if (element.firstElementChild !== body[0]) element.replaceChildren(...body);
    show();
    if (now.epochs.length > 1) fetchEpochs(now);
  };
  watch("value", draw);
  draw();
};
