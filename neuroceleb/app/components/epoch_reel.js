/* The sample sheets of a run under one slider; two of them under a wipe; one face through the epochs. */
import { makeQuiz } from "./epoch_quiz.js";
import { FACE_PX, corner, layoutOf, makeSheets, makeView } from "./epoch_sheets.js";
import { make, number, roveFocus, t } from "./dom.js";
import { leadButtons, makePlayer, makeViewer } from "./parts.js";

/**
 * @typedef {{ run: string, sheets: [number, string, boolean][], kept: number[], best: number | null, seeded: boolean }} Side
 * @typedef {{ id: string, epoch?: number | null, play?: boolean, collapse?: boolean, face?: Record<string, any> }} Command
 * @typedef {{ a: Side, b: Side | null, command?: Command } | null} Value
 */

const SPEEDS = [4, 8, 16, 30];
const REST_MS = 300;
/** @type {Side} */
const NOTHING = { run: "", sheets: [], kept: [], best: null, seeded: false };
const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const range = (name, label, input, attributes = {}) =>
  make("input", { type: "range", class: `nc-range ${name}`, min: 0, max: 0, step: 1, "aria-label": label, input, ...attributes });
const radio = (name, value, label, change) => make("label", { class: "nc-switch" },
  make("input", { type: "radio", name, value, checked: value === "wipe", change }), label);
const epochWords = (epoch) => t("Epoch {epoch}", { epoch: number(epoch) });

export const mount = ({ element, props, trigger, watch, server }) => {
  let done = ""; // the id of the last command
  let reported = "";
  let resting = 0;
  let isHeld = false; // the slider, by a pointer

  /* Both sides: what is shown, and what stands beside it. */
  const makeSide = (/** @type {string} */ name) => {
    const canvas = make("canvas", { class: `nc-pixels nc-reel-${name}`, role: "img", width: 1, height: 1 });
    const tag = make("span", { class: "nc-facts" });
    const sheets = makeSheets(server, (held) => { canvas.dataset.held = held; side.view.refresh(); });
    const side = { name, canvas, tag, sheets, at: 0, value: NOTHING, view: makeView(canvas, sheets, fit) };
    return side;
  };
  const faces = make("div", { class: "nc-reel-faces" });
  const divider = make("div", { class: "nc-reel-divider", "aria-hidden": "true" });
  const fit = (canvas) => {
    if (canvas !== A.canvas) return;
    const { columns, rows } = layoutOf(canvas);
    stage.style.setProperty("--ratio", `${canvas.width} / ${canvas.height}`);
    faces.style.setProperty("--columns", columns);
    if (faces.children.length === columns * rows) return;
    faces.replaceChildren(...Array.from({ length: columns * rows }, (_, place) => make("button", {
      type: "button", tabindex: place ? -1 : 0, click: () => openStrip({ place }),
    })));
    nameFaces();
  };
  const A = makeSide("a");
  const B = makeSide("b");
  const stage = make("div", { class: "nc-reel-stage" },
    make("div", { class: "nc-reel-frame" }, A.canvas, faces), make("div", { class: "nc-reel-frame" }, B.canvas), divider);
  const faceName = (place) => t(A.value.seeded ? "Seed {seed}" : "Face {seed}", { seed: place });
  const nameFaces = () => [...faces.children].forEach((one, place) => {
    one.title = faceName(place);
    one.setAttribute("aria-label", `${faceName(place)}: ${t("Its epochs")}`);
  });
  roveFocus(faces, "button", () => Number(faces.style.getPropertyValue("--columns")) || 1);

  /* The slider, and playing. */
  const scrub = range("nc-reel-scrub", t("Epoch of the sample sheet"), () => { pause(); show(Number(scrub.value)); });
  const marks = make("div", { class: "nc-reel-marks", "aria-hidden": "true" });
  const speed = make("select", { class: "nc-reel-speed", "aria-label": t("Epochs a second") },
    ...SPEEDS.map((rate) => make("option", { value: rate, selected: rate === 8 }, `${rate}/s`)));
  const caption = make("output", { class: "nc-facts nc-reel-epoch" });
  const player = makePlayer(element, () => {
    if (A.value.sheets.length < 2) return null;
    if (A.at >= A.value.sheets.length - 1) show(0);
    let last = performance.now();
    return (now) => {
      const due = 1000 / Number(speed.value);
      const isEnd = A.at >= A.value.sheets.length - 1;
      if (isEnd) show(A.at); // to rest there
      else if (now - last >= due - 2 && element.offsetParent) {
        last = Math.max(now - due, last + due);
        show(A.at + 1);
      }
      return !isEnd;
    };
  }, { class: "nc-round nc-reel-play" });
  const { pause, play } = player;
  const transport = make("div", { class: "nc-transport" }, player.button, make("div", { class: "nc-reel-track" }, scrub, marks), speed, caption);

  const show = (/** @type {number} */ at) => {
    if (!A.value.sheets.length) return;
    A.at = Math.max(0, Math.min(A.value.sheets.length - 1, at));
    const [epoch] = A.value.sheets[A.at];
    A.view.show(A.at);
    scrub.value = A.at;
    scrub.setAttribute("aria-valuetext", epochWords(epoch));
    const best = A.value.best === epoch ? ` ★ ${t("best")}` : "";
    caption.replaceChildren(make("strong", {}, epochWords(epoch)), best);
    document.dispatchEvent(new CustomEvent("neuroceleb:epoch", { detail: { epoch } }));
    if (together.checked) showBeside(placeOf(B.value, epoch));
    nameSides();
    clearTimeout(resting);
    resting = setTimeout(() => rest(epoch, A.at === A.value.sheets.length - 1), REST_MS);
  };
  const rest = (epoch, isNewest) => {
    if (player.isPlaying() || isHeld) return;
    A.view.settle();
    B.view.settle();
    if (reported === `${epoch} ${isNewest}`) return;
    reported = `${epoch} ${isNewest}`;
    trigger("rest", { epoch, is_newest: isNewest });
  };
  /** The last sheet that is no later than an epoch. @param {Side} side @param {number} epoch */
  const placeOf = (side, epoch) => Math.max(0, side.sheets.findLastIndex((sheet) => sheet[0] <= epoch));
  const showBeside = (/** @type {number} */ at) => {
    if (!B.value.sheets.length) return;
    B.at = Math.max(0, Math.min(B.value.sheets.length - 1, at));
    B.view.show(B.at);
    scrubB.value = B.at;
    scrubB.setAttribute("aria-valuetext", epochWords(B.value.sheets[B.at][0]));
    nameSides();
  };
  const nameSides = () => {
    for (const { name, tag, at, value } of [A, B]) {
      tag.textContent = B.value.run && value.sheets[at] ? `${name.toUpperCase()} · ${value.run} · ${epochWords(value.sheets[at][0])}` : "";
    }
  };
  const step = (event) => {
    const { activeElement: focus } = document;
    const isElsewhere = focus && focus !== document.body && focus !== scrub;
    if (!element.offsetParent || isElsewhere || !A.value.run || document.querySelector("dialog[open]") || event.altKey || event.ctrlKey || event.metaKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10 }[event.key];
    if (event.key === " ") player.button.click();
    else if (by) { pause(); show(A.at + by); } else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", step);
  scrub.addEventListener("pointerdown", () => { isHeld = true; });
  window.addEventListener("pointerup", () => { if (isHeld) { isHeld = false; show(A.at); } });

  /* Two under one wipe, or side by side. */
  const together = make("input", { type: "checkbox", checked: true, change: () => show(A.at) });
  const setWipe = (percent) => { wipe.value = percent; stage.style.setProperty("--wipe", `${percent}%`); };
  const wipe = range("nc-reel-wipe", t("Wipe"), () => setWipe(wipe.value), { max: 100, value: 50 });
  const scrubB = range("nc-reel-scrub-b", t("Epoch of B"), () => { together.checked = false; showBeside(Number(scrubB.value)); });
  const ways = [["wipe", t("Wipe")], ["beside", t("Side by side")]].map(([value, label]) => radio(`nc-way-${element.id}`, value, label, () => layOut()));
  const wipeRow = make("label", { class: "nc-reel-row" }, make("span", { class: "nc-facts" }, "A ↔ B"), wipe);
  const comparing = make("div", { class: "nc-reel-comparing" },
    make("div", { class: "nc-reel-row" }, ...ways, make("label", { class: "nc-switch" }, together, t("Move together"))),
    wipeRow, make("label", { class: "nc-reel-row" }, make("span", { class: "nc-facts" }, "B"), scrubB));
  const layOut = () => {
    const isWipe = ways[0].firstChild.checked;
    stage.dataset.way = B.value.run ? (isWipe ? "wipe" : "beside") : "";
    comparing.hidden = !B.value.run;
    wipeRow.hidden = !isWipe;
  };
  divider.addEventListener("pointerdown", (event) => { divider.setPointerCapture(event.pointerId); event.preventDefault(); });
  divider.addEventListener("pointermove", (event) => {
    const box = stage.getBoundingClientRect();
    if (divider.hasPointerCapture(event.pointerId)) setWipe(Math.round((100 * (event.clientX - box.left)) / box.width));
  });

  /* One face through all epochs. */
  const life = { face: /** @type {any} */ (null), at: 0, strip: /** @type {any} */ (null), image: new Image() };
  const large = make("canvas", { class: "nc-large", width: FACE_PX, height: FACE_PX, role: "img" });
  const facts = make("p", { class: "nc-facts", "aria-live": "polite" });
  const tiles = make("div", { class: "nc-reel-tiles", role: "group", "aria-label": t("One face through the epochs") });
  const lifeScrub = range("nc-reel-life-scrub", t("Epoch"), () => showLife(Number(lifeScrub.value)));
  const save = make("a", { class: "nc-button nc-accent" }, t("Save strip (PNG)"));
  const leads = make("div", { class: "nc-leads" }, save, ...leadButtons(["generate", "start", "end", "explore", "nearest"], (to) => sendOn(to)));
  const dialog = makeViewer({
    class: "nc-reel-life", "aria-label": t("One face through the epochs"),
    keydown: (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by && event.target !== lifeScrub) { event.preventDefault(); showLife(life.at + by); }
    },
    close: () => faces.children[life.face?.place ?? -1]?.focus({ preventScroll: true }),
  }, [facts], make("div", { class: "nc-reel-body" }, make("div", {}, large, lifeScrub), tiles), leads);

  const nameOf = ({ place, seed }) => (place != null ? faceName(place) : seed != null ? t("Seed {seed}", { seed }) : t("A face of no seed"));
  /* Other tabs draw with kept weights: of this epoch, or of the last one kept before it. */
  const keptAt = (epoch) => A.value.kept.filter((one) => one <= epoch).at(-1) ?? A.value.kept[0];
  const sendOn = (to) => {
    const { place, z, seed = place, truncation = 1 } = life.face;
    dialog.close();
    trigger("lead", { to, face: { model: A.value.run, epoch: keptAt(life.strip.epochs[life.at]), ...(z ? { z } : { seed, truncation }) } });
  };
  const showLife = (at) => {
    if (!life.strip) return;
    const { epochs, columns } = life.strip;
    life.at = Math.max(0, Math.min(epochs.length - 1, at));
    const epoch = epochs[life.at];
    large.getContext("2d", { alpha: false }).drawImage(life.image, ...corner(life.at, columns), FACE_PX, FACE_PX, 0, 0, FACE_PX, FACE_PX);
    lifeScrub.value = life.at;
    lifeScrub.setAttribute("aria-valuetext", epochWords(epoch));
    large.setAttribute("aria-label", `${nameOf(life.face)}, ${epochWords(epoch)}`);
    facts.replaceChildren(make("strong", {}, nameOf(life.face)), ` ${A.value.run} · ${epochWords(epoch)}`);
    [...tiles.children].forEach((tile, place) => {
      tile.setAttribute("aria-pressed", String(place === life.at));
      tile.tabIndex = place === life.at ? 0 : -1;
    });
    tiles.children[life.at].scrollIntoView({ block: "nearest" });
    const canLead = keptAt(epoch) !== undefined && (A.value.seeded || life.face.place == null);
    for (const lead of leads.querySelectorAll("[data-lead]")) lead.hidden = !canLead || (life.face.z && lead.dataset.lead === "generate");
    if (life.face.place != null) show(placeOf(A.value, epoch));
  };
  const openStrip = async (/** @type {any} */ face) => {
    pause();
    Object.assign(life, { face, strip: null });
    facts.textContent = "place" in face ? t("Loading the sheets …") : t("Drawing its face at every kept epoch …");
    tiles.replaceChildren();
    leads.hidden = true;
    if (!dialog.open) dialog.showModal();
    const { run } = A.value;
    const from = A.value.sheets[A.at]?.[0] ?? Infinity;
    const strip = await server.strip("place" in face ? { run, place: face.place } : { run, face })
      .then(({ value, error }) => ({ ...value, error }), () => ({ error: t("The server does not answer: reload the page.") }));
    if (life.face !== face) return;
    if (strip.error) { facts.textContent = strip.error; return; }
    life.image.src = strip.png;
    await life.image.decode();
    life.strip = strip;
    Object.assign(save, { href: strip.png, download: `${run}_${nameOf(face).replaceAll(" ", "_")}_epochs.png` });
    leads.hidden = false;
    lifeScrub.max = strip.epochs.length - 1;
    tiles.style.setProperty("--sprite", `url("${strip.png}")`);
    tiles.style.setProperty("--sprite-width", String(life.image.naturalWidth / FACE_PX));
    tiles.replaceChildren(...strip.epochs.map((epoch, place) => {
      const [left, top] = corner(place, strip.columns);
      const best = A.value.best === epoch ? " ★" : "";
      return make("button", {
        type: "button", "aria-label": epochWords(epoch), style: `--x: ${left / FACE_PX}; --y: ${top / FACE_PX}`, click: () => showLife(place),
      }, make("span", {}, `${epoch}${best}`));
    }));
    showLife(strip.epochs.findLastIndex((one) => one <= from));
  };

  /* The whole. */
  const empty = make("p", { class: "nc-note" });
  const quiz = makeQuiz(A);
  element.replaceChildren(empty, make("div", { class: "nc-reel-tags" }, A.tag, B.tag), stage, transport, comparing, dialog, quiz.dialog);

  /** Give a side its run; the reader stays at the epoch, and at the newest if that was shown. */
  const setSide = (/** @type {typeof A} */ side, /** @type {Side} */ now) => {
    const before = side.value;
    const isSame = before.run === now.run;
    const follows = !isSame || side.at >= before.sheets.length - 1;
    side.at = follows ? Math.max(0, now.sheets.length - 1) : placeOf(now, before.sheets[side.at][0]);
    side.value = now;
    side.sheets.update(now.run, now.sheets);
    if (!isSame) side.view.forget();
  };
  const obey = (/** @type {Command} */ { epoch, play: plays, collapse, face }) => {
    pause();
    if (epoch != null) show(placeOf(A.value, epoch));
    else if (!face) show(A.value.sheets.length - 1);
    if (collapse) A.view.collapse();
    if (plays && !isCalm()) play();
    if (face) openStrip(face);
  };
  const draw = () => {
    const { a, b, command } = /** @type {any} */ (props.value || {});
    setSide(A, a ?? NOTHING);
    if (b && b.run !== B.value.run) together.checked = b.run !== a.run;
    setSide(B, b ?? NOTHING);
    if (b && !together.checked && B.at === A.at) B.at = 0;
    const isEmpty = !A.value.sheets.length;
    empty.hidden = !isEmpty || !a;
    empty.textContent = t("No sample sheet yet: the first one comes when its first epoch is done.");
    stage.hidden = transport.hidden = isEmpty;
    scrub.max = Math.max(0, A.value.sheets.length - 1);
    scrubB.max = Math.max(0, B.value.sheets.length - 1);
    scrub.disabled = player.button.disabled = scrub.max < 1;
    const kept = A.value.kept.length < A.value.sheets.length ? A.value.kept : [];
    const mark = (epoch, name, title) => make("i", { class: name, title, style: `--at: ${placeOf(A.value, epoch) / Math.max(1, scrub.max)}` });
    marks.replaceChildren(...kept.map((epoch) => mark(epoch, "", t("weights kept"))),
      ...(A.value.best != null ? [mark(A.value.best, "nc-best", t("best"))] : []));
    nameFaces();
    layOut();
    showBeside(B.at);
    if (command && command.id !== done) {
      done = command.id;
      reported = "";
      obey(command);
    } else if (!isEmpty && !A.view.isCollapsed()) show(A.at);
  };
  document.addEventListener("neuroceleb:quiz", () => { pause(); quiz.begin(); });
  document.addEventListener("neuroceleb:play", () => { show(0); play(); });
  document.addEventListener("neuroceleb:show-epoch", (/** @type {any} */ event) => {
    pause();
    show(placeOf(A.value, event.detail.epoch));
  });
  watch("value", draw);
  draw();
};
