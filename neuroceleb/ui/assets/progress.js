const { language, make, number, smoothSwitch, emptyState } = window.neuroceleb;
const words = props.texts[language];
const root = element.querySelector(".nc-progress");
const FRAMES_PER_S = 8;
const AHEAD = 12;
const PRELOAD_BYTES = 40e6;
const AT_ONCE = 4;

let sheets = [];
let run = null;
let at = 0;
let playing = null;
const pictures = new Map();

/* The sheet and its slider --------------------------------------------------------------- */

const facts = make("p", { class: "nc-facts", "aria-live": "polite" });
const frame = make("div", { class: "nc-stage" });
const slider = make("input", {
  type: "range", min: 0, max: 0, step: 1, id: "scrub", "aria-label": words.scrub,
  input: (event) => { pause(); show(Number(event.target.value)); },
});
const play = make("button", {
  type: "button", class: "nc-round", id: "play", "aria-label": words.play, title: words.play,
  click: () => (playing ? pause() : start()),
}, "▶");
const label = make("output", { class: "nc-epoch", id: "epoch-shown", for: "scrub" });
const transport = make("div", { class: "nc-transport" }, play, slider, label);
const bar = make("div", { class: "nc-bar" }, facts, smoothSwitch());

const picture = (index) => {
  const sheet = sheets[index];
  if (!pictures.has(sheet.url)) {
    const image = make("img", { class: "nc-sheet-image", alt: `${words.sheet} ${sheet.epoch}` });
    image.decoding = "sync";
    image.src = sheet.url;
    pictures.set(sheet.url, image);
  }
  return pictures.get(sheet.url);
};

const show = (index) => {
  if (!sheets.length) return;
  at = Math.max(0, Math.min(sheets.length - 1, index));
  const sheet = sheets[at];
  slider.value = at;
  const seen = sheet.seen == null ? "" : seenWords(sheet.seen);
  label.replaceChildren(make("strong", {}, `${words.epoch} ${sheet.epoch}`), seen);
  slider.setAttribute("aria-valuetext", `${words.epoch} ${sheet.epoch}`);
  const wanted = picture(at);
  const put = () => { if (picture(at) === wanted) frame.replaceChildren(wanted); };
  if (wanted.complete) put();
  else wanted.addEventListener("load", put, { once: true });
  moveMarkers();
  for (let near = 1; near <= AHEAD; near += 1) {
    if (at + near < sheets.length) picture(at + near);
    if (at - near >= 0) picture(at - near);
  }
};
const seenWords = (seen) =>
  (language === "ko" ? ` ${number(seen)}${words.seen}` : ` ${number(seen)} ${words.seen}`);

const pause = () => {
  clearInterval(playing);
  playing = null;
  play.textContent = "▶";
  play.title = words.play;
  play.setAttribute("aria-label", words.play);
};
const start = () => {
  if (sheets.length < 2) return;
  if (at === sheets.length - 1) show(0);
  playing = setInterval(() => {
    if (!root.isConnected || at === sheets.length - 1) pause();
    else if (picture(at + 1).complete) show(at + 1);
  }, 1000 / FRAMES_PER_S);
  play.textContent = "❚❚";
  play.title = words.pause;
  play.setAttribute("aria-label", words.pause);
};

/* All sheets of a run come ahead of the reader, a few at once, where they are not too heavy. */
const preload = () => {
  const mine = run;
  if (sheets.reduce((sum, sheet) => sum + sheet.bytes, 0) > PRELOAD_BYTES) return;
  let next = 0;
  const one = async () => {
    while (run === mine && next < sheets.length) {
      const image = picture(next);
      next += 1;
      await image.decode().catch(() => undefined);
    }
  };
  for (let worker = 0; worker < AT_ONCE; worker += 1) one();
};

const isSeen = () => root.offsetParent !== null;
const onKey = (event) => {
  if (!root.isConnected) { document.removeEventListener("keydown", onKey); return; }
  const aim = document.activeElement;
  const busy = aim && aim !== slider && aim.matches("input, textarea, select, [role=tab], [contenteditable]");
  if (!isSeen() || !sheets.length || busy || event.altKey || event.ctrlKey || event.metaKey) return;
  const moves = {
    ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: sheets.length - 1,
    PageDown: at - 10, PageUp: at + 10,
  };
  if (event.key in moves && (aim === slider || !event.key.startsWith("Page"))) {
    event.preventDefault();
    pause();
    show(moves[event.key]);
  } else if (event.key === " " && (aim === slider || aim === document.body)) {
    event.preventDefault();
    playing ? pause() : start();
  }
};
document.addEventListener("keydown", onKey);

/* The charts ----------------------------------------------------------------------------- */

const chart = (id, title) => {
  const plot = make("div", { class: "nc-plot", id });
  const marker = make("i", { class: "nc-marker", "aria-hidden": "true" });
  const box = make("figure", { class: "nc-chart" },
    make("figcaption", {}, title), make("div", { class: "nc-plot-box" }, plot, marker));
  return { plot, marker, box };
};
const losses = chart("loss-chart", words.losses);
const scores = chart("score-chart", words.scores);
const noFigures = make("p", { class: "nc-note" }, words.no_stats);
const charts = make("div", { class: "nc-charts" }, noFigures, losses.box, scores.box);

let library = null;
const plotly = () => {
  library ??= new Promise((resolve, reject) => {
    const script = make("script", { src: "plotly.js", load: () => resolve(window.Plotly), error: reject });
    document.head.append(script);
  });
  return library;
};

const drawChart = async ({ plot, box }, figure) => {
  const Plotly = await plotly();
  const isFirst = !plot.data;
  await Plotly.react(plot, figure.data, figure.layout, { responsive: true, displayModeBar: false });
  if (!isFirst) return;
  plot.on("plotly_afterplot", moveMarkers);
  plot.on("plotly_click", (event) => showEpoch(event.points[0].x));
};
const showEpoch = (epoch) => {
  const index = sheets.findIndex((sheet) => sheet.epoch >= epoch);
  if (index >= 0) { pause(); show(index); }
};

/* A line in each chart at the epoch shown: moved without drawing the chart again. */
const moveMarkers = () => {
  for (const { plot, marker } of [losses, scores]) {
    const layout = plot._fullLayout;
    const sheet = sheets[at];
    marker.hidden = !layout?.xaxis?.l2p || !sheet;
    if (marker.hidden) continue;
    const { _offset: left, _length: width } = layout.xaxis;
    const x = layout.xaxis.l2p(sheet.epoch);
    marker.hidden = x < -1 || x > width + 1;
    marker.style.transform = `translateX(${left + x}px)`;
    marker.style.top = `${layout.yaxis._offset}px`;
    marker.style.height = `${layout.yaxis._length}px`;
  }
};

const drawCharts = (value) => {
  const hasFigures = value.rows > 0;
  noFigures.hidden = hasFigures;
  losses.box.hidden = scores.box.hidden = !hasFigures;
  if (!hasFigures) return;
  Promise.all([drawChart(losses, value.losses), drawChart(scores, value.scores)])
    .then(moveMarkers)
    .catch(() => { noFigures.textContent = words.no_charts; noFigures.hidden = false; });
};

/* The whole ------------------------------------------------------------------------------ */

const minutesLeft = (seconds) => {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const span = minutes < 90 ? [minutes, "minute"] : [Math.round(minutes / 60), "hour"];
  const format = { style: "unit", unit: span[1], unitDisplay: "short" };
  return `${new Intl.NumberFormat(language, format).format(span[0])} ${words.left}`;
};

const describe = (value) => {
  const parts = [words[`state_${value.state}`] ?? value.state];
  if (value.rows && value.epochs) parts.push(`${value.rows} ${words.of} ${value.epochs} ${words.epochs}`);
  if (value.state === "running" && value.eta_seconds > 0) parts.push(minutesLeft(value.eta_seconds));
  if (["failed", "stopped"].includes(value.state) && value.message) parts.push(value.message);
  facts.className = `nc-facts nc-state-${value.state}`;
  facts.textContent = parts.join(" · ");
};

const draw = () => {
  const value = props.value;
  if (!value) return;
  if (!value.run) {
    root.replaceChildren(emptyState(words.no_run_title, words.no_run, value.command));
    return;
  }
  const wasNewest = at >= sheets.length - 1;
  const epoch = sheets[at]?.epoch;
  const isSameRun = run === value.run;
  if (!isSameRun) { pause(); pictures.clear(); }
  run = value.run;
  sheets = value.sheets;
  if (!facts.isConnected) {
    root.replaceChildren(make("div", { class: "nc-left" }, bar, frame, transport), charts);
  }
  describe(value);
  slider.max = Math.max(0, sheets.length - 1);
  slider.disabled = play.disabled = sheets.length < 2;
  transport.hidden = !sheets.length;
  if (!sheets.length) frame.replaceChildren(make("p", { class: "nc-note" }, words.no_sheets));
  const same = sheets.findIndex((sheet) => sheet.epoch === epoch);
  show(isSameRun && !wasNewest && same >= 0 ? same : sheets.length - 1);
  preload();
  drawCharts(value);
};

watch("value", draw);
draw();
