const { words, language, make, number, request, postJson, notify, sendTo, smoothSwitch } = window.neuroceleb;
const root = element.querySelector(".nc-photos");
const { rules: RULES, sizes: SIZES, detectors: DETECTORS } = props.value;
const WATCH_EVERY_MS = 700;
const IDLE_TICKS = 4; // while nothing is cropped, polls are less frequent
const SENT_AT_ONCE = 4;

let overview = null;
let chosen = new URLSearchParams(location.hash.slice(1)).get("photos");
let view = null; // form, task or dataset: what `main` shows
let seen = null; // the last answer to `look`
let show = "all";
let group = "";
let page = 0;

const fill = (key, values) => words[`ph_${key}`].replace(/\{(\w+)\}/g, (_, name) =>
  (typeof values[name] === "number" ? number(values[name]) : values[name]));
const word = (key) => words[`ph_${key}`];
const post = (action, body = {}) => postJson(`photos/${action}`, body);
/* A refusal becomes a toast, and null. */
const tried = async (work) => {
  try { return await work(); } catch (error) { notify(error.message); return null; }
};
const button = (id, text, click, kind = "") =>
  make("button", { type: "button", id, class: `nc-button ${kind}`, click }, text);
const time = (seconds) => {
  const [value, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(Math.round(value));
};
const field = (text, input, wide = false) =>
  make("label", { class: `nc-field ${wide ? "nc-wide" : ""}` }, make("span", {}, text), input);

const list = make("nav", { class: "nc-runs", "aria-label": word("datasets") });
const main = make("div", { class: "nc-training" });
root.append(list, main);

/* The list of datasets -------------------------------------------------------------------- */

let drawnList = "";
const drawList = () => {
  const unfinished = overview.tasks.filter((task) => task.state !== "finished");
  const key = JSON.stringify([chosen, overview.datasets, unfinished.map((task) => [task.dataset, task.state])]);
  if (key === drawnList) return;
  drawnList = key;
  const begun = unfinished.map((task) => task.dataset).filter((name, index, all) =>
    all.indexOf(name) === index && !overview.datasets.some((line) => line.name === name));
  const lines = [...overview.datasets, ...begun.map((name) => ({ name, kept: null, saved: true }))];
  const doing = (line) => unfinished.find((task) => task.dataset === line.name)?.state;
  const entry = (line) => make("button", {
    type: "button", class: "nc-run", "data-dataset": line.name,
    "aria-current": line.name === chosen ? "true" : false, click: () => choose(line.name),
  }, make("strong", {}, line.name), make("span", {}, [
    doing(line) ? word(`doing_${doing(line)}`) : "", line.kept == null ? "" : fill("line", line), line.saved ? "" : word("unsaved"),
  ].filter(Boolean).join(" · ")));
  list.replaceChildren(button("new-dataset", word("new"), () => choose(null), "nc-accent"),
    ...lines.map(entry));
};
/* What is done with a dataset's photos: going on or interrupted, else what ended last. */
const taskOf = (name) => {
  const tasks = overview.tasks.filter((task) => task.dataset === name);
  return tasks.find((task) => task.state !== "finished") ?? tasks[0];
};

const choose = async (name, isNew = false) => {
  chosen = name;
  seen = null;
  show = "all";
  group = "";
  page = 0;
  adding = false;
  view = null;
  history.replaceState(null, "", name ? `#photos=${encodeURIComponent(name)}` : location.pathname + location.search);
  if (isNew) await refresh();
  else draw();
};

/* Bringing photos ------------------------------------------------------------------------- */

let adding = false;
let waiting = new Map(); // name -> file, dropped and not yet sent
let sending = null; // {stop} while they are sent

const gather = (name, file) => {
  if (name.split("/").some((part) => part.startsWith("."))) return;
  let free = name;
  for (let copy = 2; waiting.has(free); copy += 1) free = name.replace(/(\.[^./]*)?$/, ` (${copy})$1`);
  waiting.set(free, file);
};
const gatherEntry = async (entry) => {
  if (entry.isFile) {
    gather(entry.fullPath.replace(/^\//, ""), await new Promise((done, failed) => entry.file(done, failed)));
  } else {
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return;
      for (const one of some) await gatherEntry(one);
    }
  }
};
const dropped = async (transfer) => {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length) for (const entry of entries) await tried(() => gatherEntry(entry));
  else for (const file of transfer.files) gather(file.name, file);
};

const drawForm = () => {
  view = "form";
  const known = adding ? overview.datasets.find((line) => line.name === chosen) : null;
  const name = make("input", { id: "dataset-name", type: "text", maxlength: 80, autocomplete: "off", value: known?.name ?? "" });
  const size = make("select", { id: "crop-size" }, ...SIZES.map((px) => make("option", { value: px }, `${px} × ${px} px`)));
  const detector = make("select", { id: "detector" }, ...DETECTORS.map((one) => make("option", { value: one }, word(one))));
  const path = make("input", { id: "photos-path", type: "text", autocomplete: "off" });
  const facts = make("p", { class: "nc-facts", id: "gathered", "aria-live": "polite" });
  const meter = make("progress", { class: "nc-meter", max: 1, value: 0, hidden: true });
  const question = make("div", { class: "nc-acts", id: "google-question" });
  const problem = make("p", { class: "nc-problem nc-state-failed", id: "form-problem", role: "alert", hidden: true });

  const gathered = () => {
    const bytes = [...waiting.values()].reduce((sum, file) => sum + file.size, 0);
    facts.textContent = waiting.size ? fill("ready", { n: waiting.size, mb: Math.max(1, Math.round(bytes / 1e6)) }) : "";
    clear.hidden = !waiting.size;
    if (!known && !name.value && waiting.size) {
      const [first] = waiting.keys();
      name.value = (first.includes("/") ? first.split("/")[0] : /\.zip$/i.test(first) ? first.replace(/\.zip$/i, "") : "faces")
        .replace(/[^\p{L}\p{N}_ .+-]/gu, "").replace(/^[ .+-]+|[ .]+$/g, "").slice(0, 60);
    }
  };
  const took = (input) => {
    for (const file of input.files) gather(file.webkitRelativePath || file.name, file);
    input.value = "";
    gathered();
  };
  const files = make("input", { id: "photo-files", type: "file", multiple: true, accept: "image/*,.heic,.heif,.zip", hidden: true, change: () => took(files) });
  const folder = make("input", { id: "photo-folder", type: "file", webkitdirectory: true, hidden: true, change: () => took(folder) });
  const clear = button("clear", word("clear"), () => { waiting = new Map(); gathered(); });
  const zone = make("div", {
    class: "nc-photo-drop", id: "photo-drop",
    dragover: (event) => { event.preventDefault(); zone.classList.add("nc-over"); },
    dragleave: () => zone.classList.remove("nc-over"),
    drop: async (event) => {
      event.preventDefault();
      zone.classList.remove("nc-over");
      await dropped(event.dataTransfer);
      gathered();
    },
  }, make("strong", {}, word("drop")),
  make("div", { class: "nc-acts" }, button("pick", word("pick"), () => files.click()),
    button("pick-folder", word("pick_folder"), () => folder.click()), clear),
  files, folder, facts);

  const busy = (is) => { cut.disabled = is; cancel.hidden = !sending; meter.hidden = !sending; };
  const go = async () => {
    problem.hidden = true;
    question.replaceChildren();
    const body = {
      dataset: name.value.trim(), size: Number(size.value), detector: detector.value,
      path: waiting.size ? null : path.value.trim() || null,
    };
    try {
      busy(true);
      if (!body.path) body.batch = await sendAll(meter, facts, busy);
      if (body.detector === "google-vision") {
        body.agreed = await agreement(body, question);
        if (!body.agreed) throw new Error("");
      }
      const { dataset } = await post("start", body);
      waiting = new Map();
      await choose(dataset, true);
    } catch (error) {
      if (body.batch) post("task/discard", { batch: body.batch }).catch(() => {});
      problem.textContent = error.message;
      problem.hidden = !error.message;
      gathered();
    } finally {
      sending = null;
      busy(false);
    }
  };
  const cut = button("cut", word("cut"), go, "nc-accent");
  const cancel = button("cancel-sending", word("cancel"), () => sending?.stop());
  cancel.hidden = true;
  const back = known ? [button("back", word("back"), () => choose(chosen))] : [];
  if (known) {
    name.disabled = size.disabled = true;
    size.value = known.size ?? SIZES[0];
  }
  main.replaceChildren(
    make("h2", {}, known ? fill("add_to", known) : word("new")),
    make("p", { class: "nc-facts" }, word("intro")),
    zone,
    make("div", { class: "nc-form" }, field(word("name"), name), field(word("size"), size), field(word("detector"), detector),
      ...(overview.paths ? [field(word("path"), path, true)] : [])),
    problem, question, meter,
    make("div", { class: "nc-acts" }, cut, cancel, ...back),
    make("p", { class: "nc-facts" }, word("stays")));
  gathered();
};

/* Send what was dropped, a few files at once; the number of the batch. */
const sendAll = async (meter, facts, busy) => {
  const { batch } = await post("batch");
  const control = new AbortController();
  sending = { stop: () => control.abort() };
  busy(true);
  const files = [...waiting];
  let next = 0;
  let done = 0;
  const one = async () => {
    while (next < files.length && !control.signal.aborted) {
      const [name, file] = files[next];
      next += 1;
      await request(`photos/upload/${batch}?name=${encodeURIComponent(name)}`, { method: "POST", body: file, signal: control.signal });
      done += 1;
      meter.value = done / files.length;
      facts.textContent = fill("sending", { done, total: files.length });
    }
  };
  try {
    await Promise.all(Array.from({ length: SENT_AT_ONCE }, one));
    if (control.signal.aborted) throw new Error("");
  } catch (error) {
    const stopped = control.signal.aborted;
    control.abort();
    post("task/discard", { batch }).catch(() => {});
    throw stopped ? new Error("") : error;
  }
  return batch;
};

/* How many photos may be sent to Google: none without an explicit yes. */
const agreement = async (body, question) => {
  const cost = await post("cost", body);
  const usd = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(cost.usd);
  return new Promise((resolve) => {
    const answer = (value) => () => { question.replaceChildren(); resolve(value); };
    question.replaceChildren(make("p", { class: "nc-problem" }, fill("ask_google", { ...cost, usd, year: String(cost.year) })),
      button("yes-google", word("yes_google"), answer(cost.photos), "nc-accent"),
      button("no-google", word("no_google"), answer(0)));
    question.querySelector("#no-google").focus();
  });
};

/* Cropping goes on ------------------------------------------------------------------------ */

const taskTitle = make("h2", {});
const taskFacts = make("p", { class: "nc-facts", id: "task-facts", role: "status" });
const taskMeter = make("progress", { class: "nc-meter", max: 1, "aria-label": word("cut") });
const taskActs = make("div", { class: "nc-acts" });
const taskPhotos = make("ol", { class: "nc-shots", id: "newest-photos" });

const drawTask = (task) => {
  if (view !== "task") {
    view = "task";
    drawnTaskActs = "";
    taskPhotos.replaceChildren();
    main.replaceChildren(taskTitle, taskFacts, taskMeter, taskActs, taskPhotos);
  }
  taskTitle.textContent = task.dataset;
  const parts = [];
  if (task.state === "running") {
    parts.push(task.total == null ? word("task_beginning") : task.done === task.total ? word("task_judging") : fill("task_running", task));
  } else parts.push(task.state === "failed" ? `${word("task_failed")}: ${task.error}` : word("task_stopped"));
  if (task.total != null) {
    parts.push(fill("line", task));
    if (task.no_face) parts.push(`${word("no_face")} ${number(task.no_face)}`);
    if (task.unreadable) parts.push(`${word("unreadable")} ${number(task.unreadable)}`);
    if (task.state === "running" && task.done < task.total) {
      parts.push(fill("rate", { n: Math.round(task.rate) || 1 }), fill("left", { time: time(task.seconds_left) }));
    }
    taskMeter.value = task.done / task.total;
  } else if (task.state === "running") taskMeter.removeAttribute("value");
  taskMeter.hidden = task.state !== "running";
  taskFacts.textContent = parts.join(" · ");
  taskFacts.dataset.state = task.state;
  drawTaskActs(task);
  const shots = task.newest ?? [];
  keyed(taskPhotos, shots, (photo) => shot(photo, false));
};
let drawnTaskActs = "";
const drawTaskActs = (task) => {
  const key = `${task.state} ${task.batch}`;
  if (key === drawnTaskActs) return;
  drawnTaskActs = key;
  const { batch } = task;
  const doing = (act) => async () => { await tried(() => post(`task/${act}`, { batch })); await refresh(); };
  const acts = task.state === "running"
    ? [button("stop-task", word("stop"), doing("stop"))]
    : [button("go-on", word("go_on"), doing("resume"), "nc-accent"), button("discard", word(task.sent ? "discard" : "cancel"), doing("discard"))];
  taskActs.replaceChildren(...acts);
};

/* A photo with its faces ------------------------------------------------------------------ */

/* Children of a list by their keys: those that stay are the same elements. */
const keyed = (parent, items, create) => {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = `${item.key} ${item.preview ? "p" : ""}`;
    const child = there.get(key) ?? create(item);
    child.dataset.key = key;
    child.update(item);
    return child;
  });
  const same = wanted.length === parent.children.length && wanted.every((child, index) => parent.children[index] === child);
  if (!same) parent.replaceChildren(...wanted);
};

/* The server's reasons are English sentences; the known ones are translated. */
const UNREADABLE = [
  ["the file is empty", "empty"], ["it has more than", "megapixels"], ["it is not an image", "unknown"],
  ["it is damaged", "damaged"], ["it is over", "large"], ["it is a zip within", "zip"], ["it is an SVG", "svg"],
  ["its path leads out", "path"], ["it is locked", "locked"], ["it unpacks to far more", "bomb"],
  ["it cannot be read", "closed"], ["it is not a plain file", "plain"],
];
const unreadable = (sentence) => {
  const known = UNREADABLE.find(([start]) => sentence?.startsWith(start));
  return known ? word(`u_${known[1]}`) : sentence ?? "";
};
const why = (face) => face.reasons.filter(([name]) => name !== "overruled").map(([name]) => word(`r_${name}`)).join(", ");
const whyLong = (face) => face.reasons.map(([name, value, limit]) =>
  (name === "overruled" ? word("by_hand") : `${word(`r_${name}`)} ${Number(Math.abs(value).toFixed(2))} (${Number(limit.toFixed(2))})`)).join(", ");

const svg = (tag, attributes, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

const shot = (photo, canChange) => {
  const faces = new Map();
  const caption = make("span", { class: "nc-shot-name", title: photo.source }, photo.source.split("/").at(-1));
  const remove = canChange ? [make("button", {
    type: "button", class: "nc-shot-remove", "data-remove": photo.key, "aria-label": `${word("remove_photo")}: ${photo.source}`,
    click: () => removal({ photo: photo.key }, photo.source),
  }, word("remove"))] : [];
  const crops = make("div", { class: "nc-shot-faces" });
  const boxes = [];
  for (const face of photo.faces) {
    const image = make("img", { src: face.crop, alt: "", width: 64, height: 64, loading: "lazy" });
    const reason = make("span", { class: "nc-shot-why" });
    const tile = make(canChange ? "button" : "div", {
      class: "nc-shot-face", "data-face": face.id, ...(canChange ? { type: "button", click: () => overrule(faces.get(face.id).face) } : {}),
    }, make("span", { class: "nc-shot-crop" }, image), reason);
    const box = photo.size && svg("rect", { x: face.box[0], y: face.box[1], width: face.box[2], height: face.box[3], class: "nc-box" });
    if (box && canChange) box.addEventListener("click", () => overrule(faces.get(face.id).face));
    faces.set(face.id, { face, tile, reason, box });
    crops.append(tile);
    if (box) boxes.push(box);
  }
  const parts = [];
  if (photo.preview) {
    const image = make("img", { class: "nc-shot-photo", src: photo.preview, alt: photo.source, width: photo.size[0], height: photo.size[1], loading: "lazy" });
    parts.push(make("div", { class: "nc-shot-frame" }, image,
      svg("svg", { viewBox: `0 0 ${photo.size[0]} ${photo.size[1]}`, "aria-hidden": "true" }, ...boxes)));
  }
  if (!photo.faces.length) {
    crops.append(make("p", { class: "nc-facts" }, photo.verdict === "unreadable" ? `${word("unreadable")}: ${unreadable(photo.why)}` : word("no_face")));
  }
  const made = make("li", { class: `nc-shot ${photo.preview ? "nc-with-photo" : ""} ${photo.faces.length > (photo.preview ? 2 : 1) ? "nc-several" : ""}`, "data-photo": photo.source },
    ...parts, crops, make("div", { class: "nc-shot-foot" }, caption, ...remove));
  made.update = (now) => {
    now.faces.forEach((face, index) => {
      const known = faces.get(face.id);
      if (!known) return;
      known.face = face;
      const what = `${now.source} ${index + 1}`;
      const state = word(face.kept ? "state_kept" : "state_rejected");
      known.tile.classList.toggle("nc-out", !face.kept);
      known.tile.classList.toggle("nc-by-hand", face.overruled !== null);
      known.box?.setAttribute("class", `nc-box ${face.kept ? "" : "nc-out"}`);
      known.reason.textContent = face.overruled ? word("by_hand") : why(face);
      known.tile.title = whyLong(face);
      if (canChange) {
        known.tile.setAttribute("aria-pressed", String(face.kept));
        known.tile.setAttribute("aria-label", face.overruled ? fill("face_overruled", { what, state })
          : fill(face.kept ? "face_kept" : "face_rejected", { what, why: why(face) }));
      }
    });
  };
  return made;
};

const overrule = async (face) => {
  const choice = face.overruled ? null : face.kept ? "reject" : "keep";
  if (await tried(() => post("choose", { dataset: chosen, face: face.id, choice }))) describe();
};

/* Removing: after a question; then what remains is shown ----------------------------------------- */

const sure = make("dialog", { class: "nc-sure", id: "sure" });
root.append(sure);
const removal = (which, what) => {
  const { trained } = seen;
  const runs = trained.length ? fill("trained", { runs: trained.join(", ") }) : word("not_trained");
  const close = () => sure.close();
  sure.replaceChildren(
    make("p", {}, fill("photo" in which ? "sure_photo" : "sure_group", { what })),
    make("p", { class: "nc-facts" }, runs),
    make("div", { class: "nc-acts" },
      button("sure-yes", word("delete"), async () => {
        close();
        const gone = await tried(() => post("remove", { dataset: chosen, ...which }));
        if (!gone) return;
        notify(fill(gone.trained.length ? "removed_trained" : "removed", { n: gone.gone, runs: gone.trained.join(", ") }));
        if (which.group) group = "";
        await describe();
      }, "nc-accent"),
      button("sure-no", word("cancel"), close)));
  sure.showModal();
  sure.querySelector("#sure-no").focus();
};

/* A dataset ------------------------------------------------------------------------------- */

const title = make("h2", { id: "dataset-title" });
const facts = make("p", { class: "nc-facts", id: "dataset-facts", "aria-live": "polite" });
const done = make("p", { class: "nc-problem", id: "task-done" });
const judged = make("div", { class: "nc-verdict", id: "photos-verdict" });
const nameField = make("input", { id: "save-name", type: "text", maxlength: 80, autocomplete: "off", "aria-label": word("name"),
  input: () => drawSaving() });
const save = button("save-dataset", word("save"), async () => { if (await saved()) describe(); });
const train = button("train-on-this", word("train"), async () => {
  if (seen.saved && nameField.value.trim() === chosen ? chosen : await saved()) sendTo("train", { dataset: chosen });
}, "nc-accent");
const revert = button("revert", word("revert"), async () => { if (await tried(() => post("revert", { dataset: chosen }))) describe(); });
const add = button("add-photos", word("add"), () => { adding = true; drawForm(); });
const card = make("a", { class: "nc-button", id: "report-card", target: "_blank" }, word("card"));
const acts = make("div", { class: "nc-acts" }, field(word("name"), nameField), save, train, add, revert, card);
const chips = make("div", { class: "nc-chips", role: "group", "aria-label": word("all") });
const groups = make("select", { id: "group", "aria-label": word("group"), change: () => { group = groups.value; page = 0; describe(); } });
const removeGroup = button("remove-group", word("remove_group"), () => removal({ group }, group));
const groupBar = make("div", { class: "nc-acts" }, field(word("group"), groups), removeGroup);
const shots = make("ol", { class: "nc-shots", id: "shots" });
const sheet = make("ol", { class: "nc-grid nc-contact", id: "contact" });
const nothing = make("p", { class: "nc-note" }, word("nothing_shown"));
const turn = (text, id, by) => button(id, text, () => { page += by; describe().then(() => chips.scrollIntoView({ block: "nearest" })); });
const older = turn(`← ${word("older")}`, "page-before", -1);
const newer = turn(`${word("newer")} →`, "page-after", 1);
const place = make("span", { class: "nc-facts", id: "page-place" });
const pager = make("div", { class: "nc-acts" }, older, place, newer);
const mean = make("img", { class: "nc-mean", id: "mean-face", alt: word("mean"), width: 64, height: 64 });
const meanBox = make("figure", { class: "nc-mean-box" }, mean, make("figcaption", { class: "nc-facts" }, word("mean")));

const saved = async () => {
  save.disabled = true;
  save.textContent = word("saving");
  const answer = await tried(() => post("save", { dataset: chosen, name: nameField.value.trim() }));
  save.textContent = word("save");
  if (answer) {
    chosen = answer.dataset;
    history.replaceState(null, "", `#photos=${encodeURIComponent(chosen)}`);
    seen.saved = true;
    await refresh();
  }
  drawSaving();
  return answer !== null;
};
const drawSaving = () => {
  if (!seen) return;
  const same = seen.saved && nameField.value.trim() === chosen;
  save.disabled = same;
  save.textContent = same ? word("saved") : word("save");
  revert.hidden = seen.saved;
  train.disabled = !seen.counts.kept;
};

/* Thresholds: a slider over the faces it parts. */
const levelOf = (rule) => {
  if (rule.choices) {
    const select = make("select", { id: `rule-${rule.name}`, change: () => tryRules({ [rule.name]: select.value }) },
      ...rule.choices.map((choice) => make("option", { value: choice }, word(`faces_${choice}`))));
    const made = field(word("several"), select);
    made.update = (level, value) => { if (document.activeElement !== select) select.value = value; };
    return made;
  }
  const slider = make("input", { type: "range", id: `rule-${rule.name}`, class: "nc-level-slider", "aria-label": word(`l_${rule.name}`) });
  const value = make("output", { for: slider.id });
  const count = make("span", { class: "nc-level-count" });
  const bars = svg("svg", { class: "nc-bars", preserveAspectRatio: "none", viewBox: "0 0 40 20", "aria-hidden": "true" });
  let held = false;
  slider.addEventListener("input", () => { held = true; value.textContent = slider.value; tryRules({ [rule.name]: Number(slider.value) }); });
  slider.addEventListener("change", () => { held = false; });
  const made = make("div", { class: "nc-level", "data-rule": rule.name },
    make("div", { class: "nc-level-head" }, make("span", {}, word(`l_${rule.name}`)), value, count), bars, slider);
  made.update = (level, limit, removed) => {
    if (!held) {
      const range = level.high - level.low;
      Object.assign(slider, { min: level.low, max: level.high, step: range <= 1 ? 0.01 : range <= 20 ? 0.5 : 1 });
      slider.value = limit;
      value.textContent = Number(limit.toFixed(2));
    }
    count.textContent = removed ? number(removed) : "";
    drawBars(bars, level);
  };
  return made;
};
const drawBars = (bars, level) => {
  bars.hidden = !level.kept;
  if (!level.kept) return;
  const most = Math.max(1, ...level.kept.map((kept, index) => kept + level.rejected[index]));
  const high = (faces) => (faces ? Math.max(0.6, 20 * Math.sqrt(faces / most)) : 0);
  bars.replaceChildren(...level.kept.flatMap((kept, index) => {
    const whole = high(kept + level.rejected[index]);
    const part = whole * (kept / Math.max(1, kept + level.rejected[index]));
    return [
      svg("rect", { x: index + 0.1, y: 20 - whole, width: 0.8, height: whole - part, class: "nc-bar-out" }),
      svg("rect", { x: index + 0.1, y: 20 - part, width: 0.8, height: part, class: "nc-bar-kept" }),
    ];
  }));
};
const levels = new Map(RULES.map((rule) => [rule.name, levelOf(rule)]));
const defaults = button("defaults", word("defaults"), async () => {
  if (await tried(() => post("revert", { dataset: chosen, defaults: true }))) describe();
});
const panel = make("aside", { class: "nc-levels", "aria-label": word("thresholds") }, meanBox,
  make("details", { open: window.innerWidth > 1080 }, make("summary", {}, word("thresholds")),
    make("div", { class: "nc-level-list" }, ...levels.values(), defaults)));
const body = make("div", { class: "nc-judging" }, panel,
  make("div", { class: "nc-judged" }, make("div", { class: "nc-bar" }, chips, smoothSwitch()), groupBar, shots, sheet, nothing, pager));

let trying = null; // rules that wait for the answer to those before
const tryRules = (rules) => {
  trying = { ...trying, ...rules };
  describe();
};

const chip = (key, text, count) => make("button", {
  type: "button", class: "nc-chip", "data-show": key, "aria-pressed": String(show === key),
  click: (event) => {
    show = key;
    page = 0;
    for (const other of chips.children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
    describe();
  },
}, text, ...(count == null ? [] : [make("span", {}, number(count))]));

const drawDataset = () => {
  if (view !== "dataset") {
    view = "dataset";
    nameField.value = chosen;
    shots.replaceChildren();
    main.replaceChildren(title, facts, done, judged, acts, body);
  }
  const { counts } = seen;
  title.textContent = seen.dataset;
  facts.textContent = [fill("facts", counts), fill("line", counts), `${seen.size} px`, seen.detector,
    ...(seen.saved ? [] : [word("unsaved")])].join(" · ");
  const task = taskOf(chosen);
  done.hidden = task?.state !== "finished";
  if (!done.hidden) done.textContent = fill(task.sent ? "task_finished" : "task_finished_path", { n: task.new_faces, photos: task.photos });
  judged.replaceChildren(...seen.verdict.sentences.map((one, index) => make(index ? "span" : "strong", {}, sentence(one))));
  card.href = seen.card;
  card.hidden = !seen.settled;
  const size = `${seen.mean}`;
  meanBox.hidden = !counts.kept;
  if (mean.dataset.url !== size && counts.kept) mean.dataset.url = mean.src = size;
  for (const rule of RULES) {
    levels.get(rule.name).update(seen.levels[rule.name], seen.rules[rule.name], counts.by_reason[rule.reason]);
  }
  const reasons = Object.entries(counts.by_reason).filter(([name]) => name !== "overruled");
  const wanted = [chip("all", word("all"), counts.photos), chip("sheet", word("sheet")),
    chip("kept", word("kept"), counts.kept), chip("rejected", word("rejected"), counts.rejected),
    ...reasons.map(([name, count]) => chip(name, word(`r_${name}`), count)),
    ...(counts.no_face ? [chip("no_face", word("no_face"), counts.no_face)] : []),
    ...(counts.unreadable ? [chip("unreadable", word("unreadable"), counts.unreadable)] : []),
    ...(seen.changed ? [chip("changed", word("changed"), seen.changed)] : [])];
  const focused = document.activeElement?.dataset?.show;
  chips.replaceChildren(...wanted);
  if (focused) chips.querySelector(`[data-show="${focused}"]`)?.focus();
  drawGroups();
  const isSheet = show === "sheet";
  shots.hidden = isSheet;
  sheet.hidden = !isSheet;
  pager.hidden = isSheet || seen.pages < 2;
  nothing.hidden = isSheet || seen.photos.length > 0;
  if (isSheet) {
    sheet.replaceChildren(...seen.sheet.map((url) => make("li", {}, make("div", { class: "nc-frame" }, make("img", { src: url, alt: "", width: 64, height: 64 })))));
  } else keyed(shots, seen.photos, (photo) => shot(photo, true));
  place.textContent = fill("page", { page: seen.page + 1, pages: seen.pages });
  older.disabled = seen.page === 0;
  newer.disabled = seen.page + 1 >= seen.pages;
  drawSaving();
};
const drawGroups = () => {
  groupBar.hidden = seen.groups.length < 2;
  if (groups.dataset.known !== JSON.stringify(seen.groups)) {
    groups.dataset.known = JSON.stringify(seen.groups);
    groups.replaceChildren(make("option", { value: "" }, word("everybody")),
      ...seen.groups.map(([name, faces]) => make("option", { value: name }, `${name} (${number(faces)})`)));
  }
  groups.value = group;
  removeGroup.hidden = !group;
};
const sentence = ({ name, kept, count }) => {
  if (!name.startsWith("help_")) return fill(`v_${name}`, { kept });
  const reason = name.slice(5);
  return fill("v_help", { count, reason: word(`r_${reason}`), advice: word(`h_${reason}`) });
};

/* Requests -------------------------------------------------------------------------------- */

/* The dataset as it is by the rules tried last; one request at a time, the latest wins. */
let describing = null;
let again = false;
const describe = async () => {
  if (describing) { again = true; return describing; }
  describing = (async () => {
    do {
      again = false;
      const name = chosen;
      const rules = trying;
      trying = null;
      const body = { dataset: name, show: show === "sheet" ? "all" : show, group, page, ...(rules ? { rules } : {}) };
      const answer = await tried(() => post("look", body));
      if (answer && name === chosen && view !== "form" && !again) {
        seen = answer;
        page = answer.page;
        drawDataset();
      }
      if (!answer && !seen) return;
    } while (again);
  })();
  try { await describing; } finally { describing = null; }
  return undefined;
};

const draw = () => {
  if (!overview) return;
  if (!overview.allowed) {
    list.replaceChildren();
    main.replaceChildren(make("p", { class: "nc-note" }, word("visitor")));
    return;
  }
  drawList();
  const task = chosen === null ? null : taskOf(chosen);
  if (task && task.state !== "finished" && !adding) drawTask(task);
  else if (chosen === null) { if (view !== "form") drawForm(); }
  else if (adding) { if (view !== "form") drawForm(); }
  else if (view !== "dataset") {
    if (view !== "looking") main.replaceChildren(make("p", { class: "nc-facts" }, word("looking")));
    view = "looking";
    describe();
  }
};

let watching = null;
const poll = () => {
  watching ??= pollNow().finally(() => { watching = null; });
  return watching;
};
/* The state from now on, not that of a poll already in flight. */
const refresh = async () => {
  await watching;
  await poll();
};
const pollNow = async () => {
  try {
    const first = overview === null;
    overview = await (await request("photos")).json();
    root.classList.remove("nc-gone");
    if (overview.allowed) {
      const names = overview.datasets.map((line) => line.name);
      if (chosen !== null && !names.includes(chosen) && !taskOf(chosen)) chosen = null;
      if (first && chosen === null) {
        chosen = overview.tasks.find((task) => task.state !== "finished")?.dataset ?? names[0] ?? null;
      }
    }
    draw();
  } catch (error) {
    if (!root.classList.contains("nc-gone")) notify(error.message);
    root.classList.add("nc-gone");
  }
};
const isSeen = () => root.offsetParent !== null && !document.hidden;
const isCropping = () => overview?.tasks?.some((task) => task.state === "running");
let ticks = 0;
const timer = setInterval(() => {
  if (!root.isConnected) clearInterval(timer);
  else if (isSeen() && (isCropping() || (ticks += 1) % IDLE_TICKS === 0)) poll();
}, WATCH_EVERY_MS);
const begin = new MutationObserver(() => { if (isSeen()) poll(); });
for (const tab of document.querySelectorAll("[role=tabpanel]")) begin.observe(tab, { attributes: true });
if (isSeen()) poll();
