const { words, make, number, smoothSwitch, emptyState, request, postJson, runTask, notify, faceLinks, onReceive, address } = window.neuroceleb;
const first = props.value;
const root = element.querySelector(".nc-walk");
const SIDE = 64;
const BUSY_AFTER_MS = 300;
const STRIP_FRAMES = 24;
const LETTERS = "ABCDEFGHIJKL";

let models = [];
let keys = first.keys.map((seed) => ({ seed, truncation: 1 }));
let frames = 0; // how many there are in all
let keyFrames = [];
let pieces = []; // bitmaps of `first.piece` frames each, as they come
let at = 0;
let playing = null;
let isLinked = ["keys", "loop", "way", "easing", "leg"].some((name) => address.get(name) != null);

/* The stage: one frame, and its slider ----------------------------------- */

const stage = make("canvas", { class: "nc-stage-canvas", width: SIDE, height: SIDE, role: "img", id: "walk-stage" });
const brush = stage.getContext("2d");
const slider = make("input", {
  type: "range", min: 0, max: 0, step: 1, value: 0, id: "walk-scrub", class: "nc-range", "aria-label": words.walk_scrub,
  input: () => { pause(); show(Number(slider.value)); },
});
const round = (id, word, sign, click) =>
  make("button", { type: "button", class: "nc-round", id, "aria-label": word, title: word, click }, sign);
const playButton = round("walk-play", words.play, "▶", () => (playing ? pause() : play()));
const label = make("output", { class: "nc-figure", for: "walk-scrub", id: "walk-at" });
const fps = make("select", { id: "walk-fps", "aria-label": words.walk_fps }, ...[12, 24, 30, 60].map((one) =>
  make("option", { value: one, selected: one === 30 }, `${one} ${words.walk_a_second}`)));

const pieceOf = (frame) => pieces[Math.floor(frame / first.piece)];
const put = (target, frame, x = 0, y = 0) => {
  const piece = pieceOf(frame);
  if (!piece) return false;
  const place = frame % first.piece;
  target.drawImage(piece, (place % first.columns) * SIDE, Math.floor(place / first.columns) * SIDE, SIDE, SIDE, x, y, SIDE, SIDE);
  return true;
};
const nameOf = (frame) => {
  const key = keyFrames.indexOf(frame);
  if (key >= 0) return `${LETTERS[key]} · ${keys[key]?.seed == null ? words.face_of_z : `${words.seed} ${keys[key].seed}`}`;
  const before = keyFrames.findLastIndex((one) => one < frame);
  const after = (before + 1) % keyFrames.length;
  const end = after === 0 ? frames : keyFrames[after];
  const share = Math.round((100 * (frame - keyFrames[before])) / (end - keyFrames[before]));
  return `${LETTERS[before]} → ${LETTERS[after]} ${share} %`;
};
const show = (frame) => {
  if (!frames) return;
  at = Math.max(0, Math.min(frames - 1, frame));
  slider.value = at;
  put(brush, at);
  const name = nameOf(at);
  label.textContent = `${at + 1} / ${frames}`;
  caption.textContent = name;
  slider.setAttribute("aria-valuetext", name);
  stage.setAttribute("aria-label", `${words.walk_frame} ${at + 1}: ${name}`);
  marker.style.left = `${(100 * (at + 0.5)) / frames}%`;
};

const pause = () => {
  cancelAnimationFrame(playing);
  playing = null;
  playButton.textContent = "▶";
  playButton.title = words.play;
  playButton.setAttribute("aria-label", words.play);
};
const play = () => {
  if (frames < 2) return;
  if (at === frames - 1) show(0);
  let began = null;
  let from = at;
  const step = (now) => {
    if (!root.isConnected || root.offsetParent === null) { pause(); return; }
    began ??= now;
    const next = from + Math.floor(((now - began) * Number(fps.value)) / 1000);
    if (next >= frames && !loop.checked) { show(frames - 1); pause(); return; }
    if (next >= frames) { began = now; from = 0; }
    if (next !== at) show(next >= frames ? 0 : next);
    playing = requestAnimationFrame(step);
  };
  playing = requestAnimationFrame(step);
  playButton.textContent = "❚❚";
  playButton.title = words.pause;
  playButton.setAttribute("aria-label", words.pause);
};

const caption = make("p", { class: "nc-facts nc-walk-name", id: "walk-name" });
const marker = make("i", { class: "nc-strip-marker", "aria-hidden": "true" });
const strip = make("canvas", { class: "nc-strip-canvas", "aria-hidden": "true", id: "walk-strip" });
const scrubStrip = (event) => {
  if (event.type === "pointermove" && !event.buttons) return;
  const box = strip.getBoundingClientRect();
  pause();
  show(Math.floor(((event.clientX - box.left) / box.width) * frames));
};
strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); scrubStrip(event); });
strip.addEventListener("pointermove", scrubStrip);
const drawStrip = () => {
  const columns = Math.min(frames, STRIP_FRAMES);
  strip.width = columns * SIDE;
  strip.height = SIDE;
  const target = strip.getContext("2d");
  for (let column = 0; column < columns; column += 1) {
    put(target, Math.floor(((column + 0.5) * frames) / columns), column * SIDE, 0);
  }
};

/* The frame that is shown, as a face ------------------------------------------------------ */

const faceHere = async () => (await postJson("walk/face", { ...parameters(), frame: at }));
const savePng = async () => {
  try {
    const found = await faceHere();
    make("a", { href: found.png, download: found.name }).click();
  } catch (error) {
    notify(error.message);
  }
};
const saveFrame = make("button", { type: "button", class: "nc-button", id: "walk-save", click: savePng }, words.save_png);
const ways = make("div", { class: "nc-ways" });

/* The key faces ---------------------------------------------------------------------------- */

const list = make("ol", { class: "nc-keys", "aria-label": words.walk_keys });
const newSeed = () => Math.floor(Math.random() * 1_000_000);
const changeKeys = (changed, focus = null) => {
  keys = changed;
  drawKeys();
  if (focus) list.querySelector(focus)?.focus();
  renew();
};
const moved = (index, to) => {
  const changed = [...keys];
  changed.splice(to, 0, ...changed.splice(index, 1));
  return changed;
};
const drawKeys = () => {
  list.replaceChildren(...keys.map((key, index) => {
    const letter = LETTERS[index];
    const small = (id, word, sign, click, disabled) => make("button", {
      type: "button", class: "nc-small", "data-do": id, title: word, "aria-label": `${letter}: ${word}`, disabled, click,
    }, sign);
    const seed = make("input", {
      type: "text", inputmode: "numeric", autocomplete: "off", value: key.seed ?? "", placeholder: key.seed == null ? "z" : "",
      "aria-label": `${letter}: ${words.seed}`, "data-key": index, disabled: false,
      change: () => {
        const text = seed.value.trim();
        const changed = [...keys];
        changed[index] = { seed: /^\d{1,16}$/.test(text) ? Number(text) : text, truncation: key.truncation ?? 1 };
        changeKeys(changed);
      },
    });
    return make("li", {},
      make("button", {
        type: "button", class: "nc-frame", title: `${words.walk_go} ${letter}`, "aria-label": `${words.walk_go} ${letter}`,
        click: () => { pause(); show(keyFrames[index] ?? 0); },
      }, make("canvas", { width: SIDE, height: SIDE, "data-thumb": index, "aria-hidden": "true" }), make("b", { "aria-hidden": "true" }, letter)),
      seed,
      make("div", { class: "nc-key-acts" },
        small("roll", words.walk_roll, "⚄", () => changeKeys(keys.with(index, { seed: newSeed(), truncation: 1 }), `li:nth-child(${index + 1}) [data-do=roll]`)),
        small("left", words.walk_left, "←", () => changeKeys(moved(index, index - 1), `li:nth-child(${index}) [data-do=left]`), index === 0),
        small("right", words.walk_right, "→", () => changeKeys(moved(index, index + 1), `li:nth-child(${index + 2}) [data-do=right]`), index === keys.length - 1),
        small("out", words.walk_out, "✕", () => changeKeys(keys.toSpliced(index, 1), "#walk-add"), keys.length <= first.min_keys)));
  }), make("li", { class: "nc-add" }, add));
  add.disabled = keys.length >= first.max_keys;
  drawThumbs();
};
const drawThumbs = () => {
  for (const canvas of list.querySelectorAll("[data-thumb]")) {
    const frame = keyFrames[Number(canvas.dataset.thumb)];
    if (frame !== undefined) put(canvas.getContext("2d"), frame);
  }
};
const add = make("button", {
  type: "button", class: "nc-button", id: "walk-add",
  click: () => changeKeys([...keys, { seed: newSeed(), truncation: 1 }], `li:nth-child(${keys.length + 1}) input`),
}, words.walk_add);

/* The way ---------------------------------------------------------------------------------- */

const option = (prefix) => (name) => make("option", { value: name }, words[`${prefix}_${name}`] ?? name);
const field = (word, id, input) => make("div", { class: "nc-control" }, make("label", { for: id }, word), make("div", { class: "nc-joined" }, input));
const model = make("select", { id: "walk-model", change: () => { listEpochs(); renew(); } });
const epoch = make("select", { id: "walk-epoch", change: () => renew() });
const way = make("select", { id: "walk-way", change: () => renew() }, ...first.methods.map(option("way")));
const easing = make("select", { id: "walk-easing", change: () => renew() }, ...first.easings.map(option("easing")));
const leg = make("input", {
  id: "walk-leg", type: "number", min: 1, max: first.max_frames, value: first.frames,
  input: () => { if (leg.value) renew(); },
});
const loop = make("input", { id: "walk-loop", type: "checkbox", change: () => renew() });
const settings = make("div", { class: "nc-walk-settings" },
  field(words.model, "walk-model", model),
  field(words.epoch, "walk-epoch", epoch),
  field(words.walk_way, "walk-way", way),
  field(words.walk_easing, "walk-easing", easing),
  field(words.walk_leg, "walk-leg", leg),
  make("label", { class: "nc-switch nc-loop" }, loop, words.walk_loop));

/* Video and strip -------------------------------------------------------------------------- */

const suffix = make("select", { id: "video-suffix", "aria-label": words.video_kind }, ...first.suffixes.map(option("video")));
const scale = make("select", { id: "video-scale", "aria-label": words.video_scale }, ...first.scales.map((one) =>
  make("option", { value: one, selected: one === 4 }, `${SIDE * one} px`)));
const videoBar = make("progress", { class: "nc-meter", max: 1, value: 0, "aria-label": words.video_making, hidden: true, id: "video-progress" });
const videoStatus = make("p", { class: "nc-facts", "aria-live": "polite", id: "video-status" });
const videoButton = make("button", { type: "button", class: "nc-button nc-accent", id: "video-make", click: () => (video ? cancelVideo() : makeVideo()) }, words.video_save);
let video = null; // the running task
suffix.addEventListener("change", () => { scale.disabled = suffix.value === ".png"; });

const endVideo = (text = "") => {
  video = null;
  videoBar.hidden = true;
  videoButton.textContent = words.video_save;
  videoStatus.textContent = text;
};
const cancelVideo = () => {
  video.cancel();
  endVideo(words.video_cancelled);
};
const makeVideo = async () => {
  const body = { ...parameters(), suffix: suffix.value, scale: Number(scale.value), fps: Number(fps.value) };
  const task = runTask("walk/video", body, ({ progress }) => {
    videoBar.value = progress;
    videoStatus.textContent = `${Math.round(100 * progress)} %`;
  });
  video = task;
  videoStatus.textContent = "";
  videoBar.hidden = false;
  videoBar.value = 0;
  videoButton.textContent = words.cancel;
  try {
    const made = await task.finished;
    if (video !== task) return;
    if (made) make("a", { href: made.file, download: "" }).click();
    endVideo(made ? words.video_ready : words.video_cancelled);
  } catch (error) {
    if (video === task) endVideo();
    notify(error.message);
  }
};
const videos = make("div", { class: "nc-videos" },
  make("div", { class: "nc-joined" }, suffix, scale, videoButton), videoBar, videoStatus);

/* Requesting frames: the first piece moves the slider, the others follow ------------------- */

const parameters = () => ({
  model: model.value, epoch: epoch.value, keys, loop: loop.checked, method: way.value, easing: easing.value,
  frames: leg.value,
});
const pieceBar = make("progress", { class: "nc-meter", max: 1, value: 1, "aria-label": words.walk_drawing });
let running = null;
let waiting = null;

const bitmap = async (answer) => createImageBitmap(await answer.blob());
const fetchPiece = async (what, start, signal) => {
  const answer = await request("walk", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...what, start }), signal,
  });
  return { answer, picture: await bitmap(answer) };
};
const walkOn = async () => {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const what = parameters();
  const slow = setTimeout(() => root.classList.add("nc-busy"), BUSY_AFTER_MS);
  try {
    const share = frames > 1 ? at / (frames - 1) : 0;
    const { answer, picture } = await fetchPiece(what, 0, signal);
    if (signal.aborted) return;
    frames = Number(answer.headers.get("Walk-Frames"));
    keyFrames = answer.headers.get("Walk-Keys").split(",").map(Number);
    pieces = [picture];
    slider.max = frames - 1;
    show(Math.round(share * (frames - 1)));
    root.dataset.keys = keys.map((key) => key.seed ?? "z").join(",");
    root.dataset.frames = frames;
    const count = Math.ceil(frames / first.piece);
    pieceBar.classList.toggle("nc-shown", count > 1);
    drawThumbs();
    drawStrip();
    putAddress();
    for (let piece = 1; piece < count; piece += 1) {
      pieceBar.value = piece / count;
      const { picture: next } = await fetchPiece(what, piece * first.piece, signal);
      if (signal.aborted) return;
      pieces[piece] = next;
      if (Math.floor(at / first.piece) === piece) show(at);
      drawThumbs();
      drawStrip();
    }
    pieceBar.value = 1;
    pieceBar.classList.remove("nc-shown");
    root.dataset.whole = root.dataset.keys;
  } catch (error) {
    if (!signal.aborted && error.name !== "AbortError") notify(error.message);
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) root.classList.remove("nc-busy");
  }
};
const renew = () => {
  isLinked = true;
  delete root.dataset.whole;
  clearTimeout(waiting);
  waiting = setTimeout(walkOn, 0);
};

/* The address ------------------------------------------------------------------------------ */

const putAddress = () => {
  if (!isLinked || keys.some((key) => key.seed == null)) return;
  const isPlain = keys.every((key) => key.truncation === 1);
  address.put({
    model: model.value, epoch: epoch.value, keys: isPlain ? keys.map((key) => key.seed).join(",") : null,
    loop: loop.checked ? "yes" : null, way: way.value === first.methods[0] ? null : way.value,
    easing: easing.value === first.easings[0] ? null : easing.value,
    leg: Number(leg.value) === first.frames ? null : leg.value,
  });
};
const pick = (select, value) => {
  const there = [...select.options].some((one) => one.value === value);
  if (there) select.value = value;
  return there;
};
const listEpochs = () => {
  const chosen = models.find((one) => one.name === model.value);
  epoch.replaceChildren(...(chosen?.epochs ?? []).map((one) => make("option", { value: one }, String(one))));
};
const readAddress = () => {
  const wanted = address.get("model");
  if (wanted != null) pick(model, wanted);
  listEpochs();
  if (address.get("epoch") != null) pick(epoch, address.get("epoch"));
  const listed = (address.get("keys") ?? "").split(",").filter((text) => /^\d{1,16}$/.test(text));
  if (address.get("keys") != null && (listed.length < first.min_keys || listed.length > first.max_keys)) notify(words.walk_bad_link);
  else if (listed.length) keys = listed.map((text) => ({ seed: Number(text), truncation: 1 }));
  loop.checked = address.get("loop") === "yes";
  pick(way, address.get("way"));
  pick(easing, address.get("easing"));
  const frameCount = Number(address.get("leg"));
  if (Number.isInteger(frameCount) && frameCount >= 1 && frameCount <= first.max_frames) leg.value = frameCount;
};

/* The start -------------------------------------------------------------------------------- */

const onKey = (event) => {
  if (!root.isConnected) { document.removeEventListener("keydown", onKey); return; }
  const aim = document.activeElement;
  const isFree = !aim || aim === document.body || aim === slider || aim === stage;
  if (root.offsetParent === null || !frames || !isFree || event.altKey || event.ctrlKey || event.metaKey) return;
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: frames - 1, PageUp: at - 10, PageDown: at + 10 }[event.key];
  if (to !== undefined) { event.preventDefault(); pause(); show(to); }
  else if (event.key === " ") { event.preventDefault(); playing ? pause() : play(); }
};

const loadModels = async () => {
  models = await (await request("models")).json();
  model.replaceChildren(...models.map((one) => make("option", { value: one.name }, one.name)));
};
const layOut = () => root.replaceChildren(
  make("div", { class: "nc-walk-left" }, stage,
    make("div", { class: "nc-walk-line" }, caption, smoothSwitch()),
    make("div", { class: "nc-transport" }, playButton, slider, label, fps),
    pieceBar,
    make("div", { class: "nc-strip" }, strip, marker),
    make("div", { class: "nc-ways" }, saveFrame, ways)),
  make("div", { class: "nc-walk-right" },
    make("h2", {}, words.walk_keys), list,
    make("h2", {}, words.walk_path), settings,
    make("h2", {}, words.video), videos));

const begin = async () => {
  root.replaceChildren(make("p", { class: "nc-facts" }, words.developing));
  try {
    await loadModels();
  } catch (error) {
    root.replaceChildren(make("p", { class: "nc-facts" }, error.message));
    setTimeout(begin, 5_000);
    return;
  }
  if (!models.length) {
    root.replaceChildren(emptyState(words.no_model_title, words.no_model, first.command));
    return;
  }
  readAddress();
  layOut();
  ways.replaceChildren(faceLinks(async () => (await faceHere()).face, pause));
  drawKeys();
  document.addEventListener("keydown", onKey);
  onReceive("interpolate", receiveFace);
  await walkOn();
};
const receiveFace = ({ as, face }) => {
  if (!face) return;
  if (face.model !== model.value && pick(model, face.model)) listEpochs();
  if (face.epoch != null) pick(epoch, String(face.epoch));
  const key = face.z ? { z: face.z } : { seed: face.seed, truncation: face.truncation ?? 1 };
  if (as === "add" && keys.length < first.max_keys) changeKeys([...keys, key]);
  else changeKeys(keys.with(as === "a" ? 0 : keys.length - 1, key));
};
begin();
