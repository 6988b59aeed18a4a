/** The film of a training: the sample sheet of every epoch, the charts and the verdict. */

import { bytesOf } from "./bytes.js";
import { lineChart } from "./charts.js";
import { element, number, onLanguage, text } from "./dom.js";

/** @typedef {import("./main.js").Context} Context */
/** @typedef {{kind: string, epochs: [number, number], figures: Record<string, number>}} Verdict */

const EPOCHS_A_SECOND = 6;

/** @param {Context} context @param {HTMLElement} root */
export function showProgress(context, root) {
  const { film, stats } = context.data;
  const charts = stats.charts.map((chart) => lineChart(chart, stats.epochs, seek));
  const mark = (/** @type {number} */ epoch) => charts.forEach((chart) => chart.mark(epoch));
  const screen = film.length ? filmScreen(context, mark) : null;

  /** @param {number} epoch */
  function seek(epoch) {
    screen?.show(epoch);
    mark(epoch);
  }

  const side = element("div", { class: "charts" });
  if (context.data.verdict) side.append(verdictOf(context.data.verdict));
  side.append(...charts.map((chart) => chart.figure));
  root.append(element("div", { class: "progress" }, ...(screen ? [screen.figure] : []), side));
  seek(film.length ? film[film.length - 1].epoch : stats.epochs[stats.epochs.length - 1]);
}

/** The sheet of an epoch with a slider over all. @param {Context} context @param {(epoch: number) => void} moved */
function filmScreen({ data }, moved) {
  const { film, stats, best } = data;
  const canvas = element("canvas", { class: "sheet", role: "img", width: 530, height: 530 });
  const slider = element("input", { type: "range", id: "scrub", label: "scrub", min: 0, max: film.length - 1, step: 1 });
  const facts = element("p", { class: "facts" });
  /** @type {Map<number, Promise<ImageBitmap>>} */
  const sheets = new Map();
  const sheet = (/** @type {number} */ index) => {
    const blob = () => new Blob([bytesOf(film[index].sheet)], { type: "image/webp" });
    if (!sheets.has(index)) sheets.set(index, createImageBitmap(blob()));
    return /** @type {Promise<ImageBitmap>} */ (sheets.get(index));
  };
  let current = 0;

  /** @param {number} index */
  async function render(index) {
    current = index;
    slider.value = String(index);
    label();
    const image = await sheet(index);
    if (current !== index) return;
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    canvas.dataset.epoch = film[index].epoch;
  }

  function label() {
    const { epoch } = film[current];
    const seen = stats.seen[stats.epochs.indexOf(epoch)];
    const counted = seen ? ` · ${number(seen)} ${text("images_seen")}` : "";
    const isBest = epoch === best ? ` · ${text("best")}` : "";
    facts.textContent = `${text("epoch")} ${epoch}${counted}${isBest}`;
    slider.setAttribute("aria-valuetext", facts.textContent);
    canvas.setAttribute("aria-label", `${text("sheet")} ${epoch}`);
  }

  const choose = (/** @type {number} */ index) => {
    render(index);
    moved(film[index].epoch);
  };
  slider.addEventListener("input", () => choose(Number(slider.value)));
  onLanguage(label);
  const thinned = element("span");
  onLanguage(() => {
    const isThinned = film.length < data.epochs;
    thinned.textContent = isThinned ? ` ${text("film_thinned", { shown: film.length, all: data.epochs })}` : "";
  });
  const figure = element("div", { class: "film" }, canvas,
    element("div", { class: "row" }, filmPlayer(slider, choose), slider), facts,
    element("p", { class: "facts" }, element("span", { text: "film_note" }), thinned));
  /** Show the sheet nearest to an epoch. @param {number} epoch */
  const show = (epoch) => {
    const distances = film.map((frame) => Math.abs(frame.epoch - epoch));
    render(distances.indexOf(Math.min(...distances)));
  };
  return { figure, show };
}

/** A button that plays all epochs once. @param {HTMLInputElement} slider @param {(index: number) => void} choose */
function filmPlayer(slider, choose) {
  let timer = 0;
  const button = element("button", { class: "button play", id: "play-film", click: toggle });
  const label = () => (button.textContent = text(timer ? "pause" : "play"));

  function stop() {
    clearInterval(timer);
    timer = 0;
    label();
  }

  function toggle() {
    if (timer) return stop();
    const last = Number(slider.max);
    let index = Number(slider.value) === last ? -1 : Number(slider.value);
    timer = window.setInterval(() => {
      if (index >= last || Number(slider.value) === last && index === last) return stop();
      choose((index += 1));
    }, 1000 / EPOCHS_A_SECOND);
    label();
  }

  slider.addEventListener("input", stop);
  onLanguage(label);
  return button;
}

/** @param {Verdict} verdict */
function verdictOf(verdict) {
  const [sentence, evidence, advice] = [element("strong"), element("p", { class: "facts" }), element("p", { class: "facts" })];
  onLanguage(() => {
    const [first, last] = verdict.epochs;
    const where = first === last ? `${text("epoch")} ${last}` : `${text("epochs")} ${first}–${last}`;
    const figures = Object.entries(verdict.figures).map(([key, value]) => `${text(`f_${key}`)} ${number(value, 3)}`);
    const tip = text(`t_${verdict.kind}`);
    sentence.textContent = text(`v_${verdict.kind}`);
    evidence.textContent = [where, ...figures].join(" · ");
    advice.textContent = tip.startsWith("t_") ? "" : `${text("try")} ${tip}`;
  });
  return element("section", { class: "verdict" }, element("h2", { text: "verdict" }), sentence, evidence, advice);
}
