/* The current face, which every tool of the tab reads and changes -------------------------- */

const current = { model: null, epoch: null, face: null, z: [], png: null };
const faceListeners = []; // called with the tool that changed the current face

const parameters = (more = {}) => ({ model: current.model, epoch: current.epoch, ...more });
const faceOf = (face) => ("z" in face ? { z: face.z } : { seed: face.seed, truncation: face.truncation ?? 1 });
const whole = () => ({ ...parameters(), ...current.face });

const picture = make("img", { id: "current-face", class: "nc-x-pixels", width: FACE_PX, height: FACE_PX, alt: "" });
const scrubbed = make("div", { class: "nc-x-scrubbed nc-x-pixels", hidden: true, "aria-hidden": "true" });
const easel = make("div", { class: "nc-x-easel" }, picture, scrubbed);
const facts = make("p", { class: "nc-facts", id: "current-facts", "aria-live": "polite" });
const ways = make("div", { class: "nc-x-ways" });
const back = button("back", "", () => backTab && openTab(backTab));
let backTab = null;
back.hidden = true;

const nameOf = (face) => {
  if (!face) return "";
  if (!("z" in face)) return `${words.seed} ${face.seed}`;
  return face.z.every((value) => value === 0) ? words.x_average : words.x_own_z;
};

/* Make a face that the server has drawn the current one; `by` is the tool that made it. */
const put = (face, drawn, by = null) => {
  Object.assign(current, { face: faceOf(face), z: drawn.z, png: drawn.png });
  picture.src = drawn.png;
  picture.alt = `${words.x_current_face}: ${nameOf(face)}`;
  scrubbed.hidden = true;
  easel.classList.remove("nc-x-is-busy");
  const isAverage = "z" in face && face.z.every((value) => value === 0);
  const about = isAverage ? ` ${words.x_average_hint}` : ` ${current.model} · ${words.epoch} ${current.epoch}`;
  facts.replaceChildren(make("strong", {}, nameOf(face)), about);
  const given = whole();
  const own = faceLinks(given);
  for (const lead of own.querySelectorAll("[data-lead=explore], [data-lead=nearest]")) lead.remove();
  const name = "z" in given ? "face.png" : `seed_${String(given.seed).padStart(4, "0")}.png`;
  own.append(make("a", { class: "nc-button", id: "save-current", href: drawn.png, download: name }, words.save_png));
  ways.replaceChildren(own);
  for (const listener of faceListeners) listener(by);
};

/* Request a face and make it the current one. */
const show = latest(async (face, by = null) => {
  easel.classList.add("nc-x-is-busy");
  try {
    put(face, await post("face", parameters({ face: faceOf(face) })), by);
  } finally {
    easel.classList.remove("nc-x-is-busy");
  }
});

/* A frame of a sheet, in the place of the face, while something is scrubbed. */
const scrub = (sheet, columns, rows, column, row) => {
  putFrame(scrubbed, sheet, columns, rows, column, row);
  scrubbed.hidden = false;
};

const copyZ = async () => {
  const text = JSON.stringify(current.z);
  try {
    await navigator.clipboard.writeText(text);
    notify(words.x_z_copied);
  } catch {
    notify(words.x_no_clipboard);
  }
};
const seedField = make("input", {
  id: "current-seed", type: "number", min: 0, step: 1, value: 42, inputmode: "numeric",
  change: (event) => show({ seed: event.target.value, truncation: 1 }),
});
const rollFace = () => {
  seedField.value = Math.floor(1_000_000 * Math.random());
  show({ seed: Number(seedField.value), truncation: 1 });
};
const average = () => show({ z: current.z.map(() => 0) });

const models = make("select", { id: "explore-model", change: () => chooseModel(models.value) });
const epochs = make("select", {
  id: "explore-epoch", change: () => { current.epoch = Number(epochs.value); show(current.face); },
});
const field = (label, input) => make("label", { class: "nc-field" }, make("span", {}, label), input);
const controls = make("div", { class: "nc-explore-controls" },
  field(words.model, models), field(words.epoch, epochs), field(words.seed, seedField),
  button("roll-current", words.x_new_face, rollFace), button("average", words.x_average_face, average),
  button("copy-z", words.x_copy_z, copyZ), smoothSwitch());
const stage = make("div", { class: "nc-x-current" }, easel,
  make("div", { class: "nc-x-current-foot" }, facts, ways, back));

let known = [];
let isAllowed = false;
const chooseModel = (name, epoch = null, face = null) => {
  const model = known.find((one) => one.name === name) ?? known[0];
  models.value = current.model = model.name;
  epochs.replaceChildren(...model.epochs.map((number) => make("option", { value: number }, String(number))));
  current.epoch = model.epochs.includes(epoch) ? epoch : model.epochs[0];
  epochs.value = current.epoch;
  show(face ?? (current.face && "seed" in current.face ? current.face : { seed: Number(seedField.value) || 0 }));
};
