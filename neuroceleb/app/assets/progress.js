/* Progress: a run's epochs under one slider, its charts beside. Parts: see progress_*.js. -------- */
const ASK_EVERY_MS = 2000;
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
  const side = { id, canvas, course: null, reel: null, sheets: [], at: 0 };
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
const faceName = (face) => `${A.course?.imported ? words.p_face : words.seed} ${face}`;
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
const imagesAt = (course, epoch) => course.figures.images[course.figures.epochs.indexOf(epoch)];

const show = (at) => {
  if (!A.sheets.length) return;
  A.at = Math.max(0, Math.min(A.sheets.length - 1, at));
  const { epoch } = A.sheets[A.at];
  A.view.show(A.at);
  slider.value = A.at;
  slider.setAttribute("aria-valuetext", `${words.epoch} ${epoch}`);
  const isBest = A.course.best?.epoch === epoch;
  label.replaceChildren(make("strong", {}, `${words.epoch} ${epoch}${isBest ? " ★" : ""}`), seenWords(imagesAt(A.course, epoch)));
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
  const name = (side) => `${side.course.name} · ${words.epoch} ${side.sheets[side.at].epoch}`;
  tags.hidden = !(beside && A.sheets.length && B.sheets.length);
  if (tags.hidden) return;
  tagA.textContent = `A · ${name(A)}`;
  tagB.textContent = `B · ${name(B)}`;
};

/* Slider and film -------------------------------------------------------------------------------- */

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
  const kept = A.course.kept.length < A.sheets.length ? A.course.kept : [];
  marks.replaceChildren(
    ...kept.flatMap((epoch) => mark(epoch, "nc-kept", words.p_kept)),
    ...(A.course.best ? mark(A.course.best.epoch, "nc-best", words.p_best) : []));
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
  if (name === ".") { takeSide(B, A.course); showBeside(0); } else if (!name) takeSide(B, null);
  return look();
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
const lifeLeads = make("div", {});
const lifeSave = make("a", { class: "nc-button", id: "life-save" }, words.p_save_strip);
const lifeFilm = button("life-film", words.p_film, () => { lifeBox.close(); openFilm(life.index); });
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
make("div", { class: "nc-life-foot" }, lifeLeads, make("div", { class: "nc-leads" }, lifeSave, lifeFilm)));

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
  const isBest = A.course?.name === life.model && A.course.best?.epoch === epoch;
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
  drawLeads(epoch);
  if (life.index !== null && A.course?.name === life.model) show(placeOf(A, epoch));
};
/* Other tabs draw with kept weights: of this epoch, or of the last one kept before it. */
const drawLeads = (epoch) => {
  const kept = A.course?.name === life.model ? A.course.kept : life.strip.epochs;
  const usable = kept.filter((one) => one <= epoch).at(-1) ?? kept[0];
  const key = JSON.stringify([life.face, usable]);
  if (lifeLeads.dataset.key === key) return;
  lifeLeads.dataset.key = key;
  if (usable === undefined || !life.face) { lifeLeads.replaceChildren(); return; }
  const face = { ...life.face, model: life.model, epoch: usable };
  const row = leads(face, () => lifeBox.close());
  row.querySelector("[data-lead=epochs]")?.remove();
  if (usable !== epoch) row.prepend(make("span", { class: "nc-facts" }, `${words.p_with} ${usable}:`));
  lifeLeads.replaceChildren(row);
};

const openLife = async (model, index, from, face, url, options) => {
  Object.assign(life, { strip: null, image: null, model, index, face });
  lifeFacts.textContent = words.p_developing;
  lifeTiles.replaceChildren();
  lifeLeads.replaceChildren();
  lifeLeads.dataset.key = "";
  lifeFilm.hidden = index === null;
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
    const strip = await (await ask(url, options)).json();
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
        class: A.course?.name === model && A.course.best?.epoch === epoch ? "nc-is-best" : "",
        click: () => { showLife(place); lifeTiles.children[place].focus({ preventScroll: true }); },
      }, make("span", {}, epoch));
    }));
    showLife(strip.epochs.findLastIndex((one) => one <= (from ?? Infinity)));
  } catch (error) {
    if (mine !== life.opening) return;
    lifeBox.close();
    say(error.message);
  }
  lifeBox.classList.remove("nc-waiting");
};
const openFaceOfSheet = (index) => {
  pause();
  if (A.view.isStaged()) A.view.restore();
  const face = A.course.imported ? null : { seed: index, truncation: 1 };
  return openLife(A.course.name, index, A.sheets[A.at].epoch, face, `progress/strip?${new URLSearchParams({ run: A.course.name, face: index })}`);
};
const openSeed = (model, epoch, face) => openLife(model, null, epoch, face, "progress/seed", {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ run: model, face }),
});
/* A face handed over from another tab: from the sheets if it is on them, else drawn. */
const openFace = async ({ face }) => {
  if (!face) return;
  const isWatched = seen?.runs.some(({ name }) => name === face.model);
  if (isWatched && face.model !== A.course?.name) await choose(face.model);
  const isOnSheet = !("z" in face) && (face.truncation ?? 1) === 1 && face.seed < 64 && A.course?.name === face.model && !A.course.imported && A.sheets.length;
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
    openFace({ face: { model: A.course.name, seed: Number(seedField.value), truncation: 1, epoch: A.sheets[A.at]?.epoch } });
  },
}, make("label", { class: "nc-tool" }, make("span", {}, words.p_any_seed), seedField), make("button", { class: "nc-button", id: "life-open" }, words.to_epochs));

/* The film ---------------------------------------------------------------------------------------- */

const filmWhat = make("select", { id: "film-what" });
const filmFace = make("input", { type: "number", id: "film-face", min: 0, max: 63, step: 1, value: 0, "aria-label": words.p_film_face });
const filmKind = make("select", { id: "film-format" }, option("mp4", "MP4", true), option("gif", "GIF"));
const filmRate = make("select", { id: "film-rate" }, ...SPEEDS.map((rate) => option(rate, `${rate}/s`, rate === 8)));
const filmCurves = make("input", { type: "checkbox", id: "film-curves", checked: true });
const filmMeter = make("progress", { class: "nc-meter", max: 1, value: 0, "aria-label": words.p_film });
const filmTold = make("p", { class: "nc-facts", id: "film-told", role: "status" });
const filmStart = make("button", { class: "nc-button nc-accent", id: "film-start" }, words.p_film_make);
const filmSave = make("a", { class: "nc-button nc-accent", id: "film-save", hidden: true }, words.save);
const filmShown = make("div", { class: "nc-film-shown", hidden: true });
const field = (text, ...inputs) => make("label", { class: "nc-field" }, make("span", {}, text), ...inputs);
let film = "";
const filmBox = make("dialog", {
  class: "nc-viewer nc-film", id: "film-box", "aria-label": words.p_film,
  click: (event) => { if (event.target === filmBox) filmBox.close(); },
  close: () => { if (film) ask(`progress/film/${film}/give-up`, { method: "POST" }).catch(() => {}); film = ""; filmShown.replaceChildren(); },
},
make("div", { class: "nc-film-top" }, make("h2", {}, words.p_film), make("button", { type: "button", class: "nc-round", "aria-label": words.close, title: words.close, click: () => filmBox.close() }, "✕")),
make("form", { class: "nc-film-form", submit: (event) => { event.preventDefault(); makeFilm(); } },
  field(words.p_film_what, filmWhat), field(words.p_face, filmFace), field(words.p_film_format, filmKind), field(words.p_rate, filmRate),
  make("label", { class: "nc-switch" }, filmCurves, words.p_film_curves), filmStart),
filmMeter, make("div", { class: "nc-film-foot" }, filmTold, filmSave), filmShown);
const layFilm = () => { filmFace.parentElement.hidden = filmWhat.value !== "face"; };
filmWhat.addEventListener("change", layFilm);
const openFilm = (face = null) => {
  pause();
  filmWhat.replaceChildren(option("sheet", words.p_film_sheet, face === null), option("face", words.p_film_face, face !== null));
  if (face !== null) filmFace.value = face;
  filmFace.max = Math.max(0, stageFaces.children.length - 1);
  filmMeter.value = 0;
  filmTold.textContent = `${A.course.name} · ${A.sheets.length} ${words.epochs}`;
  filmSave.hidden = filmShown.hidden = true;
  filmStart.disabled = false;
  layFilm();
  if (!filmBox.open) filmBox.showModal();
};
const makeFilm = async () => {
  filmStart.disabled = true;
  filmSave.hidden = filmShown.hidden = true;
  filmShown.replaceChildren();
  const wishes = {
    run: A.course.name, format: filmKind.value, fps: Number(filmRate.value), curves: filmCurves.checked,
    face: filmWhat.value === "face" ? Number(filmFace.value) : null,
  };
  try {
    const started = await ask("progress/film", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wishes) });
    const mine = film = (await started.json()).film;
    for (;;) {
      const how = await (await ask(`progress/film/${mine}`)).json();
      if (film !== mine) return;
      filmMeter.value = how.total ? how.done / how.total : 0;
      filmTold.textContent = how.total ? `${how.done} / ${how.total}` : words.p_film_begins;
      if (how.state === "made") break;
      if (how.state !== "making") throw new Error(how.error ? translated(how.error) : words.sorry);
      await new Promise((go) => setTimeout(go, 250));
    }
    const url = `progress/film/${mine}/file`;
    filmMeter.value = 1;
    filmTold.textContent = words.p_film_made;
    filmSave.href = url;
    filmSave.download = `${wishes.run}${wishes.face === null ? "" : `_face_${wishes.face}`}.${wishes.format}`;
    filmSave.hidden = filmShown.hidden = false;
    filmShown.replaceChildren(wishes.format === "mp4"
      ? make("video", { src: url, controls: true, loop: true, muted: true, playsinline: true, autoplay: true })
      : make("img", { src: url, alt: filmSave.download }));
  } catch (error) {
    filmTold.textContent = error.message;
  }
  filmStart.disabled = false;
};

/* A folder of the original script ----------------------------------------------------------------- */

const importFolder = make("input", { type: "text", id: "import-folder", autocomplete: "off", required: true });
const importName = make("input", { type: "text", id: "import-name", autocomplete: "off", maxlength: 80, required: true });
const importStart = make("button", { class: "nc-button nc-accent", id: "import-start" }, words.p_import_do);
const importTold = make("p", { class: "nc-facts", id: "import-told", role: "status" });
const importBox = make("dialog", {
  class: "nc-viewer nc-film", id: "import-box", "aria-label": words.p_import,
  click: (event) => { if (event.target === importBox) importBox.close(); },
},
make("div", { class: "nc-film-top" }, make("h2", {}, words.p_import), make("button", { type: "button", class: "nc-round", "aria-label": words.close, title: words.close, click: () => importBox.close() }, "✕")),
make("p", { class: "nc-facts" }, words.p_import_why),
make("form", {
  class: "nc-film-form",
  submit: async (event) => {
    event.preventDefault();
    importStart.disabled = true;
    importTold.textContent = words.p_importing;
    try {
      const answer = await ask("progress/import", {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ folder: importFolder.value, name: importName.value }),
      });
      const { run } = await answer.json();
      importTold.textContent = "";
      importBox.close();
      await choose(run);
    } catch (error) {
      importTold.textContent = error.message;
    }
    importStart.disabled = false;
  },
}, field(words.p_import_folder, importFolder), field(words.name, importName), importStart), importTold);
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
const filmButton = button("film", words.p_film, () => openFilm());
const head = make("div", { class: "nc-head" },
  make("label", { class: "nc-field" }, make("span", {}, words.run), runChoice),
  make("label", { class: "nc-field" }, make("span", {}, words.p_compare), besideChoice),
  make("div", { class: "nc-head-acts" }, filmButton, tourButton, quizButton, importButton));
const bar = make("div", { class: "nc-bar" }, facts, smoothSwitch());
const left = make("div", { class: "nc-left" }, bar, tags, stage, noSheets, transport, comparing, seedForm);
const stand = {
  stage,
  course: () => A.course,
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
const tour = makeTour(stand);
const quiz = makeQuiz(stand);
const body = [head, left, charts.element, tour.element, lifeBox, filmBox, importBox, quiz.element];

const minutesLeft = (seconds) => {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const [count, unit] = minutes < 90 ? [minutes, "minute"] : [Math.round(minutes / 60), "hour"];
  return `${new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(count)} ${words.left}`;
};
const describe = (course) => {
  const parts = [words[`state_${course.state}`] ?? course.state];
  const rows = course.figures.epochs.length;
  if (rows && course.epochs) parts.push(`${rows} ${words.of} ${course.epochs} ${words.epochs}`);
  if (course.state === "running" && course.eta_seconds > 0) parts.push(minutesLeft(course.eta_seconds));
  if (course.best) parts.push(`★ ${words.p_best}: ${words.epoch} ${course.best.epoch} (${course.best.figure.toUpperCase()} ${places(course.best.value, 1)})`);
  if ((["failed", "stopped"].includes(course.state) || course.imported) && course.message) parts.push(translated(course.message));
  facts.className = `nc-facts nc-state-${course.state}`;
  facts.dataset.state = course.state;
  facts.textContent = parts.join(" · ");
};

/* Give a side the course of a run; where the reader is stays, and the newest stays the newest. */
const takeSide = (side, course) => {
  const isSame = course && side.course?.name === course.name;
  const wasNewest = side.at >= side.sheets.length - 1;
  const epoch = side.sheets[side.at]?.epoch;
  side.course = course;
  side.sheets = course?.sheets ?? [];
  if (!isSame) {
    side.reel?.close();
    const reel = course ? makeReel(course.name, () => { side.canvas.dataset.held = reel.heldCount(); side.view.hear(); }) : null;
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
  takeSide(A, seen.run);
  takeSide(B, beside === "." ? seen.run : beside ? seen.other : null);
  describe(A.course);
  const isEmpty = !A.sheets.length;
  slider.max = Math.max(0, A.sheets.length - 1);
  sliderB.max = Math.max(0, B.sheets.length - 1);
  slider.disabled = play.disabled = A.sheets.length < 2;
  stage.hidden = transport.hidden = isEmpty;
  filmButton.disabled = quizButton.disabled = tourButton.disabled = isEmpty;
  noSheets.hidden = !isEmpty;
  seedForm.hidden = !A.course.kept.length;
  nameFaces();
  drawMarks();
  layOut();
  if (beside) showBeside(B.at);
  if (!A.view.isStaged()) show(A.at);
  charts.update(A.course);
};

const choose = async (name) => {
  if (name === chosen && A.course) return;
  pause();
  chosen = name;
  stamp = "";
  if (beside === name) beside = "";
  await look();
  if (beside) layOut();
};

let asking = null;
const look = async () => {
  while (asking) await asking;
  let done;
  asking = new Promise((go) => { done = go; });
  const [run, other] = [chosen, beside === "." ? "" : beside];
  try {
    const answer = await ask(`progress?${new URLSearchParams({ run, other, stamp })}`);
    if (answer.status !== 204 && run === chosen) {
      seen = await answer.json();
      stamp = seen.stamp;
      if (run && seen.run && seen.run.name !== run) say(`${words.p_gone} ${run}`);
      draw();
    } else A.reel?.update(A.sheets);
    root.classList.remove("nc-gone");
  } catch (error) {
    if (!root.classList.contains("nc-gone")) say(error.message);
    root.classList.add("nc-gone");
    if (!seen) root.replaceChildren(make("p", { class: "nc-note" }, error.message));
    stamp = "";
  }
  asking = null;
  done();
};

root.replaceChildren(make("p", { class: "nc-note" }, words.p_developing));
layOut();
const timer = setInterval(() => {
  if (!root.isConnected) clearInterval(timer);
  else if (isSeen() && !document.hidden && !asking) look();
}, ASK_EVERY_MS);
const opened = new MutationObserver(() => { if (isSeen() && !seen && !asking) look(); else if (isSeen()) charts.cursor(A.sheets[A.at]?.epoch ?? 0); });
for (const panel of document.querySelectorAll("[role=tabpanel]")) opened.observe(panel, { attributes: true });
if (isSeen()) look();
take("progress", async (what) => { if (!seen) await look(); openFace(what); });
