/* Progress: a run's epochs under one slider, its charts beside. Parts: see progress_*.js. -------- */
const POLL_EVERY_MS = 2000;
const SPEEDS = [4, 8, 16, 30];

let stamp = "";
let seen = null; // the server's last answer
let chosen = "";
let beside = ""; // "" nothing, "." the same run, or another run's name
let playing = null;

const option = (value, text, isChosen = false) => make("option", { value, selected: isChosen }, text);
const button = (id, text, click, kind = "") => make("button", { type: "button", id, class: `nc-button ${kind}`, click }, text);
const going = (state) => ["queued", "starting", "running", "stopping"].includes(state);

/* Both sides: A is the run chosen, B what stands beside it. --------------------------------------- */

const makeSide = (id) => {
  const canvas = make("canvas", { class: "nc-sheet-image", role: "img", "aria-label": words.sheet, width: 1, height: 1 });
  const side = { id, canvas, run: null, reel: null, sheets: [], at: 0 };
  side.view = makeView(canvas, (width, height) => { if (id === "a") fitStage(width, height); });
  return side;
};
const stageFaces = make("div", { class: "nc-stage-faces" });
const divider = make("div", { class: "nc-divider", "aria-hidden": "true" });
const tagA = make("span", { class: "nc-tag" });
const tagB = make("span", { class: "nc-tag" });
const tags = make("div", { class: "nc-tags" }, tagA, tagB);
const [A, B] = ["a", "b"].map(makeSide);
const frameA = make("div", { class: "nc-frame-a" }, A.canvas, stageFaces);
const frameB = make("div", { class: "nc-frame-b" }, B.canvas);
const stage = make("div", { class: "nc-stage nc-stage-progress" }, frameA, frameB, divider);
const noSheets = make("p", { class: "nc-note" }, words.no_sheets);

const fitStage = (width, height) => {
  stage.style.setProperty("--ratio", `${width} / ${height}`);
  const { columns, rows } = facesOn(width, height);
  stageFaces.style.setProperty("--columns", columns);
  stageFaces.style.inset = `${100 / height}% ${100 / width}%`;
  if (stageFaces.children.length === columns * rows) return;
  stageFaces.replaceChildren(...Array.from({ length: columns * rows }, (_, face) => make("button", {
    type: "button", "data-face": face, tabindex: face ? -1 : 0, click: () => openFaceOfSheet(face),
  })));
  nameFaces();
};
const faceName = (face) => `${A.run?.imported ? words.p_face : words.seed} ${face}`;
const nameFaces = () => {
  for (const [face, one] of [...stageFaces.children].entries()) {
    one.title = faceName(face);
    one.setAttribute("aria-label", `${faceName(face)}: ${words.to_epochs}`);
  }
};
stageFaces.addEventListener("keydown", (event) => {
  const face = Number(document.activeElement?.dataset.face);
  const columns = Number(stageFaces.style.getPropertyValue("--columns"));
  const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const to = stageFaces.children[face + move];
  if (move === undefined || !to) return;
  event.preventDefault();
  event.stopPropagation();
  stageFaces.children[face].tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
});

const seenWords = (count) => (count == null ? "" : language === "ko" ? ` ${number(count)}${words.seen}` : ` ${number(count)} ${words.seen}`);
const imagesAt = (run, epoch) => run.figures.images[run.figures.epochs.indexOf(epoch)];

const show = (at) => {
  if (!A.sheets.length) return;
  A.at = Math.max(0, Math.min(A.sheets.length - 1, at));
  const { epoch } = A.sheets[A.at];
  A.view.show(A.at);
  slider.value = A.at;
  slider.setAttribute("aria-valuetext", `${words.epoch} ${epoch}`);
  const isBest = A.run.best?.epoch === epoch;
  label.replaceChildren(make("strong", {}, `${words.epoch} ${epoch}${isBest ? " ★" : ""}`), seenWords(imagesAt(A.run, epoch)));
  charts.cursor(epoch);
  if (beside && together.checked) showBeside(placeOf(B, epoch));
  else nameSides();
};
const showBeside = (at) => {
  if (!B.sheets.length) return;
  B.at = Math.max(0, Math.min(B.sheets.length - 1, at));
  B.view.show(B.at);
  sliderB.value = B.at;
  sliderB.setAttribute("aria-valuetext", `${words.epoch} ${B.sheets[B.at].epoch}`);
  labelB.textContent = `${words.epoch} ${B.sheets[B.at].epoch}`;
  nameSides();
};
/* The place of an epoch on a side: the last sheet that is no later. */
const placeOf = (side, epoch) => Math.max(0, side.sheets.findLastIndex((sheet) => sheet.epoch <= epoch));
const showEpoch = (epoch) => { pause(); show(placeOf(A, epoch)); };
const nameSides = () => {
  const name = (side) => `${side.run.name} · ${words.epoch} ${side.sheets[side.at].epoch}`;
  tags.hidden = !(beside && A.sheets.length && B.sheets.length);
  if (tags.hidden) return;
  tagA.textContent = `A · ${name(A)}`;
  tagB.textContent = `B · ${name(B)}`;
};

/* Slider and playing------------------------------------------------------------------------------ */

const slider = make("input", {
  type: "range", min: 0, max: 0, step: 1, id: "scrub", "aria-label": words.scrub,
  input: () => { pause(); A.view.isStaged() && A.view.restore(); show(Number(slider.value)); },
});
const marks = make("div", { class: "nc-marks", "aria-hidden": "true" });
const play = make("button", {
  type: "button", class: "nc-round", id: "play", "aria-label": words.play, title: words.play,
  click: () => (playing ? pause() : start()),
}, "▶");
const speed = make("select", { id: "speed", "aria-label": words.p_rate }, ...SPEEDS.map((rate) => option(rate, `${rate}/s`, rate === 8)));
const label = make("output", { class: "nc-epoch", id: "epoch-shown", for: "scrub" });
const transport = make("div", { class: "nc-transport" }, play, make("div", { class: "nc-track" }, slider, marks), speed, label);

const setPlay = (sign, word) => { play.textContent = sign; play.title = word; play.setAttribute("aria-label", word); };
const pause = () => { cancelAnimationFrame(playing); playing = null; setPlay("▶", words.play); };
const start = () => {
  if (A.sheets.length < 2) return;
  A.view.isStaged() && A.view.restore();
  if (A.at === A.sheets.length - 1) show(0);
  let last = performance.now();
  const tick = (now) => {
    if (!root.isConnected || A.at >= A.sheets.length - 1) { pause(); return; }
    playing = requestAnimationFrame(tick);
    const due = 1000 / Number(speed.value);
    if (now - last < due - 2 || !isSeen()) return;
    last = Math.max(now - due, last + due);
    show(A.at + 1);
  };
  setPlay("❚❚", words.pause);
  playing = requestAnimationFrame(tick);
};
const drawMarks = () => {
  const last = Math.max(1, A.sheets.length - 1);
  const mark = (epoch, kind, title) => {
    const at = A.sheets.findIndex((sheet) => sheet.epoch === epoch);
    return at < 0 ? [] : [make("i", { class: kind, style: `--at: ${at / last}`, title })];
  };
  const kept = A.run.kept.length < A.sheets.length ? A.run.kept : [];
  marks.replaceChildren(
    ...kept.flatMap((epoch) => mark(epoch, "nc-kept", words.p_kept)),
    ...(A.run.best ? mark(A.run.best.epoch, "nc-best", words.p_best) : []));
};

const isSeen = () => root.offsetParent !== null;
const onKey = (event) => {
  if (!root.isConnected) { document.removeEventListener("keydown", onKey); return; }
  const aim = document.activeElement;
  const busy = aim && aim !== slider && aim.matches("input, textarea, select, button, [role=tab], [contenteditable]");
  const away = document.querySelector("dialog[open]") || event.altKey || event.ctrlKey || event.metaKey;
  if (!isSeen() || !A.sheets.length || busy || away) return;
  const moves = { ArrowLeft: A.at - 1, ArrowRight: A.at + 1, Home: 0, End: A.sheets.length - 1, PageDown: A.at - 10, PageUp: A.at + 10 };
  if (event.key in moves && (aim === slider || event.key.startsWith("Arrow"))) {
    event.preventDefault();
    pause();
    show(moves[event.key]);
  } else if (event.key === " " && (aim === slider || aim === document.body)) {
    event.preventDefault();
    playing ? pause() : start();
  }
};
document.addEventListener("keydown", onKey);

/* Two side by side, or under one wipe ------------------------------------------------------------ */

const besideChoice = make("select", { id: "beside", change: () => setBeside(besideChoice.value) });
const together = make("input", { type: "checkbox", id: "together", checked: true, change: () => show(A.at) });
const wipe = make("input", {
  type: "range", min: 0, max: 100, value: 50, id: "wipe", "aria-label": words.p_wipe,
  input: () => stage.style.setProperty("--wipe", `${wipe.value}%`),
});
const sliderB = make("input", {
  type: "range", min: 0, max: 0, step: 1, id: "scrub-b", "aria-label": words.p_scrub_b,
  input: () => { together.checked = false; showBeside(Number(sliderB.value)); },
});
const labelB = make("output", { class: "nc-epoch", for: "scrub-b" });
const way = (id, text, isChosen) => make("label", { class: "nc-switch" },
  make("input", { type: "radio", name: "way", id, checked: isChosen, change: () => layOut() }), text);
const wayWipe = way("way-wipe", words.p_wipe, true);
const wayBeside = way("way-beside", words.p_side, false);
const comparing = make("div", { class: "nc-comparing", hidden: true },
  make("div", { class: "nc-manner" }, wayWipe, wayBeside,
    make("label", { class: "nc-switch" }, together, words.p_together)),
  make("label", { class: "nc-wipe-row" }, make("span", {}, `A ↔ B`), wipe),
  make("label", { class: "nc-wipe-row" }, make("span", {}, "B"), sliderB, labelB));

const layOut = () => {
  const kind = !beside ? "" : wayWipe.firstChild.checked ? "wipe" : "beside";
  stage.dataset.way = kind;
  root.classList.toggle("nc-is-beside", kind === "beside");
  comparing.hidden = !beside;
  comparing.children[1].hidden = kind !== "wipe";
  nameSides();
};
const setBeside = (name) => {
  beside = name;
  besideChoice.value = name;
  together.checked = name !== ".";
  stamp = "";
  layOut();
  if (name === ".") { setSide(B, A.run); showBeside(0); } else if (!name) setSide(B, null);
  return poll();
};
const dragWipe = (event) => {
  const box = stage.getBoundingClientRect();
  wipe.value = Math.round(((event.clientX - box.left) / box.width) * 100);
  stage.style.setProperty("--wipe", `${wipe.value}%`);
};
divider.addEventListener("pointerdown", (event) => { divider.setPointerCapture(event.pointerId); event.preventDefault(); });
divider.addEventListener("pointermove", (event) => { if (divider.hasPointerCapture(event.pointerId)) dragWipe(event); });

/* One face through all epochs --------------------------------------------------------------------- */

const life = { strip: null, image: null, at: 0, face: null, model: "", index: null };
const lifeLarge = make("canvas", { class: "nc-large", width: FACE_PX, height: FACE_PX, role: "img", "aria-label": words.p_strip });
const lifeFacts = make("p", { class: "nc-facts", id: "life-facts", "aria-live": "polite" });
const lifeTiles = make("div", { class: "nc-tiles", role: "listbox", "aria-label": words.p_strip });
const lifeSlider = make("input", { type: "range", min: 0, max: 0, step: 1, id: "life-scrub", "aria-label": words.scrub, input: () => showLife(Number(lifeSlider.value)) });
const lifeLinks = make("div", {});
const lifeSave = make("a", { class: "nc-button", id: "life-save" }, words.p_save_strip);
const lifeTimelapse = button("life-timelapse", words.p_timelapse, () => { lifeBox.close(); openTimelapse(life.index); });
const lifeBox = make("dialog", {
  class: "nc-viewer nc-life", id: "life",
  click: (event) => { if (event.target === lifeBox) lifeBox.close(); },
  keydown: (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move && event.target !== lifeSlider) { event.preventDefault(); showLife(life.at + move); }
  },
  close: () => { if (life.index !== null) stageFaces.children[life.index]?.focus({ preventScroll: true }); },
},
make("div", { class: "nc-life-top" }, lifeFacts, make("button", { type: "button", class: "nc-round", "aria-label": words.close, title: words.close, click: () => lifeBox.close() }, "✕")),
make("div", { class: "nc-life-body" }, make("div", {}, lifeLarge, lifeSlider), lifeTiles),
make("div", { class: "nc-life-foot" }, lifeLinks, make("div", { class: "nc-leads" }, lifeSave, lifeTimelapse)));

const showLife = (at) => {
  const { strip, image } = life;
  if (!strip) return;
  const last = strip.epochs.length - 1;
  life.at = Math.max(0, Math.min(last, at));
  const epoch = strip.epochs[life.at];
  const pen = lifeLarge.getContext("2d", { alpha: false });
  pen.drawImage(image, ...faceCorner(life.at, strip.columns), FACE_PX, FACE_PX, 0, 0, FACE_PX, FACE_PX);
  lifeSlider.value = life.at;
  lifeSlider.setAttribute("aria-valuetext", `${words.epoch} ${epoch}`);
  const name = life.index === null ? (strip.seed === null ? "z" : `${words.seed} ${strip.seed}`) : faceName(life.index);
  lifeLarge.setAttribute("aria-label", `${name}, ${words.epoch} ${epoch}`);
  lifeLarge.dataset.epoch = epoch;
  const isBest = A.run?.name === life.model && A.run.best?.epoch === epoch;
  lifeFacts.replaceChildren(make("strong", {}, name), ` ${life.model} · ${words.epoch} ${epoch}${isBest ? ` ★ ${words.p_best}` : ""}`);
  for (const [place, tile] of [...lifeTiles.children].entries()) {
    tile.setAttribute("aria-selected", place === life.at);
    tile.tabIndex = place === life.at ? 0 : -1;
  }
  const now = lifeTiles.children[life.at];
  if (now) {
    const top = now.offsetTop - lifeTiles.offsetTop;
    if (top < lifeTiles.scrollTop || top + now.offsetHeight > lifeTiles.scrollTop + lifeTiles.clientHeight) lifeTiles.scrollTop = top - lifeTiles.clientHeight / 2;
  }
  drawLinks(epoch);
  if (life.index !== null && A.run?.name === life.model) show(placeOf(A, epoch));
};
/* Other tabs draw with kept weights: of this epoch, or of the last one kept before it. */
const drawLinks = (epoch) => {
  const kept = A.run?.name === life.model ? A.run.kept : life.strip.epochs;
  const usable = kept.filter((one) => one <= epoch).at(-1) ?? kept[0];
  const key = JSON.stringify([life.face, usable]);
  if (lifeLinks.dataset.key === key) return;
  lifeLinks.dataset.key = key;
  if (usable === undefined || !life.face) { lifeLinks.replaceChildren(); return; }
  const face = { ...life.face, model: life.model, epoch: usable };
  const row = faceLinks(face, () => lifeBox.close());
  row.querySelector("[data-lead=epochs]")?.remove();
  if (usable !== epoch) row.prepend(make("span", { class: "nc-facts" }, `${words.p_with} ${usable}:`));
  lifeLinks.replaceChildren(row);
};

const openLife = async (model, index, from, face, url, options) => {
  Object.assign(life, { strip: null, image: null, model, index, face });
  lifeFacts.textContent = words.p_developing;
  lifeTiles.replaceChildren();
  lifeLinks.replaceChildren();
  lifeLinks.dataset.key = "";
  lifeTimelapse.hidden = index === null;
  lifeBox.setAttribute("aria-label", words.p_strip);
  lifeLarge.getContext("2d").clearRect(0, 0, FACE_PX, FACE_PX);
  if (index !== null) {
    const { columns } = facesOn(A.canvas.width, A.canvas.height);
    lifeLarge.getContext("2d").drawImage(A.canvas, ...faceCorner(index, columns), FACE_PX, FACE_PX, 0, 0, FACE_PX, FACE_PX);
  }
  lifeBox.classList.add("nc-waiting");
  if (!lifeBox.open) lifeBox.showModal();
  const mine = life.opening = {};
  try {
    const strip = await (await request(url, options)).json();
    const image = new Image();
    image.src = strip.png;
    await image.decode();
    if (mine !== life.opening) return;
    Object.assign(life, { strip, image });
    lifeSave.href = strip.png;
    lifeSave.download = `${model}_${strip.seed === null ? "face" : `seed_${strip.seed}`}_epochs.png`;
    lifeSlider.max = strip.epochs.length - 1;
    lifeTiles.style.setProperty("--sprite", `url("${strip.png}")`);
    lifeTiles.style.setProperty("--sprite-width", image.naturalWidth / FACE_PX);
    lifeTiles.replaceChildren(...strip.epochs.map((epoch, place) => {
      const [left, top] = faceCorner(place, strip.columns);
      return make("button", {
        type: "button", role: "option", title: `${words.epoch} ${epoch}`, "aria-label": `${words.epoch} ${epoch}`,
        style: `--x: ${left / FACE_PX}; --y: ${top / FACE_PX}`, "data-epoch": epoch,
        class: A.run?.name === model && A.run.best?.epoch === epoch ? "nc-is-best" : "",
        click: () => { showLife(place); lifeTiles.children[place].focus({ preventScroll: true }); },
      }, make("span", {}, epoch));
    }));
    showLife(strip.epochs.findLastIndex((one) => one <= (from ?? Infinity)));
  } catch (error) {
    if (mine !== life.opening) return;
    lifeBox.close();
    notify(error.message);
  }
  lifeBox.classList.remove("nc-waiting");
};
const openFaceOfSheet = (index) => {
  pause();
  if (A.view.isStaged()) A.view.restore();
  const face = A.run.imported ? null : { seed: index, truncation: 1 };
  return openLife(A.run.name, index, A.sheets[A.at].epoch, face, `progress/strip?${new URLSearchParams({ run: A.run.name, face: index })}`);
};
const openSeed = (model, epoch, face) => openLife(model, null, epoch, face, "progress/seed", {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ run: model, face }),
});
/* A face handed over from another tab: from the sheets if it is on them, else drawn. */
const openFace = async ({ face }) => {
  if (!face) return;
  const isWatched = seen?.runs.some(({ name }) => name === face.model);
  if (isWatched && face.model !== A.run?.name) await choose(face.model);
  const isOnSheet = !("z" in face) && (face.truncation ?? 1) === 1 && face.seed < 64 && A.run?.name === face.model && !A.run.imported && A.sheets.length;
  if (isOnSheet) {
    if (Number.isInteger(face.epoch)) showEpoch(face.epoch);
    openFaceOfSheet(face.seed);
  } else openSeed(face.model, face.epoch, "z" in face ? { z: face.z } : { seed: face.seed, truncation: face.truncation ?? 1 });
};
const seedField = make("input", { type: "number", id: "life-seed", min: 0, step: 1, value: 777 });
const seedForm = make("form", {
  class: "nc-tool", id: "seed-form",
  submit: (event) => {
    event.preventDefault();
    openFace({ face: { model: A.run.name, seed: Number(seedField.value), truncation: 1, epoch: A.sheets[A.at]?.epoch } });
  },
}, make("label", { class: "nc-tool" }, make("span", {}, words.p_any_seed), seedField), make("button", { class: "nc-button", id: "life-open" }, words.to_epochs));

/* The timelapse------------------------------------------------------------------------------------ */

const timelapseWhat = make("select", { id: "timelapse-what" });
const timelapseFace = make("input", { type: "number", id: "timelapse-face", min: 0, max: 63, step: 1, value: 0, "aria-label": words.p_timelapse_face });
const timelapseKind = make("select", { id: "timelapse-format" }, option("mp4", "MP4", true), option("gif", "GIF"));
const timelapseRate = make("select", { id: "timelapse-rate" }, ...SPEEDS.map((rate) => option(rate, `${rate}/s`, rate === 8)));
const timelapseCurves = make("input", { type: "checkbox", id: "timelapse-curves", checked: true });
const timelapseMeter = make("progress", { class: "nc-meter", max: 1, value: 0, "aria-label": words.p_timelapse });
const timelapseStatus = make("p", { class: "nc-facts", id: "timelapse-status", role: "status" });
const timelapseStart = make("button", { class: "nc-button nc-accent", id: "timelapse-start" }, words.p_timelapse_make);
const timelapseSave = make("a", { class: "nc-button nc-accent", id: "timelapse-save", hidden: true }, words.save);
const timelapseShown = make("div", { class: "nc-timelapse-shown", hidden: true });
const field = (text, ...inputs) => make("label", { class: "nc-field" }, make("span", {}, text), ...inputs);
let timelapse = null; // the latest task
const timelapseBox = make("dialog", {
  class: "nc-viewer nc-timelapse", id: "timelapse-box", "aria-label": words.p_timelapse,
  click: (event) => { if (event.target === timelapseBox) timelapseBox.close(); },
  close: () => { timelapse?.cancel(); timelapse = null; timelapseShown.replaceChildren(); },
},
make("div", { class: "nc-timelapse-top" }, make("h2", {}, words.p_timelapse), make("button", { type: "button", class: "nc-round", "aria-label": words.close, title: words.close, click: () => timelapseBox.close() }, "✕")),
make("form", { class: "nc-timelapse-form", submit: (event) => { event.preventDefault(); makeTimelapse(); } },
  field(words.p_timelapse_what, timelapseWhat), field(words.p_face, timelapseFace), field(words.p_timelapse_format, timelapseKind), field(words.p_rate, timelapseRate),
  make("label", { class: "nc-switch" }, timelapseCurves, words.p_timelapse_curves), timelapseStart),
timelapseMeter, make("div", { class: "nc-timelapse-foot" }, timelapseStatus, timelapseSave), timelapseShown);
const layOutTimelapse = () => { timelapseFace.parentElement.hidden = timelapseWhat.value !== "face"; };
timelapseWhat.addEventListener("change", layOutTimelapse);
const openTimelapse = (face = null) => {
  pause();
  timelapseWhat.replaceChildren(option("sheet", words.p_timelapse_sheet, face === null), option("face", words.p_timelapse_face, face !== null));
  if (face !== null) timelapseFace.value = face;
  timelapseFace.max = Math.max(0, stageFaces.children.length - 1);
  timelapseMeter.value = 0;
  timelapseStatus.textContent = `${A.run.name} · ${A.sheets.length} ${words.epochs}`;
  timelapseSave.hidden = timelapseShown.hidden = true;
  timelapseStart.disabled = false;
  layOutTimelapse();
  if (!timelapseBox.open) timelapseBox.showModal();
};
const makeTimelapse = async () => {
  timelapseStart.disabled = true;
  timelapseSave.hidden = timelapseShown.hidden = true;
  timelapseShown.replaceChildren();
  const body = {
    run: A.run.name, format: timelapseKind.value, fps: Number(timelapseRate.value), curves: timelapseCurves.checked,
    face: timelapseWhat.value === "face" ? Number(timelapseFace.value) : null,
  };
  timelapseStatus.textContent = words.p_timelapse_starting;
  timelapse = runTask("progress/timelapse", body, ({ progress }) => {
    timelapseMeter.value = progress;
    if (progress) timelapseStatus.textContent = `${Math.round(100 * progress)} %`;
  });
  try {
    const made = await timelapse.finished;
    if (made) showTimelapse(made.file, body);
  } catch (error) {
    timelapseStatus.textContent = error.message;
  }
  timelapseStart.disabled = false;
};
const showTimelapse = (url, { run, face, format }) => {
  timelapseMeter.value = 1;
  timelapseStatus.textContent = words.p_timelapse_ready;
  timelapseSave.href = url;
  timelapseSave.download = `${run}${face === null ? "" : `_face_${face}`}.${format}`;
  timelapseSave.hidden = timelapseShown.hidden = false;
  timelapseShown.replaceChildren(format === "mp4"
    ? make("video", { src: url, controls: true, loop: true, muted: true, playsinline: true, autoplay: true })
    : make("img", { src: url, alt: timelapseSave.download }));
};

/* A folder of the original script ----------------------------------------------------------------- */

const importFolder = make("input", { type: "text", id: "import-folder", autocomplete: "off", required: true });
const importName = make("input", { type: "text", id: "import-name", autocomplete: "off", maxlength: 80, required: true });
const importStart = make("button", { class: "nc-button nc-accent", id: "import-start" }, words.p_import_do);
const importStatus = make("p", { class: "nc-facts", id: "import-status", role: "status" });
const importBox = make("dialog", {
  class: "nc-viewer nc-timelapse", id: "import-box", "aria-label": words.p_import,
  click: (event) => { if (event.target === importBox) importBox.close(); },
},
make("div", { class: "nc-timelapse-top" }, make("h2", {}, words.p_import), make("button", { type: "button", class: "nc-round", "aria-label": words.close, title: words.close, click: () => importBox.close() }, "✕")),
make("p", { class: "nc-facts" }, words.p_import_why),
make("form", {
  class: "nc-timelapse-form",
  submit: async (event) => {
    event.preventDefault();
    importStart.disabled = true;
    importStatus.textContent = words.p_importing;
    try {
      const { run } = await postJson("progress/import", { folder: importFolder.value, name: importName.value });
      importStatus.textContent = "";
      importBox.close();
      await choose(run);
    } catch (error) {
      importStatus.textContent = error.message;
    }
    importStart.disabled = false;
  },
}, field(words.p_import_folder, importFolder), field(words.name, importName), importStart), importStatus);
const importButton = button("import", words.p_import, () => importBox.showModal());

/* The whole ---------------------------------------------------------------------------------------- */

const runChoice = make("select", { id: "run", change: () => choose(runChoice.value) });
const facts = make("p", { class: "nc-facts", id: "course-facts", "aria-live": "polite" });
const charts = makeCharts({ pick: showEpoch });
const tourButton = button("tour", words.l_tour, async () => {
  if (seen.runs.some(({ name }) => name === props.value.shipped) && chosen !== props.value.shipped) await choose(props.value.shipped);
  tour.start();
});
const quizButton = button("quiz", words.l_quiz, () => { pause(); quiz.start(); });
const timelapseButton = button("timelapse", words.p_timelapse, () => openTimelapse());
const head = make("div", { class: "nc-head" },
  make("label", { class: "nc-field" }, make("span", {}, words.run), runChoice),
  make("label", { class: "nc-field" }, make("span", {}, words.p_compare), besideChoice),
  make("div", { class: "nc-head-acts" }, timelapseButton, tourButton, quizButton, importButton));
const bar = make("div", { class: "nc-bar" }, facts, smoothSwitch());
const left = make("div", { class: "nc-left" }, bar, tags, stage, noSheets, transport, comparing, seedForm);
const controller = {
  stage,
  run: () => A.run,
  count: () => A.sheets.length,
  lastEpoch: () => A.sheets.at(-1)?.epoch ?? 0,
  epochAt: (at) => A.sheets[at].epoch,
  faceCount: () => stageFaces.children.length,
  goTo: (at) => { pause(); show(at); },
  goToEpoch: showEpoch,
  play: start,
  pause: () => pause(),
  chart: (id) => charts.chart(id) ?? stage,
  light: (box) => {
    for (const lit of root.querySelectorAll(".nc-lit")) lit.classList.remove("nc-lit");
    box?.classList.add("nc-lit");
    box?.scrollIntoView({ block: root.clientWidth < 700 ? "start" : "nearest", behavior: "smooth" });
  },
  stageFaces: (draw) => A.view.stage(draw),
  restoreFaces: () => A.view.isStaged() && A.view.restore(),
  hasModern: () => Boolean(modernRun()),
  compareModern: () => { const run = modernRun(); if (run) setBeside(run); },
  compareNothing: () => { if (beside) setBeside(""); },
  focusTour: () => tourButton.focus({ preventScroll: true }),
  drawFace: async (canvas, at, face) => {
    const place = A.reel.nearest(at);
    const picture = await A.reel.picture(place);
    const { columns } = facesOn(picture.width, picture.height);
    canvas.getContext("2d", { alpha: false }).drawImage(picture, ...faceCorner(face, columns), FACE_PX, FACE_PX, 0, 0, FACE_PX, FACE_PX);
  },
};
const modernRun = () => seen.runs.find(({ name, recipe }) => recipe === "modern" && name !== chosen)?.name;
const tour = makeTour(controller);
const quiz = makeQuiz(controller);
const body = [head, left, charts.element, tour.element, lifeBox, timelapseBox, importBox, quiz.element];

const minutesLeft = (seconds) => {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const [count, unit] = minutes < 90 ? [minutes, "minute"] : [Math.round(minutes / 60), "hour"];
  return `${new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(count)} ${words.left}`;
};
const describe = (run) => {
  const parts = [words[`state_${run.state}`] ?? run.state];
  const rows = run.figures.epochs.length;
  if (rows && run.epochs) parts.push(`${rows} ${words.of} ${run.epochs} ${words.epochs}`);
  if (run.state === "running" && run.eta_seconds > 0) parts.push(minutesLeft(run.eta_seconds));
  if (run.best) parts.push(`★ ${words.p_best}: ${words.epoch} ${run.best.epoch} (${run.best.figure.toUpperCase()} ${places(run.best.value, 1)})`);
  if ((["failed", "stopped"].includes(run.state) || run.imported) && run.message) parts.push(run.message);
  facts.className = `nc-facts nc-state-${run.state}`;
  facts.dataset.state = run.state;
  facts.textContent = parts.join(" · ");
};

/* Give a side the run of a run; where the reader is stays, and the newest stays the newest. */
const setSide = (side, run) => {
  const isSame = run && side.run?.name === run.name;
  const wasNewest = side.at >= side.sheets.length - 1;
  const epoch = side.sheets[side.at]?.epoch;
  side.run = run;
  side.sheets = run?.sheets ?? [];
  if (!isSame) {
    side.reel?.close();
    const reel = run ? makeReel(run.name, () => { side.canvas.dataset.held = reel.heldCount(); side.view.refresh(); }) : null;
    side.reel = reel;
    side.view.watch(side.reel);
  }
  side.reel?.update(side.sheets);
  const same = side.sheets.findIndex((sheet) => sheet.epoch === epoch);
  side.at = isSame && !wasNewest && same >= 0 ? same : Math.max(0, side.sheets.length - 1);
};

const drawChoices = () => {
  const key = JSON.stringify([seen.runs.map(({ name }) => name), chosen]);
  if (runChoice.dataset.key === key) return;
  runChoice.dataset.key = key;
  runChoice.replaceChildren(...seen.runs.map(({ name }) => option(name, name, name === chosen)));
  besideChoice.replaceChildren(option("", words.p_nothing, !beside), option(".", words.p_same_run, beside === "."),
    ...seen.runs.filter(({ name }) => name !== chosen).map(({ name }) => option(name, name, name === beside)));
};

const draw = () => {
  importButton.hidden = !seen.may_import;
  if (!seen.run) {
    const empty = emptyState(words.no_run_title, words.no_run, props.value.command);
    empty.append(make("p", {}, button("to-train", words.train, () => openTab("train"), "nc-accent"), importButton));
    root.replaceChildren(empty, importBox);
    return;
  }
  if (!left.isConnected) { head.lastChild.append(importButton); root.replaceChildren(...body); }
  chosen = seen.run.name;
  if (beside && beside !== "." && !seen.other) beside = "";
  drawChoices();
  setSide(A, seen.run);
  setSide(B, beside === "." ? seen.run : beside ? seen.other : null);
  describe(A.run);
  const isEmpty = !A.sheets.length;
  slider.max = Math.max(0, A.sheets.length - 1);
  sliderB.max = Math.max(0, B.sheets.length - 1);
  slider.disabled = play.disabled = A.sheets.length < 2;
  stage.hidden = transport.hidden = isEmpty;
  timelapseButton.disabled = quizButton.disabled = tourButton.disabled = isEmpty;
  noSheets.hidden = !isEmpty;
  seedForm.hidden = !A.run.kept.length;
  nameFaces();
  drawMarks();
  layOut();
  if (beside) showBeside(B.at);
  if (!A.view.isStaged()) show(A.at);
  charts.update(A.run);
};

const choose = async (name) => {
  if (name === chosen && A.run) return;
  pause();
  chosen = name;
  stamp = "";
  if (beside === name) beside = "";
  await poll();
  if (beside) layOut();
};

let polling = null;
const poll = async () => {
  while (polling) await polling;
  let done;
  polling = new Promise((go) => { done = go; });
  const [run, other] = [chosen, beside === "." ? "" : beside];
  try {
    const answer = await request(`progress?${new URLSearchParams({ run, other, stamp })}`);
    if (answer.status !== 204 && run === chosen) {
      seen = await answer.json();
      stamp = seen.stamp;
      if (run && seen.run && seen.run.name !== run) notify(`${words.p_gone} ${run}`);
      draw();
    } else A.reel?.update(A.sheets);
    root.classList.remove("nc-gone");
  } catch (error) {
    if (!root.classList.contains("nc-gone")) notify(error.message);
    root.classList.add("nc-gone");
    if (!seen) root.replaceChildren(make("p", { class: "nc-note" }, error.message));
    stamp = "";
  }
  polling = null;
  done();
};

root.replaceChildren(make("p", { class: "nc-note" }, words.p_developing));
layOut();
const timer = setInterval(() => {
  if (!root.isConnected) clearInterval(timer);
  else if (isSeen() && !document.hidden && !polling) poll();
}, POLL_EVERY_MS);
const opened = new MutationObserver(() => { if (isSeen() && !seen && !polling) poll(); else if (isSeen()) charts.cursor(A.sheets[A.at]?.epoch ?? 0); });
for (const panel of document.querySelectorAll("[role=tabpanel]")) opened.observe(panel, { attributes: true });
if (isSeen()) poll();
onReceive("progress", async (what) => { if (!seen) await poll(); openFace(what); });
