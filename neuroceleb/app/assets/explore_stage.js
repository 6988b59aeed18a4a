/* The face in hand: what every tool of the tab looks at and changes -------------------------- */

const hand = { model: null, epoch: null, face: null, z: [], png: null };
const heard = []; // functions told of a new face, and who put it there

const wishes = (more = {}) => ({ model: hand.model, epoch: hand.epoch, ...more });
const faceOf = (face) => ("z" in face ? { z: face.z } : { seed: face.seed, truncation: face.truncation ?? 1 });
const whole = () => ({ ...wishes(), ...hand.face });

const picture = make("img", { id: "face-in-hand", class: "nc-x-pixels", width: FACE_PX, height: FACE_PX, alt: "" });
const scrubbed = make("div", { class: "nc-x-scrubbed nc-x-pixels", hidden: true, "aria-hidden": "true" });
const easel = make("div", { class: "nc-x-easel" }, picture, scrubbed);
const facts = make("p", { class: "nc-facts", id: "hand-facts", "aria-live": "polite" });
const ways = make("div", { class: "nc-x-ways" });
const back = button("back", "", () => backTab && openTab(backTab));
let backTab = null;
back.hidden = true;

const nameOf = (face) => {
  if (!face) return "";
  if (!("z" in face)) return `${words.seed} ${face.seed}`;
  return face.z.every((value) => value === 0) ? words.x_average : words.x_own_z;
};

/* Put a face that the server has drawn in hand; `by` is the tool that made it. */
const put = (face, drawn, by = null) => {
  Object.assign(hand, { face: faceOf(face), z: drawn.z, png: drawn.png });
  picture.src = drawn.png;
  picture.alt = `${words.x_face_in_hand}: ${nameOf(face)}`;
  scrubbed.hidden = true;
  easel.classList.remove("nc-x-is-busy");
  const isAverage = "z" in face && face.z.every((value) => value === 0);
  const about = isAverage ? ` ${words.x_average_hint}` : ` ${hand.model} · ${words.epoch} ${hand.epoch}`;
  facts.replaceChildren(make("strong", {}, nameOf(face)), about);
  const given = whole();
  const own = leads(given);
  for (const lead of own.querySelectorAll("[data-lead=explore], [data-lead=nearest]")) lead.remove();
  const name = "z" in given ? "face.png" : `seed_${String(given.seed).padStart(4, "0")}.png`;
  own.append(make("a", { class: "nc-button", id: "save-hand", href: drawn.png, download: name }, words.save_png));
  ways.replaceChildren(own);
  for (const hear of heard) hear(by);
};

/* Ask for a face and put it in hand. */
const show = latest(async (face, by = null) => {
  easel.classList.add("nc-x-is-busy");
  try {
    put(face, await post("face", wishes({ face: faceOf(face) })), by);
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
  const text = JSON.stringify(hand.z);
  try {
    await navigator.clipboard.writeText(text);
    say(words.x_z_copied);
  } catch {
    say(words.x_no_clipboard);
  }
};
const seedField = make("input", {
  id: "hand-seed", type: "number", min: 0, step: 1, value: 42, inputmode: "numeric",
  change: (event) => show({ seed: event.target.value, truncation: 1 }),
});
const rollFace = () => {
  seedField.value = Math.floor(1_000_000 * Math.random());
  show({ seed: Number(seedField.value), truncation: 1 });
};
const average = () => show({ z: hand.z.map(() => 0) });

const models = make("select", { id: "explore-model", change: () => chooseModel(models.value) });
const epochs = make("select", {
  id: "explore-epoch", change: () => { hand.epoch = Number(epochs.value); show(hand.face); },
});
const field = (label, input) => make("label", { class: "nc-field" }, make("span", {}, label), input);
const controls = make("div", { class: "nc-explore-controls" },
  field(words.model, models), field(words.epoch, epochs), field(words.seed, seedField),
  button("roll-hand", words.x_new_face, rollFace), button("average", words.x_average_face, average),
  button("copy-z", words.x_copy_z, copyZ), smoothSwitch());
const stage = make("div", { class: "nc-x-hand" }, easel,
  make("div", { class: "nc-x-hand-foot" }, facts, ways, back));

let known = [];
let isAllowed = false;
const chooseModel = (name, epoch = null, face = null) => {
  const model = known.find((one) => one.name === name) ?? known[0];
  models.value = hand.model = model.name;
  epochs.replaceChildren(...model.epochs.map((number) => make("option", { value: number }, String(number))));
  hand.epoch = model.epochs.includes(epoch) ? epoch : model.epochs[0];
  epochs.value = hand.epoch;
  show(face ?? (hand.face && "seed" in hand.face ? hand.face : { seed: Number(seedField.value) || 0 }));
};
