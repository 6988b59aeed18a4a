/** Line charts over the epochs, as SVG. */

import { element, number, onLanguage, text } from "./dom.js";

/**
 * @typedef {{key: string, name: string, colour: string, dash: string, values: (number | null)[]}} Line
 * @typedef {{id: string, low: number | null, high: number | null, lines: Line[]}} Chart
 */

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [600, 190, 44, 20, 8];

/** @param {string} name @param {Record<string, string | number>} attributes @param {string} [content] */
function svg(name, attributes, content = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = content;
  return made;
}

/** The title of a chart. @param {Chart} chart */
function titleOf(chart) {
  const [{ key }] = chart.lines;
  return text(key.startsWith("quality.") ? key.replace("quality.", "q_") : chart.id);
}

/** The range of the y axis. @param {Chart} chart @returns {[number, number]} */
function rangeOf(chart) {
  const values = chart.lines.flatMap((line) => line.values).filter((value) => value !== null);
  const [low, high] = [chart.low ?? Math.min(...values), chart.high ?? Math.max(...values)];
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

/**
 * A chart; `mark` moves its marker to an epoch.
 * @param {Chart} chart @param {number[]} epochs @param {(epoch: number) => void} choose
 * @returns {{figure: HTMLElement, mark: (epoch: number) => void}}
 */
export function lineChart(chart, epochs, choose) {
  const [first, last] = [epochs[0], epochs[epochs.length - 1]];
  const [low, high] = rangeOf(chart);
  const x = (/** @type {number} */ epoch) =>
    LEFT + ((WIDTH - LEFT - 8) * (epoch - first)) / Math.max(1, last - first);
  const y = (/** @type {number} */ value) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - value)) / (high - low);
  const plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "plot", role: "img" });
  for (const value of [low, (low + high) / 2, high]) {
    plot.append(svg("line", { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value), class: "rule" }));
    plot.append(svg("text", { x: LEFT - 6, y: y(value) + 4, class: "tick end" }, number(value, 2)));
  }
  for (const epoch of new Set([first, last])) {
    plot.append(svg("text", { x: x(epoch), y: HEIGHT - 4, class: "tick middle" }, String(epoch)));
  }
  for (const line of chart.lines) plot.append(...pathsOf(line, epochs, x, y));
  const marker = svg("line", { y1: TOP, y2: HEIGHT - BOTTOM, class: "marker" });
  plot.append(marker);
  plot.addEventListener("click", (event) => {
    const box = plot.getBoundingClientRect();
    const at = (((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - 8);
    choose(Math.round(first + Math.min(1, Math.max(0, at)) * (last - first)));
  });
  const legend = element("p", { class: "legend" });
  let current = last;
  const mark = (/** @type {number} */ epoch) => {
    current = epoch;
    marker.setAttribute("x1", String(x(epoch)));
    marker.setAttribute("x2", String(x(epoch)));
    legend.replaceChildren(...chart.lines.map((line) => legendOf(chart, line, epochs.indexOf(epoch))));
  };
  const title = element("figcaption");
  onLanguage(() => {
    title.textContent = titleOf(chart);
    plot.setAttribute("aria-label", titleOf(chart));
    mark(current);
  });
  return { figure: element("figure", { class: "chart" }, title, plot, legend), mark };
}

/** @param {Chart} chart @param {Line} line @param {number} index */
function legendOf(chart, line, index) {
  const value = line.values[index];
  const name = line.key.startsWith("quality.") ? titleOf(chart) : text(line.key);
  const sample = element("span", { class: `sample ${line.dash}` });
  sample.style.color = line.colour;
  const shown = value === null || value === undefined ? "–" : number(value, 3);
  return element("span", {}, sample, `${name} ${shown}`);
}

/** A line in parts, where values are missing. @param {Line} line @param {number[]} epochs @param {(e: number) => number} x @param {(v: number) => number} y */
function pathsOf(line, epochs, x, y) {
  const points = epochs.map((epoch, i) => ({ epoch, value: line.values[i] })).filter((p) => p.value !== null);
  const place = points.map((p) => `${x(p.epoch).toFixed(1)},${y(Number(p.value)).toFixed(1)}`);
  const style = { stroke: line.colour, fill: "none", "stroke-width": 2, "stroke-linejoin": "round" };
  /** @type {Record<string, string>} */
  const dash = line.dash === "dot" ? { "stroke-dasharray": "2 5", "stroke-linecap": "round" } : {};
  const dots = points.length > 12 ? [] : points.map((p) =>
    svg("circle", { cx: x(p.epoch), cy: y(Number(p.value)), r: 2.5, fill: line.colour }));
  return [svg("polyline", { points: place.join(" "), ...style, ...dash }), ...dots];
}
