/* A face large, and sliders that move it along directions of latent space. */
import { copy } from "./contact_sheet.js";
import { make, number, putFrame, t } from "./dom.js";
import { button, leadButtons } from "./parts.js";

/**
 * @typedef {{ key: string, sheet: string, columns: number }} Frames
 * @typedef {{ name: string, explains: number }} Direction
 * @typedef {{ key: string, text: string, start: string, face: any, name: string, png: string, title: string, about: string,
 *   positions?: number[], directions?: Direction[] | null, can_name?: boolean, remark?: string | null, frames?: Frames | null, empty?: string }} Value
 */
const REACH = 3; // standard deviations to either side
const STEP = 0.25;
const FINE = (2 * REACH) / STEP + 1; // frames a direction, one for each place of a slider

/** @type {Intl.NumberFormatOptions} */
const SIGNED = { signDisplay: "exceptZero" };
/** @type {Intl.NumberFormatOptions} */
const PERCENT = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
const signed = (/** @type {number} */ value) => number(value, SIGNED);
const percent = (/** @type {number} */ share) => number(share, PERCENT);

/** The text of a face that sliders moved away from `start`. @param {string} start @param {number[]} positions */
export const textOf = (start, positions) => {
  const last = positions.findLastIndex((position) => position !== 0);
  return last < 0 ? start : `${start}*${positions.slice(0, last + 1).join(",")}`;
};

/** The frame that is nearest to a slider's position. @param {number} position @param {number} columns */
export const columnOf = (position, columns) => Math.round(((position + REACH) / (2 * REACH)) * (columns - 1));

export const mount = ({ element, props, trigger, watch, settings }) => {
  /** @type {Value | null} */
  let value = null;
  /** @type {(Frames & { positions: number[], start: string }) | null} */
  let frames = null;
  let wanted = ""; // the text of a move that is under way
  let dragged = -1;
  let undoing = false;
  /** @type {string[]} */
  let past = [];
  let model = "";
  /** @type {{ slider: HTMLInputElement, output: HTMLElement, ends: HTMLElement[] }[]} */
  let rows = [];

  const picture = make("img", { class: "nc-pixels", width: 64, height: 64 });
  const scrubbed = make("div", { class: "nc-scrubbed nc-pixels", hidden: true, "aria-hidden": "true" });
  const facts = make("p", { class: "nc-facts", role: "status" });
  const undo = button(t("Undo"), () => { const text = past.pop(); if (text !== undefined) { undoing = true; move(text); } }, { "data-act": "undo" });
  const reset = button(t("Sliders to 0"), () => value && move(value.start), { "data-act": "reset" });
  const save = make("a", { class: "nc-button nc-accent" }, t("Save PNG"));
  const link = button(t("Copy link"), () => copy(location.href, link));
  const leads = leadButtons(settings.leads, (to) => value && trigger("lead", { to, face: value.face }));
  const list = make("ol", { class: "nc-directions", "aria-label": t("Directions") });
  const note = make("p", { class: "nc-facts" });
  const remark = make("p", { class: "nc-facts nc-problem" });
  const side = make("div", { class: "nc-side" }, note, remark, list);
  const empty = make("div", { class: "nc-empty" });
  const body = make("div", { class: "nc-palette" },
    make("div", { class: "nc-face" },
      make("div", { class: "nc-easel" }, picture, scrubbed), facts,
      make("div", { class: "nc-leads" }, undo, reset, save, link),
      make("div", { class: "nc-leads" }, ...leads)),
    side);

  const positions = () => rows.map(({ slider }) => Number(slider.value));
  const move = (/** @type {string} */ text) => {
    wanted = text;
    trigger("move", { text });
  };

  /* Painting: only frames that were drawn where all other sliders are now are right. */
  const isRight = (/** @type {number} */ index) => frames !== null && frames.start === value?.start
    && positions().every((position, at) => at === index || position === frames?.positions[at]);
  const paint = (/** @type {HTMLElement} */ target, /** @type {number} */ index, /** @type {number} */ position) => {
    if (frames) putFrame(target, frames.sheet, [frames.columns, rows.length], [columnOf(position, frames.columns), index]);
  };
  const showPosition = (/** @type {number} */ index) => { rows[index].output.textContent = signed(Number(rows[index].slider.value)); };
  const drag = (/** @type {number} */ index) => {
    dragged = index;
    showPosition(index);
    if (!isRight(index)) return;
    paint(scrubbed, index, Number(rows[index].slider.value));
    scrubbed.hidden = false;
  };
  const settle = (/** @type {number} */ index) => {
    dragged = -1;
    showPosition(index);
    if (value) move(textOf(value.start, positions()));
  };
  const jump = (/** @type {number} */ index, /** @type {number} */ position) => {
    rows[index].slider.value = String(position);
    drag(index);
    settle(index);
  };
  const paintEnds = () => rows.forEach(({ ends }, index) => {
    paint(ends[0], index, -REACH);
    paint(ends[1], index, REACH);
  });

  const row = (/** @type {Direction} */ direction, /** @type {number} */ index) => {
    const plain = t("Direction {number}", { number: index + 1 });
    const label = direction.name || plain;
    const slider = make("input", { type: "range", class: "nc-range", min: -REACH, max: REACH, step: STEP, value: 0, "aria-label": label, input: () => drag(index), change: () => settle(index) });
    const output = make("output", { class: "nc-value" }, "0");
    const end = (/** @type {number} */ position) => make("button", {
      type: "button", class: "nc-end nc-pixels", "aria-label": `${label}: ${signed(position)}`, title: signed(position), click: () => jump(index, position),
    });
    const ends = [end(-REACH), end(REACH)];
    const name = value?.can_name
      ? make("input", { type: "text", class: "nc-name", value: direction.name, maxlength: 40, placeholder: plain, "aria-label": t("Name of direction {number}", { number: index + 1 }), change: () => trigger("rename", { index, name: name.value }) })
      : make("span", { class: "nc-name" }, label);
    rows[index] = { slider, output, ends };
    return make("li", {}, ends[0],
      make("div", { class: "nc-direction" }, name, make("span", { class: "nc-share", title: t("The share of the first layer's variance along this direction") }, percent(direction.explains)), slider, output),
      ends[1]);
  };
  const drawRows = (/** @type {Value} */ now) => {
    const known = JSON.stringify([now.directions, now.can_name]);
    if (list.dataset.known !== known) {
      rows = [];
      list.replaceChildren(...(now.directions ?? []).map(row));
      list.dataset.known = known;
    }
    const total = (now.directions ?? []).reduce((sum, { explains }) => sum + explains, 0);
    note.textContent = now.directions
      ? t("The {count} ways in which this model's faces vary most, found in its first layer: together {share} of the variation there. The small faces are 3 standard deviations away.", { count: rows.length, share: percent(total) })
      : t("Looking for the directions …");
    remark.textContent = now.remark ?? "";
    rows.forEach(({ slider }, index) => {
      if (index !== dragged) slider.value = String(now.positions?.[index] ?? 0);
      showPosition(index);
    });
  };

  const setFrames = (/** @type {Frames | null | undefined} */ given) => {
    if (!given || given.key !== value?.key || !rows.length) return;
    frames = { ...given, positions: rows.map((_, index) => value?.positions?.[index] ?? 0), start: value.start };
    paintEnds();
    if (dragged >= 0) drag(dragged);
  };
  const remember = (/** @type {Value} */ now) => {
    const place = `${now.face.model} ${now.face.epoch}`;
    if (place !== model) past = [];
    else if (value && value.text !== now.text && !undoing) past.push(value.text);
    undoing = false;
    model = place;
  };
  const draw = () => {
    const now = /** @type {Value | null} */ (props.value || null);
    element.classList.toggle("nc-faceless", Boolean(now?.empty));
    if (!now || now.empty) {
      empty.replaceChildren(make("p", {}, now?.empty ?? t("Loading the face …")));
      element.replaceChildren(empty);
      return;
    }
    if (wanted && now.text !== wanted && now.start === value?.start) return; // an earlier move
    wanted = "";
    remember(now);
    if (now.start !== value?.start) dragged = -1;
    value = now;
    picture.src = now.png;
    picture.alt = now.title;
    facts.replaceChildren(make("strong", {}, now.title), now.about);
    save.href = now.png;
    save.download = now.name;
    undo.disabled = !past.length;
    for (const lead of leads) lead.hidden = lead.dataset.lead === "generate" && now.face.seed == null;
    reset.hidden = !now.positions;
    reset.disabled = now.text === now.start;
    side.hidden = !now.positions;
    if (element.firstElementChild !== body) element.replaceChildren(body);
    if (now.positions) {
      drawRows(now);
      setFrames(now.frames);
      if ((now.frames?.columns ?? 0) < FINE) trigger("refine", {});
    }
    if (dragged < 0) scrubbed.hidden = true;
  };

  watch("value", draw);
  watch("frames", () => setFrames(props.frames));
  draw();
};
