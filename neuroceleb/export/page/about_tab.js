/** The model card: what the model is, its terms, and what was measured. */

import { element, number, onLanguage, text } from "./dom.js";

/** @typedef {import("./main.js").Context} Context */
/** @typedef {{name: string, epoch: number | null, network: string, recipe: string, data: string, images: number | null, shown: number | null, start: string, terms: string, measured: {n: number, epoch: number}, figures: Figure[]}} Card */
/** @typedef {{key: string, value: number, interval: [number, number] | null, real: number | null, share: boolean}} Figure */

/** @param {Context} context @param {HTMLElement} root */
export function showAbout({ data }, root) {
  const { card } = data;
  const facts = element("dl", { class: "card" });
  onLanguage(() => {
    /** @type {[string, string[]][]} */
    const rows = [
      ["c_model", [card.name, card.epoch === null ? "" : `${text("epoch")} ${card.epoch}`]],
      ["c_terms", [card.terms || text("no_terms")]],
      ["c_network", [card.network]],
      ["c_recipe", [card.recipe]],
      ["c_data", [card.data, card.images ? text("faces_unit", { n: number(card.images) }) : ""]],
      ["c_shown", [card.shown ? number(card.shown) : ""]],
      ["c_start", [card.start === "none" ? text("noise") : card.start]],
      ["c_file", [data.sha256]],
      ["c_made", [`Neuro-celeb ${data.version}`]],
    ];
    const shown = rows.map(([key, parts]) => [key, parts.filter(Boolean).join(", ")]);
    facts.replaceChildren(...shown.filter(([, value]) => value).flatMap(([key, value]) => [
      element("dt", { class: key }, text(key)), element("dd", { class: key }, value)]));
  });
  root.append(
    element("div", { class: "about" },
      element("section", {}, element("h2", { text: "model_card" }), facts),
      element("section", {},
        ...(card.figures.length ? [measured(card)] : []),
        element("h2", { text: "not_for" }), element("p", { text: "not_for_text" }),
        element("p", { class: "facts", text: "offline" }),
        element("p", { class: "facts", text: "script" }),
        element("pre", {}, "await window.neuroceleb.generate(42)"))));
}

/** @param {Card} card */
function measured(card) {
  const table = element("table");
  const how = element("p", { class: "facts" });
  onLanguage(() => {
    how.textContent = text("measured_how", { n: number(card.measured.n), epoch: card.measured.epoch });
    const head = ["m_figure", "m_value", "m_real"].map((key) => element("th", { scope: "col" }, text(key)));
    table.replaceChildren(element("tr", {}, ...head), ...card.figures.map(rowOf));
  });
  return element("div", {}, element("h2", { text: "measured" }), how, table);
}

/** @param {Figure} figure */
function rowOf({ key, value, interval, real, share }) {
  const shown = (/** @type {number} */ one) => (share ? `${number(100 * one, 1)} %` : number(one, 2));
  const range = interval ? ` (${shown(interval[0])} – ${shown(interval[1])})` : "";
  return element("tr", {}, element("th", { scope: "row" }, text(`m_${key}`)),
    element("td", {}, shown(value) + range), element("td", {}, real === null ? "–" : shown(real)));
}
