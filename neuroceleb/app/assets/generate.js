const {
  words, make, number, smoothSwitch, emptyState, save, request, postJson, notify, faceLinks, onReceive, sendTo, openTab, address,
  stored, store,
} = window.neuroceleb;
const first = props.value;
const root = element.querySelector(".nc-generate");
const CAPTION_PX = 30;
const GAP_PX = 10;
const BUSY_AFTER_MS = 250;
const MAX_FAVOURITES = first.max_count;
const MAX_DROPPED_BYTES = 8 * 2 ** 20;

let models = [];
let items = []; // what the sheet shows: {face, name, png}, or {face, problem}
let view = "seeds"; // or "favourites", "left_out", "picked"
let choice = null; // how the best were selected
let zip = null;
let isLinked = ["model", "seed", "epoch", "count", "truncation", "best"].some((name) => address.get(name) != null);

/* The controls --------------------------------------------------------------------------- */

const labelled = (word, id, ...inputs) =>
  make("div", { class: "nc-control" }, make("label", { for: id }, word), make("div", { class: "nc-joined" }, ...inputs));
const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const choose = (id) => make("select", { id, change: () => renew(id) });
const button = (id, word, click, attributes = {}) =>
  make("button", { type: "button", class: "nc-button", id, click, ...attributes }, word);

const model = choose("model");
const epoch = choose("epoch");
const seed = make("input", {
  id: "seed", type: "text", inputmode: "numeric", autocomplete: "off", spellcheck: "false",
  value: first.seed, "aria-describedby": "seed-hint", title: words.seed_hint,
  input: () => { if (/\d\s*$/.test(seed.value) && /^[\d\s,-]*$/.test(seed.value)) renew("seed"); },
  change: () => renew("seed"),
  keydown: (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step || isList()) return;
    event.preventDefault();
    step_by(step);
  },
});
const step_by = (by) => {
  const now = Number(seed.value);
  if (isList() || !Number.isSafeInteger(now)) return;
  seed.value = Math.max(0, now + by);
  renew("seed");
};
const back = button("seed-back", "‹", () => step_by(-Number(count.value)), { title: words.seed_back, "aria-label": words.seed_back });
const on = button("seed-on", "›", () => step_by(Number(count.value)), { title: words.seed_on, "aria-label": words.seed_on });
const dice = button("dice", words.dice, () => {
  seed.value = Math.floor(Math.random() * first.rolled);
  renew("seed");
}, { class: "nc-button nc-accent" });
const count = make("input", {
  id: "count", type: "number", min: 1, max: first.max_count, value: first.count,
  input: () => { if (count.value) { countRange.value = count.value; renew("count"); } },
});
const countRange = make("input", {
  type: "range", min: 1, max: first.max_count, value: first.count, "aria-label": words.count, class: "nc-range",
  input: () => { count.value = countRange.value; renew("count"); },
});
const isList = () => /\d\s*[-,]/.test(seed.value);

/* Best of: of several times as many faces, those with the lowest flaw scores. */
const isOn = (one) => one.getAttribute("aria-pressed") === "true";
const set = (one, state) => one.setAttribute("aria-pressed", String(state));
const best = button("best", words.best, () => { set(best, !isOn(best)); show_view("seeds"); showCost(); }, {
  "aria-pressed": "false", "aria-describedby": "best-cost", class: "nc-button nc-toggle", title: words.best_hint,
});
const bestCost = make("p", { id: "best-cost", class: "nc-cost" });
let measuredMs = null; // a face, on this server; null until it has ranked some
const showCost = () => {
  const kept = Number(count.value);
  const isPossible = !isList() && kept >= 1 && kept <= first.max_best;
  best.disabled = !isPossible && !isOn(best); // what is on can be switched off
  const drawn = kept * first.drawn_per_kept;
  const ms = measuredMs ?? first.best_ms;
  if (!isPossible) { bestCost.textContent = fill(words.best_bounds, { most: number(first.max_best) }); return; }
  const seconds = (drawn * ms / 1_000).toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 2 });
  bestCost.replaceChildren(
    make("span", {}, fill(words.best_leaves, { drawn: number(drawn), left_out: number(drawn - kept) })),
    make("span", {}, fill(measuredMs == null ? words.best_cost : words.best_cost_here, { ms: number(Math.round(ms)), seconds })));
};

/* A factor on z. There is no control for it: it comes with a link, a PNG or a face of another tab. */
let truncation = 1;
let truncationSource = null; // where it came from, in the language of the page
const resetTruncation = button("truncation-reset", words.truncation_reset, () => {
  truncation = 1;
  renew("truncation");
  dice.focus();
});
const truncationText = make("span");
const truncationNote = make("p", { class: "nc-facts nc-truncation", id: "truncation-note", role: "status", hidden: true },
  truncationText, " ", resetTruncation);
const showTruncation = () => {
  const isOfSeeds = ["seeds", "left_out"].includes(view) && truncation !== 1;
  const isOfFavourites = view === "favourites" && items.some(({ face }) => face.seed != null && (face.truncation ?? 1) !== 1);
  truncationNote.hidden = !isOfSeeds && !isOfFavourites;
  resetTruncation.hidden = !isOfSeeds;
  truncationText.textContent = isOfFavourites
    ? words.truncated_favourites
    : fill(truncation < 1 ? words.truncated : words.truncated_over_1, { scale: truncation, source: truncationSource });
};

const controls = make("div", { class: "nc-controls" },
  labelled(words.model, "model", model),
  labelled(words.epoch, "epoch", epoch),
  labelled(words.seed, "seed", back, seed, on),
  dice,
  labelled(words.count, "count", count, countRange),
  make("div", { class: "nc-control" },
    make("span", { class: "nc-control-title" }, words.best_title), make("div", { class: "nc-joined" }, best, bestCost)),
  make("p", { class: "nc-hidden", id: "seed-hint" }, words.seed_hint));

/* The bar over the sheet ----------------------------------------------------------------- */

const facts = make("p", { class: "nc-facts", id: "sheet-facts", "aria-live": "polite" });
const toggle = (id, word, press) => button(id, word, () => press(), { "aria-pressed": "false", class: "nc-button nc-toggle" });
const leftOut = toggle("left-out", words.show_left_out, () => show_view(view === "left_out" ? "seeds" : "left_out"));
const hearts = toggle("favourites", words.favourites, () => show_view(view === "favourites" ? "seeds" : "favourites"));
const copyLink = button("copy-link", words.copy_link, (event) => copy(location.href, event.currentTarget));
const saveAll = button("save-all", words.save_all, () => save(zip));
const file = make("input", {
  type: "file", accept: "image/png", class: "nc-hidden", id: "png", tabindex: -1, "aria-label": words.open_png,
  change: () => { if (file.files[0]) restore(file.files[0]); file.value = ""; },
});
const openPng = button("open-png", words.open_png, () => file.click());
const bar = make("div", { class: "nc-bar" },
  facts, leftOut, hearts, openPng, copyLink, saveAll, smoothSwitch(), file);
const grid = make("ol", { class: "nc-grid", "aria-label": words.faces });
const stage = make("div", { class: "nc-sheet nc-waiting" });

const copy = async (text, from) => {
  const word = from.textContent;
  try {
    await navigator.clipboard.writeText(text);
    from.textContent = words.copied;
    setTimeout(() => { from.textContent = word; }, 1500);
  } catch {
    notify(text);
  }
};

/* Favourites, stored in this browser -------------------------------------------------------- */

const keyOf = (face) => JSON.stringify([face.model, face.epoch, face.seed ?? face.z, face.seed == null ? null : face.truncation]);
const isFace = (face) => face && typeof face === "object" && typeof face.model === "string";
const favourites = () => {
  try {
    const list = JSON.parse(stored("favourites") ?? "[]");
    return Array.isArray(list) ? list.filter(isFace).slice(0, MAX_FAVOURITES) : [];
  } catch { return []; }
};
const isFavourite = (face) => favourites().some((other) => keyOf(other) === keyOf(face));
const like = (face) => {
  const others = favourites().filter((other) => keyOf(other) !== keyOf(face));
  if (!isFavourite(face)) {
    if (others.length >= MAX_FAVOURITES) { notify(words.too_many_favourites); return; }
    others.push(face);
  }
  store("favourites", JSON.stringify(others));
  showHearts();
};
const showHearts = () => {
  hearts.textContent = `${words.favourites} ${number(favourites().length)}`;
  for (const one of root.querySelectorAll("[data-heart]")) {
    const face = one.dataset.heart === "large" ? items[shown]?.face : items[Number(one.dataset.heart)]?.face;
    const liked = face ? isFavourite(face) : false;
    set(one, liked);
    one.textContent = liked ? "♥" : "♡";
  }
};

/* The large view ------------------------------------------------------------------------- */

let shown = 0;
const large = make("img", { class: "nc-large" });
const largeFacts = make("p", { class: "nc-facts" });
const largeSave = make("a", { class: "nc-button nc-accent", id: "save-one" }, words.save_png);
const largeLink = button("copy-face", words.copy_link, (event) => copy(linkTo(items[shown].face), event.currentTarget));
const ways = make("div", { class: "nc-ways" });
const round = (word, sign, click, attributes = {}) =>
  make("button", { type: "button", class: "nc-round", "aria-label": word, title: word, click, ...attributes }, sign);
const viewer = make("dialog", {
  class: "nc-viewer",
  id: "viewer",
  click: (event) => { if (event.target === viewer) viewer.close(); },
  keydown: (event) => {
    if (event.key === "ArrowLeft") enlarge(shown - 1);
    else if (event.key === "ArrowRight") enlarge(shown + 1);
    else if (event.key === "f") like(items[shown].face);
  },
  close: () => grid.children[shown]?.querySelector("button").focus(),
},
make("div", { class: "nc-viewer-top" }, largeFacts,
  round(words.favourite, "♡", () => like(items[shown].face), { "data-heart": "large", "aria-pressed": "false", id: "like" }),
  round(words.close, "✕", () => viewer.close())),
large,
make("div", { class: "nc-viewer-foot" },
  round(words.previous, "←", () => enlarge(shown - 1)),
  make("div", { class: "nc-ways" }, largeSave, largeLink),
  round(words.next, "→", () => enlarge(shown + 1))),
ways);

const titleOf = (face) => (face.seed == null ? words.face_of_z : `${words.seed} ${face.seed}`);
const altOf = (face) => (face.seed == null ? words.face_of_z : `${words.face} ${face.seed}`);
const linkTo = (face) => {
  const query = new URLSearchParams({ model: face.model, epoch: face.epoch, seed: face.seed ?? "" });
  if (face.truncation !== 1) query.set("truncation", face.truncation);
  return `${location.origin}${location.pathname}?${query}`;
};
const enlarge = (index) => {
  const step = index < shown ? -1 : 1;
  let wanted = (index + items.length) % items.length;
  while (items[wanted].problem && wanted !== shown) wanted = (wanted + step + items.length) % items.length;
  shown = wanted;
  const { face, png, name } = items[shown];
  large.src = png;
  large.alt = altOf(face);
  largeFacts.replaceChildren(
    make("strong", {}, titleOf(face)),
    ` ${face.model} · ${words.epoch} ${face.epoch}`,
    ...(face.seed == null || face.truncation === 1 ? [] : [` · z × ${face.truncation}`]));
  largeSave.href = png;
  largeSave.download = name;
  largeLink.hidden = face.seed == null;
  ways.replaceChildren(faceLinks(face, () => viewer.close()));
  viewer.setAttribute("aria-label", large.alt);
  showHearts();
  if (!viewer.open) viewer.showModal();
};

/* The sheet ------------------------------------------------------------------------------ */

const frame = (item, index) => {
  const { face, png, name, problem } = item;
  if (problem) return make("li", { class: "nc-lost" }, make("p", {}, problem), make("div", { class: "nc-caption" },
    make("span", {}, String(face.seed ?? "z")), make("button", {
      type: "button", "aria-label": words.favourite, "data-heart": index, "aria-pressed": "true", click: () => { like(face); show_view("favourites"); },
    }, "♥")));
  return make("li", {},
    make("button", {
      type: "button", class: "nc-frame", title: `${words.enlarge} ${face.seed ?? ""}`, click: () => enlarge(index),
    }, make("img", { src: png, alt: altOf(face), width: 64, height: 64, decoding: "sync" })),
    make("div", { class: "nc-caption" },
      make("span", {}, String(face.seed ?? "z")),
      make("button", {
        type: "button", title: words.favourite, "aria-label": `${words.favourite}: ${titleOf(face)}`,
        "data-heart": index, "aria-pressed": "false", click: () => like(face),
      }, "♡"),
      make("a", { href: png, download: name, title: name, "aria-label": `${words.save_png}: ${titleOf(face)}` }, "↓")));
};

/* As few columns as keep the sheet about as high as the window; it always fills its width. */
const layOut = () => {
  const shownCount = grid.children.length;
  const width = stage.clientWidth;
  if (!shownCount || !width) return;
  const isPhone = width < 500;
  const many = shownCount > 100;
  const least = isPhone ? (many ? 64 : 118) : many ? 84 : 132;
  const height = Math.max(360, window.innerHeight - 270);
  let columns = Math.min(shownCount, isPhone ? 3 : 4);
  const side = () => (width - GAP_PX * (columns - 1)) / columns;
  const high = () => Math.ceil(shownCount / columns) * (side() + CAPTION_PX + GAP_PX);
  while (high() > 1.2 * height && side() > least && columns < shownCount) columns += 1;
  grid.style.setProperty("--columns", columns);
  grid.style.maxWidth = columns === shownCount ? `${columns * height + GAP_PX * (columns - 1)}px` : "none";
  grid.classList.toggle("nc-many", side() < 96);
};

const moveFocus = (event) => {
  const frames = [...grid.querySelectorAll(".nc-frame")];
  const at = frames.indexOf(document.activeElement);
  if (at < 0) return;
  const columns = Number(grid.style.getPropertyValue("--columns")) || 1;
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: frames.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  frames[to]?.focus();
};
grid.addEventListener("keydown", moveFocus);

const drawSheet = (newItems) => {
  const focused = [...grid.children].findIndex((child) => child.contains(document.activeElement));
  items = newItems;
  grid.replaceChildren(...items.map(frame));
  if (!grid.isConnected) stage.replaceChildren(grid);
  stage.classList.remove("nc-waiting");
  if (focused >= 0) grid.children[Math.min(focused, items.length - 1)]?.querySelector("button")?.focus();
  showHearts();
  layOut();
};

const percent = (share) => `${Math.round(100 * share)} %`;
const choiceText = () => fill(words.chosen, {
  kept: number(choice.drawn - choice.left_out.length), drawn: number(choice.drawn),
  left_out: number(choice.left_out.length), share: percent(choice.left_out.length / choice.drawn),
  flawed: number(choice.flawed), flawed_kept: number(choice.flawed_kept),
});
const seedsOf = (list) => {
  const seeds = list.map((item) => item.face.seed);
  const isRange = seeds.every((one, index) => one === seeds[0] + index);
  if (seeds.length === 1) return `${words.seed} ${seeds[0]}`;
  return isRange ? `${words.seeds} ${seeds[0]}–${seeds.at(-1)}` : `${number(seeds.length)} ${words.seeds}`;
};
const describe = () => {
  if (view === "favourites") facts.textContent = words.favourites_kept;
  else if (view === "picked") facts.textContent = `${items[0].face.model} · ${words.epoch} ${items[0].face.epoch}`;
  else if (view === "left_out") facts.textContent = `${words.left_out} · ${choiceText()}`;
  else facts.textContent = choice ? choiceText() : `${model.value} · ${words.epoch} ${epoch.value} · ${seedsOf(items)}`;
  leftOut.hidden = !choice || !["seeds", "left_out"].includes(view);
  set(leftOut, view === "left_out");
  set(hearts, view === "favourites");
  showTruncation();
  saveAll.hidden = view !== "seeds";
  copyLink.hidden = view !== "seeds";
};

/* Requests -------------------------------------------------------------------------------- */

const query = () => {
  const values = { model: model.value, epoch: epoch.value, seed: seed.value, count: count.value, truncation };
  return new URLSearchParams(values);
};
const postFaces = async (faces) => {
  const { faces: drawn } = await postJson("faces/picked", { faces });
  return drawn.map((item, index) => ({ face: faces[index], ...item }));
};
const load = {
  seeds: async () => {
    const answer = await (await request(`faces${isOn(best) ? "/best" : ""}?${query()}`)).json();
    choice = answer.choice ?? null;
    if (choice) { measuredMs = choice.ms_a_face; showCost(); }
    zip = answer.zip;
    drawSheet(answer.faces);
    putAddress();
  },
  left_out: async () => {
    const leftOutQuery = query();
    leftOutQuery.set("seed", `${choice.left_out.join(",")},`.replace(/,$/, choice.left_out.length > 1 ? "" : `-${choice.left_out[0]}`));
    drawSheet((await (await request(`faces?${leftOutQuery}`)).json()).faces);
  },
  favourites: async () => {
    const liked = favourites();
    if (liked.length) drawSheet(await postFaces(liked));
    else {
      items = [];
      stage.replaceChildren(make("div", { class: "nc-empty" }, make("h2", {}, words.no_favourites_title), make("p", {}, words.no_favourites)));
    }
  },
  picked: async () => {},
};

/* One request at a time; of those meanwhile, the last. */
let isLoading = false;
let again = false;
const refresh = async () => {
  if (isLoading) { again = true; return; }
  isLoading = true;
  const slow = setTimeout(() => { root.classList.add("nc-busy"); grid.setAttribute("aria-busy", "true"); }, BUSY_AFTER_MS);
  try {
    await load[view]();
    describe();
  } catch (error) {
    notify(error.message);
    if (!items.length && view === "seeds") await reset();
  }
  clearTimeout(slow);
  root.classList.remove("nc-busy");
  grid.removeAttribute("aria-busy");
  isLoading = false;
  if (again) { again = false; refresh(); }
};
const show_view = (wanted) => { view = wanted; refresh(); };
const renew = (changed) => {
  isLinked = true;
  if (changed === "model") listEpochs();
  enableControls();
  show_view("seeds");
};

const enableControls = () => {
  count.disabled = countRange.disabled = back.disabled = on.disabled = isList();
  showCost();
};

const putAddress = () => {
  if (!isLinked) return;
  address.put({
    model: model.value, epoch: epoch.value, seed: seed.value.replaceAll(" ", ""),
    count: isList() ? null : count.value,
    truncation: truncation === 1 ? null : truncation,
    best: isOn(best) ? "yes" : null,
  });
};

const listEpochs = (wanted = null) => {
  const chosen = models.find((one) => one.name === model.value);
  epoch.replaceChildren(...(chosen?.epochs ?? []).map((one) => make("option", { value: one }, String(one))));
  if (wanted !== null) choose_option(epoch, String(wanted));
};
const choose_option = (select, value) => {
  const there = [...select.options].some((option) => option.value === value);
  if (there) select.value = value;
  return there;
};

/* Set the controls from a link, a PNG or a face of another tab (`source` says which, in the language
   of the page); false, with a toast, where something does not exist. */
const follow = (order, source = words.from_link) => {
  if (order.model != null && !choose_option(model, order.model)) {
    notify(fill(words.no_such_model, { model: order.model.slice(0, 80) }));
    return false;
  }
  listEpochs();
  if (order.epoch != null && !choose_option(epoch, String(order.epoch))) {
    notify(fill(words.no_such_epoch, { model: model.value, epoch: String(order.epoch).slice(0, 20) }));
    return false;
  }
  if (order.seed != null) seed.value = order.seed;
  if (order.count != null) count.value = countRange.value = order.count;
  const scale = Number(order.truncation ?? 1);
  if (!(scale >= 0 && scale <= 2)) {
    notify(words.bad_truncation);
    return false;
  }
  truncation = scale;
  truncationSource = source;
  set(best, order.best === "yes");
  enableControls();
  return true;
};
const reset = async () => {
  model.selectedIndex = 0;
  follow({ seed: first.seed, count: first.count, truncation: 1 });
  await load.seeds();
  describe();
};

/* A PNG of ours, dropped or chosen, brings back what it shows ------------------------------ */

const restore = async (png) => {
  if (png.size > MAX_DROPPED_BYTES) { notify(words.png_too_large); return; }
  try {
    const found = await (await request("recipe", { method: "POST", headers: { "Content-Type": "image/png" }, body: png })).json();
    if (isWalking() && found.face) { sendTo("interpolate", { as: "add", face: found.face }); return; }
    openTab("generate");
    isLinked = true;
    if (found.face && found.face.seed == null) {
      view = "picked";
      drawSheet(await postFaces([found.face]));
      describe();
    } else {
      const order = found.order ?? { ...found.face, seed: String(found.face.seed), count: 1 };
      await loadModels();
      if (follow(order, words.from_png)) show_view("seeds");
    }
  } catch (error) {
    notify(error.message);
  }
};
const isSeen = () => root.offsetParent !== null;
const isWalking = () => document.getElementById("walk")?.offsetParent != null;
const isOurs = (event) => (isSeen() || isWalking()) && [...event.dataTransfer?.items ?? []].some((item) => item.kind === "file");
const over = make("div", { class: "nc-drop-over", hidden: true }, make("p", {}, words.drop_png));
let leaving = null;
document.addEventListener("dragover", (event) => {
  if (!isOurs(event)) return;
  event.preventDefault();
  over.hidden = false;
  clearTimeout(leaving);
  leaving = setTimeout(() => { over.hidden = true; }, 300);
});
document.addEventListener("drop", (event) => {
  if (!isOurs(event)) return;
  event.preventDefault();
  over.hidden = true;
  if (event.dataTransfer.files[0]) restore(event.dataTransfer.files[0]);
});

/* The start ------------------------------------------------------------------------------- */

const loadModels = async () => {
  const chosen = model.value;
  models = await (await request("models")).json();
  model.replaceChildren(...models.map((one) => make("option", { value: one.name }, one.name)));
  choose_option(model, chosen);
};
const begin = async () => {
  root.replaceChildren(controls, truncationNote, bar, stage, viewer);
  document.body.append(over);
  controls.hidden = bar.hidden = true;
  stage.replaceChildren(make("p", { class: "nc-facts" }, words.developing));
  showHearts();
  try {
    await loadModels();
  } catch (error) {
    stage.replaceChildren(make("p", { class: "nc-facts" }, error.message));
    setTimeout(begin, 5_000);
    return;
  }
  if (!models.length) {
    stage.replaceChildren(emptyState(words.no_model_title, words.no_model, first.command));
    return;
  }
  controls.hidden = bar.hidden = false;
  const link = Object.fromEntries(["model", "epoch", "seed", "count", "truncation", "best"].map((name) => [name, address.get(name)]));
  if (link.seed != null && link.count == null) link.count = "1";
  if (follow({ seed: first.seed, count: first.count, ...Object.fromEntries(Object.entries(link).filter(([, value]) => value != null)) })) await refresh();
  else await reset().catch((error) => notify(error.message));
};
new ResizeObserver(layOut).observe(stage);
window.addEventListener("resize", layOut);
onReceive("generate", ({ face }) => {
  if (face.seed == null) { view = "picked"; postFaces([face]).then((list) => { drawSheet(list); describe(); }).catch((error) => notify(error.message)); }
  else if (follow({ ...face, seed: String(face.seed), count: 1 }, words.from_tab)) renew("seed");
});
begin();
