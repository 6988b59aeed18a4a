/* The charts of a run: drawn from what the server lists. ------------------------------ */
const CHART_TITLES = { losses: words.losses, scores: words.scores, variety: words.p_variety, speed: words.p_speed };
const GRID = "rgba(128, 128, 120, 0.18)";
const PNG_SIZE = { width: 1000, height: 520, scale: 2 };

let library = null;
const plotly = () => {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= new Promise((resolve, reject) => {
    document.head.append(make("script", {
      src: "plotly.js", load: () => resolve(window.Plotly),
      error: () => { library = null; reject(new Error(words.no_charts)); },
    }));
  });
  return library;
};

/* An average that forgets: of weight `smooth` for what was; unbiased at the beginning. */
const smoothed = (values, smooth) => {
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    sum = smooth * sum + (1 - smooth) * value;
    weight = smooth * weight + (1 - smooth);
    return sum / weight;
  });
};

const download = (blob, name) => {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};

const makeCharts = ({ pick }) => {
  const axis = make("select", { id: "chart-axis", change: () => draw() },
    make("option", { value: "epochs" }, words.epoch), make("option", { value: "images" }, words.seen));
  const smooth = make("input", {
    type: "range", id: "chart-smooth", min: 0, max: 0.95, step: 0.05, value: 0, input: () => draw(),
  });
  const log = make("input", { type: "checkbox", id: "chart-log", change: () => draw() });
  const tools = make("div", { class: "nc-tools" },
    make("label", { class: "nc-tool" }, make("span", {}, words.p_axis), axis),
    make("label", { class: "nc-tool" }, make("span", {}, words.p_smooth), smooth),
    make("label", { class: "nc-switch" }, log, words.p_log));
  const none = make("p", { class: "nc-note" }, words.no_stats);
  const list = make("div", { class: "nc-chart-list" });
  const all = make("div", { class: "nc-charts" }, tools, none, list);

  let run = null;
  let drawnFigures = "";
  let cursorEpoch = 0;
  let isDrawing = false;
  let again = false;
  const charts = new Map();

  const x = () => {
    const { epochs, images } = run.figures;
    return axis.value === "images" ? images.map((seen, at) => seen ?? epochs[at]) : epochs;
  };
  const xOf = (epoch) => {
    const { epochs } = run.figures;
    const xs = x();
    const after = epochs.findIndex((known) => known >= epoch);
    if (after < 0) return xs.at(-1);
    if (after === 0 || epochs[after] === epoch) return xs[after];
    const share = (epoch - epochs[after - 1]) / (epochs[after] - epochs[after - 1]);
    return xs[after - 1] + share * (xs[after] - xs[after - 1]);
  };

  const titleOf = (spec) => CHART_TITLES[spec.id] ?? words[`q_${spec.y_title.replaceAll(" ", "_")}`] ?? spec.y_title;
  const helpOf = (spec) => words[`how_${spec.id}`] ?? words[`how_q_${spec.y_title.replaceAll(" ", "_")}`] ?? words.how_quality;

  const chartOf = (spec) => {
    if (charts.has(spec.id) && charts.get(spec.id).title === titleOf(spec)) return charts.get(spec.id);
    const id = { losses: "loss-chart", scores: "score-chart" }[spec.id] ?? `chart-${spec.id}`;
    const plot = make("div", { class: "nc-plot", id });
    const marker = make("i", { class: "nc-marker", "aria-hidden": "true" });
    const title = titleOf(spec);
    const saving = (kind, act) => make("button", {
      type: "button", class: "nc-save-as", "data-save": kind, "aria-label": `${title}: ${kind.toUpperCase()}`,
      click: () => act().catch((error) => notify(error.message)),
    }, kind.toUpperCase());
    const chart = { plot, marker, title, spec };
    chart.box = make("figure", { class: "nc-chart" },
      make("figcaption", {}, make("span", {}, title), saving("png", () => savePng(chart)), saving("csv", () => saveCsv(chart))),
      make("div", { class: "nc-plot-box" }, plot, marker),
      make("p", { class: "nc-how" }, helpOf(spec)));
    charts.get(spec.id)?.box.remove();
    charts.set(spec.id, chart);
    return chart;
  };

  const traces = (spec) => {
    const xs = x();
    const share = Number(smooth.value);
    return spec.lines.filter((line) => line.values.some((value) => value !== null)).flatMap((line) => {
      const common = {
        x: xs, name: line.name, hovertemplate: "%{y:.4~g}", connectgaps: spec.id.startsWith("quality"),
        mode: line.values.filter((value) => value !== null).length > 2 && !spec.id.startsWith("quality") ? "lines" : "lines+markers",
      };
      const stroke = { color: line.colour, width: 2, dash: line.dash };
      if (!share) return [{ ...common, y: line.values, line: stroke }];
      return [
        { ...common, y: line.values, line: { ...stroke, width: 1 }, opacity: 0.3, showlegend: false, hoverinfo: "skip", hovertemplate: null },
        { ...common, y: smoothed(line.values, share), line: stroke },
      ];
    });
  };
  const upright = (at, color, dash) => ({
    type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color, width: 1.2, dash }, layer: "below",
  });
  const flag = (at, text, color) => ({
    x: at, y: 1, yref: "paper", yanchor: "top", xanchor: "left", showarrow: false, text, font: { size: 11, color },
  });
  const layoutOf = (spec) => {
    const ink = getComputedStyle(root).getPropertyValue("--nc-quiet").trim() || "#80807a";
    const accent = getComputedStyle(root).getPropertyValue("--nc-accent").trim() || "#e04f2f";
    const { resumed } = run.figures;
    const best = run.best ? [xOf(run.best.epoch)] : [];
    const span = spec.low !== null && spec.high !== null ? { range: [spec.low, spec.high] } : { rangemode: spec.low === 0 ? "tozero" : "normal" };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 12, family: "IBM Plex Sans, system-ui, sans-serif" },
      margin: { l: 52, r: 14, t: 30, b: 40 }, hovermode: "x unified", showlegend: spec.lines.length > 1,
      hoverlabel: { bgcolor: getComputedStyle(root).getPropertyValue("--nc-paper").trim() },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      uirevision: `${run.name} ${axis.value} ${log.checked}`,
      xaxis: {
        gridcolor: GRID, zeroline: false, showgrid: false,
        title: { text: axis.value === "images" ? words.seen : words.epoch, standoff: 6 },
        ...(axis.value === "epochs" && run.figures.epochs.length <= 10 ? { dtick: 1 } : {}),
      },
      yaxis: {
        gridcolor: GRID, zeroline: false, title: { text: spec.y_title, standoff: 6 },
        ...(log.checked ? { type: "log" } : span),
      },
      shapes: [...resumed.map((epoch) => upright(xOf(epoch), ink, "dot")), ...best.map((at) => upright(at, accent, "solid"))],
      annotations: [...resumed.map((epoch) => flag(xOf(epoch), words.p_resumed, ink)), ...best.map((at) => flag(at, `★ ${words.p_best}`, accent))],
    };
  };

  /* One drawing at a time; a request meanwhile draws once more at the end. */
  const draw = async () => {
    if (!run) return;
    if (isDrawing) { again = true; return; }
    isDrawing = true;
    const specs = run.figures.charts;
    none.hidden = specs.length > 0;
    tools.hidden = !specs.length;
    axis.options[1].disabled = !run.figures.images.some((seen) => seen !== null);
    if (axis.options[1].disabled) axis.value = "epochs";
    const boxes = specs.map((spec) => chartOf(spec).box);
    if (boxes.some((box, at) => list.children[at] !== box) || list.children.length !== boxes.length) list.replaceChildren(...boxes);
    try {
      const Plotly = specs.length ? await plotly() : null;
      for (const spec of specs) {
        const chart = chartOf(spec);
        chart.spec = spec;
        const isFirst = !chart.plot.data;
        await Plotly.react(chart.plot, traces(spec), layoutOf(spec), { responsive: true, displayModeBar: false });
        if (isFirst) {
          chart.plot.on("plotly_afterplot", () => cursor(cursorEpoch));
          chart.plot.on("plotly_click", (event) => pick(run.figures.epochs[event.points[0].pointIndex]));
        }
        await new Promise((go) => setTimeout(go));
      }
    } catch (error) {
      none.textContent = error.message || words.no_charts;
      none.hidden = false;
    }
    isDrawing = false;
    cursor(cursorEpoch);
    if (again) { again = false; draw(); }
  };

  /* A line in each chart at the epoch shown: moved without drawing the chart again. */
  const cursor = (epoch) => {
    cursorEpoch = epoch;
    if (!run?.figures.epochs.length) return;
    const at = xOf(epoch);
    for (const { plot, marker, box } of charts.values()) {
      const layout = box.isConnected ? plot._fullLayout : null;
      marker.hidden = !layout?.xaxis?.l2p;
      if (marker.hidden) continue;
      const { _offset: left, _length: width } = layout.xaxis;
      const place = layout.xaxis.l2p(at);
      marker.hidden = place < -1 || place > width + 1;
      marker.style.transform = `translateX(${left + place}px)`;
      marker.style.top = `${layout.yaxis._offset}px`;
      marker.style.height = `${layout.yaxis._length}px`;
    }
  };

  const fileName = (chart, suffix) => `${run.name}_${chart.spec.id}${suffix}`;
  const savePng = async (chart) => {
    const Plotly = await plotly();
    const paper = getComputedStyle(root).getPropertyValue("--nc-paper").trim();
    const layout = { ...layoutOf(chart.spec), title: { text: `${run.name}: ${chart.title}`, font: { size: 15 } }, paper_bgcolor: paper, plot_bgcolor: paper, margin: { l: 60, r: 20, t: 84, b: 50 } };
    const url = await Plotly.toImage({ data: traces(chart.spec), layout }, { format: "png", ...PNG_SIZE });
    download(await (await fetch(url)).blob(), fileName(chart, ".png"));
  };
  const saveCsv = async (chart) => {
    const { epochs, images } = run.figures;
    const { lines } = chart.spec;
    const rows = epochs.map((epoch, at) => [epoch, images[at] ?? "", ...lines.map((line) => line.values[at] ?? "")].join(","));
    const head = ["epoch", "images_seen", ...lines.map((line) => line.key)].join(",");
    download(new Blob([`${[head, ...rows].join("\n")}\n`], { type: "text/csv" }), fileName(chart, ".csv"));
  };

  const update = (now) => {
    const figures = JSON.stringify([now.name, now.figures, now.best]);
    run = now;
    if (figures === drawnFigures) return;
    drawnFigures = figures;
    draw();
  };
  return { element: all, update, cursor, redraw: draw, chart: (id) => charts.get(id)?.box };
};
