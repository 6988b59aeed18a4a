/* The figures of one run, or of two overlaid, over the epochs; the reader's zoom is kept when rows are appended. */
import { make, t } from "./dom.js";

/**
 * @typedef {{ name: string, epochs: number[], images: (number | null)[], resumed: number[], best: number | null }} Run
 * @typedef {{ key: string, name: string, colour: string, dash: string, values: (number | null)[][] }} Line
 * @typedef {{ id: string, title: string, how: string, y_title: string, low: number | null, high: number | null, lines: Line[] }} Spec
 * @typedef {{ runs: Run[], charts: Spec[], card: { title: string, rows: { name: string, value: string, how: string }[] } | null, x_title?: string } | null} Value
 */

const PNG_SIZE = { width: 1000, height: 520, scale: 2 };
const LABEL_WIDTH = 0.17; // of a chart's width

/** @type {Promise<any> | null} */
let library = null;
const plotly = () => {
  library ??= new Promise((resolve, reject) => {
    document.head.append(make("script", {
      src: new URL("plotly.js", document.baseURI), load: () => resolve(/** @type {any} */ (window).Plotly),
      error: () => { library = null; reject(new Error()); },
    }));
  });
  return library;
};

/** An exponential moving average of weight `share` for what was; unbiased at the beginning. @param {(number | null)[]} values @param {number} share */
export const smoothed = (values, share) => {
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    sum = share * sum + (1 - share) * value;
    weight = share * weight + (1 - share);
    return sum / weight;
  });
};

/** Those of ascending places that lie at least `reach` after the last one taken. @param {number[]} places @param {number} reach */
export const spaced = (places, reach) => {
  /** @type {number[]} */
  const taken = [];
  for (const place of places) if (place - (taken.at(-1) ?? -Infinity) >= reach) taken.push(place);
  return taken;
};

const download = (/** @type {string} */ href, /** @type {string} */ name) => make("a", { href, download: name }).click();

export const mount = ({ element, props, watch }) => {
  /** @type {Value} */
  let value = null;
  let epochShown = 0;
  /** @type {Promise<void>} */
  let drawing = Promise.resolve();
  /** @type {Map<string, any>} */
  const charts = new Map();
  const axis = make("select", { "aria-label": t("x axis"), change: () => draw() },
    make("option", { value: "epochs" }, t("Epoch")), make("option", { value: "images" }, t("Images seen")));
  const smooth = make("input", { type: "range", class: "nc-range", min: 0, max: 0.95, step: 0.05, value: 0, input: () => draw() });
  const log = make("input", { type: "checkbox", change: () => draw() });
  const tools = make("div", { class: "nc-chart-tools", hidden: true }, axis,
    make("label", { class: "nc-switch" }, t("Smoothing"), smooth), make("label", { class: "nc-switch" }, log, t("Log scale")));
  const none = make("p", { class: "nc-note", hidden: true });
  const list = make("div", { class: "nc-chart-list" });
  const card = make("section", { class: "nc-card", hidden: true });
  element.replaceChildren(tools, none, list, card);

  const xs = (/** @type {Run} */ run) => (axis.value === "images" ? run.images.map((seen, at) => seen ?? run.epochs[at]) : run.epochs);
  const xOf = (/** @type {Run} */ run, /** @type {number} */ epoch) => {
    const after = run.epochs.findIndex((known) => known >= epoch);
    return after < 0 ? xs(run).at(-1) : xs(run)[after];
  };
  const colour = (/** @type {string} */ name) => getComputedStyle(element).getPropertyValue(name).trim();

  const traces = (/** @type {Spec} */ spec) => (value?.runs ?? []).flatMap((run, which) => spec.lines.flatMap((line) => {
    const values = line.values[which] ?? [];
    const measured = values.filter((one) => one !== null).length;
    const isSparse = measured <= 2 || measured < values.length;
    const name = value && value.runs.length > 1 ? `${line.name} · ${run.name}` : line.name;
    const common = { x: xs(run), name, hovertemplate: "%{y:.4~g}", connectgaps: true, mode: isSparse ? "lines+markers" : "lines" };
    const stroke = { color: line.colour, width: which ? 1.4 : 2, dash: which ? "dash" : line.dash };
    const share = Number(smooth.value);
    if (!share) return [{ ...common, y: values, line: stroke, opacity: which ? 0.75 : 1 }];
    return [{ ...common, y: values, line: { ...stroke, width: 1 }, opacity: 0.3, showlegend: false, hoverinfo: "skip", hovertemplate: null },
      { ...common, y: smoothed(values, share), line: stroke }];
  }));

  const layoutOf = (/** @type {Spec} */ spec) => {
    const [run] = /** @type {any} */ (value).runs;
    const ink = colour("--nc-quiet");
    const accent = colour("--nc-accent");
    const lines = [...run.resumed.map((/** @type {number} */ epoch) => [xOf(run, epoch), ink, "dot"]), ...(run.best === null ? [] : [[xOf(run, run.best), accent, "solid"]])];
    const [first = 0, last = 0] = [xs(run)[0], xs(run).at(-1)];
    const reach = LABEL_WIDTH * (last - first);
    const resumed = spaced(run.resumed.map((/** @type {number} */ epoch) => xOf(run, epoch)), reach);
    const labels = [...resumed.map((x) => [x, t("resumed"), ink, 0]), ...(run.best === null ? [] : [[xOf(run, run.best), `★ ${t("best")}`, accent, -14]])];
    const span = spec.low !== null && spec.high !== null ? { range: [spec.low, spec.high] } : { rangemode: spec.low === 0 ? "tozero" : "normal" };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "x unified",
      font: { color: ink, size: 12, family: "IBM Plex Sans, system-ui, sans-serif" },
      margin: { l: 52, r: 14, t: 30, b: 40 }, showlegend: spec.lines.length > 1 || (value?.runs.length ?? 0) > 1,
      hoverlabel: { bgcolor: colour("--nc-paper") }, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      uirevision: `${value?.runs.map(({ name }) => name)} ${axis.value} ${log.checked}`,
      xaxis: {
        zeroline: false, showgrid: false, title: { text: axis.value === "images" ? t("Images seen") : value?.x_title ?? t("Epoch"), standoff: 6 },
        ...(axis.value === "epochs" && Math.max(...(value?.runs ?? []).map(({ epochs }) => epochs.length)) <= 10 ? { dtick: 1 } : {}),
      },
      yaxis: { gridcolor: "rgba(128, 128, 120, 0.18)", zeroline: false, title: { text: spec.y_title, standoff: 6 }, ...(log.checked ? { type: "log" } : span) },
      shapes: lines.map(([x, color, dash]) => ({ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, layer: "below", line: { color, width: 1.2, dash } })),
      annotations: labels.map(([x, text, color, yshift]) => ({ x, y: 1, yref: "paper", yshift, yanchor: "top", xanchor: "left", showarrow: false, text, font: { size: 11, color } })),
    };
  };

  const chartOf = (/** @type {Spec} */ spec) => {
    const known = charts.get(spec.id);
    if (known) return Object.assign(known, { spec });
    const plot = make("div", { class: "nc-plot" });
    const marker = make("div", { class: "nc-chart-marker", hidden: true });
    const saving = (/** @type {string} */ kind, /** @type {(chart: any) => any} */ click) =>
      make("button", { type: "button", class: "nc-button", "data-save": kind, "aria-label": `${t("Save")}: ${spec.title}, ${kind}`, click: () => click(chart) }, kind.toUpperCase());
    const [title, how] = [make("span", {}), make("p", { class: "nc-facts" })];
    const box = make("figure", { class: "nc-chart", "data-chart": spec.id },
      make("figcaption", {}, title, saving("png", savePng), saving("csv", saveCsv)), make("div", { class: "nc-chart-plot" }, plot, marker), how);
    const chart = { spec, box, plot, marker, title, how };
    charts.set(spec.id, chart);
    return chart;
  };
  const fileName = (/** @type {Spec} */ spec, /** @type {string} */ kind) => `${value?.runs.map(({ name }) => name).join("_")}_${spec.id}.${kind}`;
  const savePng = async (/** @type {any} */ { spec }) => {
    const paper = colour("--nc-paper");
    const layout = { ...layoutOf(spec), title: { text: spec.title, font: { size: 15 } }, paper_bgcolor: paper, plot_bgcolor: paper, margin: { l: 60, r: 20, t: 84, b: 50 } };
    download(await (await plotly()).toImage({ data: traces(spec), layout }, { format: "png", ...PNG_SIZE }), fileName(spec, "png"));
  };
  const saveCsv = (/** @type {any} */ { spec }) => {
    const rows = (value?.runs ?? []).flatMap((run, which) => run.epochs.map((epoch, at) =>
      [JSON.stringify(run.name), epoch, run.images[at] ?? "", ...spec.lines.map((/** @type {Line} */ line) => line.values[which][at] ?? "")].join(",")));
    const head = ["run", "epoch", "images_seen", ...spec.lines.map((/** @type {Line} */ { key }) => key)].join(",");
    const url = URL.createObjectURL(new Blob([`${[head, ...rows].join("\n")}\n`], { type: "text/csv" }));
    download(url, fileName(spec, "csv"));
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  };

  /* A line in each chart at the epoch shown: moved without drawing the chart again. */
  const mark = () => {
    const run = value?.runs[0];
    for (const { plot, marker } of charts.values()) {
      const layout = plot._fullLayout;
      marker.hidden = true;
      if (value?.x_title || !run?.epochs.length || !layout?.xaxis?.l2p) continue;
      const { _offset: left, _length: width } = layout.xaxis;
      const place = layout.xaxis.l2p(xOf(run, epochShown));
      marker.hidden = place < -1 || place > width + 1;
      Object.assign(marker.style, { transform: `translateX(${left + place}px)`, top: `${layout.yaxis._offset}px`, height: `${layout.yaxis._length}px` });
    }
  };
  const redraw = async () => {
    const specs = value?.charts ?? [];
    tools.hidden = !specs.length;
    axis.hidden = Boolean(value?.x_title);
    none.hidden = specs.length > 0 || !value;
    none.textContent = t("No figures yet: the first ones come when its first epoch is done.");
    axis.options[1].disabled = !value?.runs[0]?.images.some((seen) => seen !== null);
    if (axis.options[1].disabled) axis.value = "epochs";
    const shown = specs.map(chartOf);
    if (shown.some(({ box }, at) => list.children[at] !== box) || list.children.length !== shown.length) list.replaceChildren(...shown.map(({ box }) => box));
    card.hidden = !value?.card;
    card.replaceChildren(make("h2", {}, value?.card?.title ?? ""), make("dl", {}, ...(value?.card?.rows ?? []).flatMap((row) =>
      [make("dt", {}, row.name), make("dd", {}, make("strong", {}, row.value), ` ${row.how}`)])));
    const Plotly = specs.length ? await plotly() : null;
    for (const { spec, plot, title, how } of shown) {
      title.textContent = spec.title;
      how.textContent = spec.how;
      const isFirst = !plot.data;
      await Plotly.react(plot, traces(spec), layoutOf(spec), { responsive: true, displayModeBar: false });
      if (!isFirst) continue;
      plot.on("plotly_afterplot", mark);
      plot.on("plotly_click", (/** @type {any} */ event) => {
        if (value?.x_title) return;
        const { curveNumber, pointIndex } = event.points[0];
        const which = Math.floor((curveNumber * (value?.runs.length ?? 1)) / plot.data.length);
        document.dispatchEvent(new CustomEvent("neuroceleb:show-epoch", { detail: { epoch: value?.runs[which].epochs[pointIndex] } }));
      });
    }
    mark();
  };
  const draw = () => {
    drawing = drawing.then(redraw).catch(() => {
      none.hidden = false;
      none.textContent = t("The charts could not be loaded: reload the page.");
    });
  };
  document.addEventListener("neuroceleb:epoch", (/** @type {any} */ event) => { epochShown = event.detail.epoch; mark(); });
  const update = () => {
    value = props.value?.runs ? /** @type {Value} */ (props.value) : null;
    if (element.clientWidth) draw();
  };
  let width = element.clientWidth;
  new ResizeObserver(() => { // drawn once the tab is in view
    if (!width && element.clientWidth && value) draw();
    width = element.clientWidth;
  }).observe(element);
  watch("value", update);
  update();
};
