const { words, make, smoothSwitch, emptyState, save } = window.neuroceleb;
const root = element.querySelector(".nc-sheet");
const CAPTION_PX = 30;
const GAP_PX = 10;

const facts = make("p", { class: "nc-facts", "aria-live": "polite" });
const saveAll = make("button", {
  type: "button", class: "nc-button", id: "save-all", click: () => save(props.value.zip),
}, words.save_all);
const bar = make("div", { class: "nc-bar" }, facts, smoothSwitch(), saveAll);
const grid = make("ol", { class: "nc-grid", "aria-label": words.faces });

/* The large view ------------------------------------------------------------------------- */

let shown = 0;
const large = make("img", { class: "nc-large" });
const largeFacts = make("p", { class: "nc-facts" });
const largeSave = make("a", { class: "nc-button nc-accent", id: "save-one" }, words.save_png);
const round = (word, sign, act) =>
  make("button", { type: "button", class: "nc-round", "aria-label": word, title: word, click: act }, sign);
const viewer = make("dialog", {
  class: "nc-viewer",
  id: "viewer",
  click: (event) => { if (event.target === viewer) viewer.close(); },
  keydown: (event) => {
    if (event.key === "ArrowLeft") enlarge(shown - 1);
    if (event.key === "ArrowRight") enlarge(shown + 1);
  },
  close: () => grid.children[shown]?.querySelector("button").focus(),
},
make("div", { class: "nc-viewer-top" }, largeFacts,
  round(words.close, "✕", () => viewer.close())),
large,
make("div", { class: "nc-viewer-foot" },
  round(words.previous, "←", () => enlarge(shown - 1)),
  largeSave,
  round(words.next, "→", () => enlarge(shown + 1))));

const enlarge = (index) => {
  const { faces, model, epoch, truncation } = props.value;
  shown = (index + faces.length) % faces.length;
  const face = faces[shown];
  large.src = face.png;
  large.alt = `${words.face} ${face.seed}`;
  largeFacts.replaceChildren(
    make("strong", {}, `${words.seed} ${face.seed}`),
    ` ${model} · ${words.epoch} ${epoch} · ${words.truncation} ${truncation}`);
  largeSave.href = face.png;
  largeSave.download = face.name;
  viewer.setAttribute("aria-label", large.alt);
  if (!viewer.open) viewer.showModal();
};

/* The sheet ------------------------------------------------------------------------------ */

const frame = (face, index) => make("li", {},
  make("button", {
    type: "button", class: "nc-frame", title: words.enlarge + " " + face.seed,
    click: () => enlarge(index),
  }, make("img", { src: face.png, alt: `${words.face} ${face.seed}`, width: 64, height: 64 })),
  make("div", { class: "nc-caption" },
    make("span", {}, String(face.seed)),
    make("a", {
      href: face.png, download: face.name, title: face.name,
      "aria-label": `${words.save_png}: ${words.seed} ${face.seed}`,
    }, words.save)));

/* As few columns as keep the sheet about as high as the window; it always fills its width. */
const layOut = () => {
  const count = grid.children.length;
  const width = root.clientWidth;
  if (!count || !width) return;
  const height = Math.max(360, window.innerHeight - 250);
  const fewest = width < 500 ? Math.min(count, 3) : Math.min(count, 4);
  let columns = Math.min(count, fewest);
  const side = () => (width - GAP_PX * (columns - 1)) / columns;
  const high = () => Math.ceil(count / columns) * (side() + CAPTION_PX + GAP_PX);
  while (high() > 1.2 * height && side() > (width < 500 ? 110 : 132) && columns < count) columns += 1;
  grid.style.setProperty("--columns", columns);
  grid.style.maxWidth = columns === count ? `${columns * height + GAP_PX * (columns - 1)}px` : "none";
};

const seedsOf = (faces) =>
  faces.length > 1 ? `${words.seeds} ${faces[0].seed}–${faces.at(-1).seed}` : `${words.seed} ${faces[0].seed}`;

const draw = () => {
  const value = props.value;
  if (!value) return;
  root.classList.remove("nc-waiting");
  if (!value.faces) {
    root.replaceChildren(emptyState(words.no_model_title, words.no_model, value.command));
    return;
  }
  facts.textContent = `${value.model} · ${words.epoch} ${value.epoch} · ${seedsOf(value.faces)}`;
  grid.replaceChildren(...value.faces.map(frame));
  if (!grid.isConnected) root.replaceChildren(bar, grid, viewer);
  layOut();
};

root.classList.add("nc-waiting");
root.replaceChildren(make("p", { class: "nc-facts" }, words.developing));
new ResizeObserver(layOut).observe(root);
window.addEventListener("resize", layOut);
watch("value", draw);
draw();
