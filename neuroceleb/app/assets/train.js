const { words, make, number, request, postJson, notify, onReceive } = window.neuroceleb;
const root = element.querySelector(".nc-train");
const POLL_EVERY_MS = 1000;
const FEW_EPOCHS = 10; // all named on the axis: an epoch is never cut in half
const SHEET_PX = 8 * 64 + 9 * 2;
const SHOWN_SETTINGS = ["recipe", "epochs", "batch_size", "device"];
const SAME = new Set(["finished", "stopped", "failed", "lost"]);

let chosen = new URLSearchParams(location.hash.slice(1)).get("train");
let stamp = "";
let rows = [];
let overview = null;
let drawn = null;

const post = (action, body) => postJson(`training/${action}`, body);

/* Do something with a run; a refusal becomes a toast. */
const act = async (action, body) => {
  try {
    await post(action, body);
    await poll();
    return true;
  } catch (error) {
    notify(error.message);
    return false;
  }
};
const button = (id, text, click, kind = "") =>
  make("button", { type: "button", id, class: `nc-button ${kind}`, click }, text);

/* The list of runs ------------------------------------------------------------------------ */

const list = make("nav", { class: "nc-runs", "aria-label": words.runs });
const main = make("div", { class: "nc-training" }, make("p", { class: "nc-facts" }, words.loading_runs));
root.append(list, main);

const state = (line) => {
  const word = (words[`state_${line.state}`] ?? line.state).split(":")[0];
  if (line.place) return `${words.ahead} ${line.place}`;
  return `${word} · ${line.epoch} / ${line.epochs}`;
};
let drawnList = "";
const drawList = () => {
  const key = JSON.stringify([chosen, overview.allowed, overview.runs]);
  if (key === drawnList) return;
  drawnList = key;
  const entries = overview.runs.map((line) => make("button", {
    type: "button", class: `nc-run nc-state-${line.state}`, "data-run": line.name,
    "aria-current": line.name === chosen ? "true" : false, click: () => choose(line.name),
  }, make("strong", {}, line.name), make("span", {}, state(line))));
  const fresh = button("new-run", words.new_run, () => choose(null), "nc-accent");
  list.replaceChildren(...(overview.allowed ? [fresh] : []), ...entries);
};

const choose = (name, likeness = null) => {
  chosen = name;
  stamp = "";
  rows = [];
  drawn = null;
  history.replaceState(null, "", name ? `#train=${encodeURIComponent(name)}` : location.pathname + location.search);
  if (name === null) { drawForm(likeness); if (overview) drawList(); } else poll();
};

/* The form for a new run ------------------------------------------------------------------ */

const field = (spec, value) => {
  const id = `set-${spec.name}`;
  const shown = value ?? spec.default;
  const input = spec.kind === "choice"
    ? make("select", { id }, ...spec.choices.map((choice) =>
      make("option", { value: choice, selected: choice === shown }, choice)))
    : spec.kind === "text"
    ? make("input", { id, type: "text", value: shown, maxlength: spec.max_length, autocomplete: "off" })
    : make("input", { id, type: "number", value: shown, min: spec.low, max: spec.high,
      step: spec.kind === "int" ? 1 : "any" });
  input.dataset.kind = spec.kind;
  input.dataset.setting = spec.name;
  const name = words[`set_${spec.name}`] || spec.name.replaceAll("_", " ");
  return make("label", { class: "nc-field", title: words[`help_${spec.name}`] || spec.help }, make("span", {}, name), input);
};
/* Another recipe chosen: its settings come into the form, the rest as by default. */
const followRecipe = (form, specs) => {
  const recipe = form.querySelector("#set-recipe");
  recipe.addEventListener("change", () => {
    const sets = props.value.recipes[recipe.value];
    const named = new Set(Object.values(props.value.recipes).flatMap(Object.keys));
    for (const spec of specs.filter(({ name }) => named.has(name))) {
      form.querySelector(`#set-${spec.name}`).value = sets[spec.name] ?? spec.default;
    }
  });
};
const settingsOf = (form) => Object.fromEntries([...form.querySelectorAll("[data-setting]")].map((input) =>
  [input.dataset.setting, ["choice", "text"].includes(input.dataset.kind) ? input.value.trim() : input.value === "" ? null : Number(input.value)]));

const datasetsToChoose = (chosenOne) => overview.datasets.map((name) =>
  make("option", { value: name, selected: name === chosenOne }, name));
/* A dataset made or taken away meanwhile, in a form half filled in. */
const refreshDatasets = () => {
  const names = main.querySelector("#dataset");
  const there = names && [...names.options].map((option) => option.value);
  if (!names || JSON.stringify(there) === JSON.stringify(overview.datasets)) return;
  names.replaceChildren(...datasetsToChoose(names.value));
  main.querySelector("#no-datasets").hidden = overview.datasets.length > 0;
};

const drawForm = (like) => {
  drawn = "form";
  if (!overview) return;
  if (!overview.allowed) {
    main.replaceChildren(make("p", { class: "nc-note" }, words.watch_only));
    return;
  }
  const known = overview.datasets.includes(like?.dataset);
  const names = make("select", { id: "dataset" }, ...datasetsToChoose(like?.dataset));
  const path = make("input", { id: "dataset-path", type: "text", autocomplete: "off", value: known ? "" : like?.dataset ?? "" });
  const name = make("input", { id: "run-name", type: "text", maxlength: 80, autocomplete: "off", required: true });
  const answer = make("div", { class: "nc-estimate", id: "estimate", "aria-live": "polite" });
  const specs = props.value.settings;
  const usual = props.value.recipes[like?.settings?.recipe ?? specs.find((spec) => spec.name === "recipe").default];
  const inputs = (part) => part.map((spec) => field(spec, like?.settings?.[spec.name] ?? usual?.[spec.name]));
  const parameters = () => ({
    name: name.value, dataset: path.value.trim() || names.value, settings: settingsOf(form),
  });
  const check = button("check", words.check, async () => {
    check.disabled = start.disabled = true;
    answer.replaceChildren(make("p", { class: "nc-facts" }, words.checking));
    try {
      const found = await post("estimate", parameters());
      answer.replaceChildren(...estimateWords(found));
      start.disabled = found.problems.some((problem) => problem.is_fatal);
    } catch (error) {
      answer.replaceChildren(make("p", { class: "nc-facts nc-state-failed" }, error.message));
    }
    check.disabled = false;
  });
  const start = button("start", words.start, async () => {
    start.disabled = true;
    const wanted = parameters();
    if (await act("start", wanted)) choose(wanted.name.trim());
    else start.disabled = false;
  }, "nc-accent");
  start.disabled = true;
  const form = make("form", { class: "nc-form", submit: (event) => { event.preventDefault(); check.click(); },
    input: () => { start.disabled = true; } },
  make("label", { class: "nc-field nc-wide" }, make("span", {}, words.name), name),
  make("label", { class: "nc-field" }, make("span", {}, words.dataset), names),
  ...(overview.paths ? [make("label", { class: "nc-field nc-wide" }, make("span", {}, words.dataset_path), path)] : []),
  ...inputs(specs.filter((spec) => SHOWN_SETTINGS.includes(spec.name))),
  make("details", { class: "nc-wide" }, make("summary", {}, words.more_settings),
    make("div", { class: "nc-form" }, ...inputs(specs.filter((spec) => !SHOWN_SETTINGS.includes(spec.name))))),
  make("div", { class: "nc-acts nc-wide" }, check, start));
  followRecipe(form, specs);
  const intro = overview.runs.length ? [] : [make("p", { class: "nc-facts" }, words.no_training)];
  const none = make("p", { class: "nc-facts", id: "no-datasets", hidden: overview.datasets.length > 0 }, words.no_datasets);
  main.replaceChildren(make("h2", {}, words.new_run), ...intro, none, form, answer);
};

const gigabytes = (bytes) => (bytes < 2 ** 30
  ? `${number(Math.ceil(bytes / 2 ** 20))} MB` : `${number((bytes / 2 ** 30).toFixed(1))} GB`);
const estimateWords = (found) => {
  const facts = [];
  if (found.faces != null) facts.push(`${number(found.faces)} ${words.photos_used}`);
  if (found.skipped) facts.push(`${number(found.skipped)} ${words.photos_skipped}`);
  if (found.images_per_second != null) {
    facts.push(`${number(found.images_per_second)} ${words.speed} · ${found.device}`);
    facts.push(`${words.takes} ${span(found.seconds)}`);
    facts.push(`${words.memory} ${number(found.memory_mb)} MB`);
  }
  if (found.disk_bytes != null) facts.push(`${words.disk} ${gigabytes(found.disk_bytes)} (${words.free} ${gigabytes(found.disk_free_bytes)})`);
  if (found.start_model) facts.push(found.start_model.name === "none" ? words.starts_from_noise : `${words.starts_from} ${found.start_model.name}`);
  return [
    make("ul", { class: "nc-list" }, ...facts.map((fact) => make("li", {}, fact))),
    ...found.problems.map((problem) => make("p", { class: `nc-problem ${problem.is_fatal ? "nc-state-failed" : ""}` },
      words[`problem_${problem.kind}`] || problem.sentence)),
  ];
};
const span = (seconds) => {
  const format = (value, unit) => new Intl.NumberFormat(window.neuroceleb.language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 }).format(value);
  if (seconds < 90) return format(Math.round(seconds), "second");
  return seconds < 5400 ? format(Math.round(seconds / 60), "minute") : format(seconds / 3600, "hour");
};

/* One run --------------------------------------------------------------------------------- */

const title = make("h2", {});
const facts = make("p", { class: "nc-facts", id: "run-facts" });
const announced = make("p", { class: "nc-screen-reader", role: "status" }); // the figures are not announced every second
const message = make("p", { class: "nc-problem" });
const meter = make("progress", { class: "nc-meter", max: 1, value: 0, "aria-label": words.progress });
const acts = make("div", { class: "nc-acts" });
const judged = make("div", { class: "nc-verdict", id: "verdict" });
const sheetWord = make("p", { class: "nc-facts" });
const sheet = make("img", { class: "nc-sheet-image nc-newest", id: "newest", alt: "", width: SHEET_PX, height: SHEET_PX });
const logText = make("pre", { class: "nc-log", tabindex: 0, role: "log", "aria-live": "off", "aria-label": words.log_end });
const logBox = make("details", { open: true }, make("summary", {}, words.log), logText);
const chart = (id, name) => {
  const plot = make("div", { class: "nc-plot", id });
  return { plot, box: make("figure", { class: "nc-chart" }, make("figcaption", {}, name), plot) };
};
const losses = chart("train-losses", words.losses);
const scores = chart("train-scores", words.scores);
const charts = make("div", { class: "nc-charts" }, losses.box, scores.box);

const actsOf = (run) => {
  if (!overview.allowed) return [];
  const name = run.name;
  const going = ["starting", "running", "stopping", "queued"].includes(run.state);
  const buttons = [];
  if (going) {
    const stop = button("stop", run.stop_requested ? words.stopping_soon : words.stop, () => act("stop", { name }));
    stop.disabled = run.stop_requested;
    buttons.push(stop);
  }
  if (run.forceable) buttons.push(button("force", words.force, () => act("force", { name })));
  if (!going && !run.forceable) {
    const epochs = make("input", { type: "number", id: "resume-epochs", min: 1, value: run.status.epochs ?? 1, "aria-label": words.more_epochs });
    if (run.resumable) buttons.push(make("span", { class: "nc-joined" },
      button("resume", words.resume, () => act("resume", { name, epochs: Number(epochs.value) }), "nc-accent"),
      make("label", { class: "nc-field" }, make("span", {}, words.more_epochs), epochs)));
    buttons.push(button("rename", words.rename, () => rename(name)));
    buttons.push(button("delete", words.delete, () => remove(name)));
  }
  if (run.origin) buttons.push(button("duplicate", words.duplicate, () => choose(null, run.origin)));
  return buttons;
};

/* A question in place of the buttons. */
const question = (text, yes, ...more) => new Promise((resolve) => {
  const answer = (value) => () => { drawnActs = ""; acts.replaceChildren(); resolve(value); };
  acts.replaceChildren(make("span", {}, text), ...more,
    button("yes", yes, answer(true), "nc-accent"), button("no", words.cancel, answer(false)));
  acts.querySelector("input, #no").focus();
});
const remove = async (name) => {
  if (await question(words.delete_sure, words.delete) && await act("delete", { name })) choose(null);
  else refresh();
};
const rename = async (name) => {
  const input = make("input", { type: "text", id: "new-name", value: name, maxlength: 80, "aria-label": words.rename_to });
  const wanted = await question(words.rename_to, words.rename, input);
  if (wanted && await act("rename", { name, new: input.value.trim() })) choose(input.value.trim());
  else refresh();
};
const refresh = () => { stamp = ""; poll(); };

let drawnActs = "";
const drawRun = (run) => {
  if (drawn !== run.name) {
    drawn = run.name;
    drawnActs = "";
    main.replaceChildren(title, facts, announced, meter, message, acts, judged,
      make("div", { class: "nc-watch" }, make("div", {}, sheetWord, sheet), charts), logBox);
  }
  const { status } = run;
  const parts = [words[`state_${run.state}`] ?? run.state];
  parts.push(`${words.epoch} ${number(status.epoch ?? 0)} ${words.of} ${number(status.epochs ?? 0)}`);
  if (status.steps && !SAME.has(run.state)) parts.push(`${words.step} ${status.step} / ${status.steps}`);
  if (run.state === "running" && status.images_per_second) parts.push(`${number(status.images_per_second)} ${words.speed}`);
  if (run.state === "running" && status.eta_seconds > 0) parts.push(`${span(status.eta_seconds)} ${words.time_left}`);
  if (status.device) parts.push(status.device);
  if (status.memory_mb) parts.push(`${words.memory} ${number(status.memory_mb)} MB`);
  if (status.gpu_memory_mb) parts.push(`GPU ${number(status.gpu_memory_mb)} MB`);
  title.textContent = run.name;
  facts.textContent = parts.join(" · ");
  facts.className = `nc-facts nc-state-${run.state}`;
  facts.dataset.state = run.state;
  const announcement = `${run.name}: ${words[`state_${run.state}`] ?? run.state}`;
  if (announced.textContent !== announcement) announced.textContent = announcement;
  meter.value = status.epochs ? ((status.epoch ?? 0) + (status.steps ? (status.step ?? 0) / status.steps : 0)) / status.epochs : 0;
  message.textContent = status.message ?? "";
  message.hidden = !status.message;
  const key = JSON.stringify([run.name, run.state, run.stop_requested, run.forceable, run.resumable, status.epochs]);
  if (key !== drawnActs && !acts.querySelector("#no")) {
    drawnActs = key;
    acts.replaceChildren(...actsOf(run));
  }
  drawVerdict(run.verdict);
  sheet.hidden = sheetWord.hidden = !run.sheet;
  if (run.sheet && sheet.dataset.url !== run.sheet.url) {
    sheet.dataset.url = sheet.src = run.sheet.url;
    sheet.alt = sheetWord.textContent = `${words.newest} ${run.sheet.epoch}`;
  }
  const low = logText.scrollTop + logText.clientHeight >= logText.scrollHeight - 8;
  const text = run.log.join("\n");
  if (logText.textContent !== text) logText.textContent = text;
  if (low) logText.scrollTop = logText.scrollHeight;
  const count = rows.length;
  rows = rows.slice(0, run.first).concat(run.rows);
  if (rows.length !== count || run.rows.length || !losses.plot.data) drawCharts();
};

const drawVerdict = (verdict) => {
  judged.hidden = !verdict;
  if (!verdict) return;
  const evidence = Object.entries(verdict.figures).map(([name, value]) => `${words[`f_${name}`] ?? name} ${value}`);
  const [first, last] = verdict.epochs;
  judged.dataset.kind = verdict.kind;
  judged.className = `nc-verdict nc-is-${verdict.kind}`;
  const advice = words[`t_${verdict.kind}`];
  judged.replaceChildren(make("strong", {}, words[`v_${verdict.kind}`] ?? verdict.sentence),
    make("span", { class: "nc-facts" }, [`${words.epochs_word} ${first}–${last}`, ...evidence].join(" · ")),
    ...(advice ? [make("span", {}, `${words.try_this} ${advice}`)] : []));
};

/* Charts: grown in place, so that the reader's zoom stays. */
let library = window.Plotly ? Promise.resolve(window.Plotly) : null;
const plotly = () => {
  library ??= new Promise((resolve, reject) => {
    const failed = () => { library = null; reject(new Error(words.no_charts)); };
    document.head.append(make("script", { src: "plotly.js", load: () => resolve(window.Plotly), error: failed }));
  });
  return library;
};
const LINES = [
  [losses, [["loss D", 1, "#7b7b75"], ["loss G", 2, "#e04f2f"]], { rangemode: "tozero" }],
  [scores, [["D(x)", 3, "#7b7b75"], ["D(G(z)) 1", 4, "#e04f2f"], ["D(G(z)) 2", 5, "#e04f2f", "dot"]], { range: [0, 1] }],
];
const drawCharts = async () => {
  charts.hidden = !rows.length;
  if (!rows.length) return;
  const run = drawn;
  const Plotly = await plotly().catch((error) => notify(error.message));
  if (!Plotly || run !== drawn) return;
  const grid = "rgba(128, 128, 120, 0.18)";
  const x = rows.map((row) => row[0]);
  for (const [{ plot }, lines, yaxis] of LINES) {
    const data = lines.map(([name, at, color, dash]) => ({
      x, y: rows.map((row) => row[at]), name, mode: rows.length > 2 ? "lines" : "lines+markers",
      line: { color, width: 2, dash: dash ?? "solid" }, hovertemplate: "%{y:.3f}",
    }));
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: "#80807a", size: 12 },
      margin: { l: 44, r: 12, t: 28, b: 36 }, hovermode: "x unified", showlegend: true,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, uirevision: run,
      xaxis: { gridcolor: grid, zeroline: false, showgrid: false, ...(rows.length <= FEW_EPOCHS ? { dtick: 1 } : {}) }, yaxis: { gridcolor: grid, zeroline: false, ...yaxis },
    };
    await Plotly.react(plot, data, layout, { responsive: true, displayModeBar: false });
  }
};

/* Polling --------------------------------------------------------------------------------- */

let isPolling = false;
const poll = async () => {
  if (isPolling) return;
  isPolling = true;
  const name = chosen;
  const known = drawn === name ? rows.length : 0;
  try {
    const query = new URLSearchParams({ run: name ?? "", rows: known, stamp });
    const answer = await request(`training?${query}`);
    if (answer.status !== 204 && name === chosen) {
      const value = await answer.json();
      stamp = value.stamp;
      overview = value;
      if (name && !value.run) chosen = null;
      drawList();
      refreshDatasets();
      if (value.run) drawRun(value.run);
      else if (drawn !== "form") drawForm(null);
    }
    root.classList.remove("nc-gone");
  } catch (error) {
    if (!root.classList.contains("nc-gone")) notify(words.gone);
    root.classList.add("nc-gone");
    stamp = "";
  }
  isPolling = false;
  if (name !== chosen) poll();
};
const timer = setInterval(() => {
  if (!root.isConnected) clearInterval(timer);
  else if (root.offsetParent !== null && !document.hidden) poll();
}, POLL_EVERY_MS);
const begin = new MutationObserver(() => { if (root.offsetParent !== null) poll(); });
for (const panel of document.querySelectorAll("[role=tabpanel]")) begin.observe(panel, { attributes: true });
if (root.offsetParent !== null) poll();

/* Another tab has made a dataset: the form, with it chosen. */
onReceive("train", async ({ dataset }) => {
  choose(null);
  while (isPolling) await new Promise((done) => { setTimeout(done, 50); });
  stamp = "";
  await poll();
  choose(null, { dataset });
});
