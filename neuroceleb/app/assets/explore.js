/* The tab: the current face, and one tool at a time ------------------------------------------------ */

const TOOLS = [directionsTool, paletteTool, arithmeticTool, mapTool, photoTool, nearestTool];
let opened = TOOLS[0];
function isOpen(tool) { return tool === opened && root.offsetParent !== null; }

const tools = make("div", { class: "nc-x-tools" });
const bench = make("div", { class: "nc-x-bench" });
const choose = (tool) => {
  opened = tool;
  for (const one of tools.children) one.setAttribute("aria-pressed", String(one.dataset.tool === tool.id));
  bench.replaceChildren(tool.panel);
  if (current.face) tool.open();
};
tools.append(...TOOLS.map((tool) => make("button", {
  type: "button", id: `tool-${tool.id}`, "data-tool": tool.id, "aria-pressed": "false", click: () => choose(tool),
}, tool.title)));
for (const tool of TOOLS) faceListeners.push(tool.onFace);

/* The current list of models: a training may have kept another epoch since. */
const loadModels = async () => {
  const there = await (await request("explore/models")).json();
  known = there.models;
  isAllowed = there.allowed;
  models.replaceChildren(...known.map(({ name }) => make("option", { value: name }, name)));
  if (current.model === null) return;
  models.value = current.model;
  const kept = known.find(({ name }) => name === current.model)?.epochs ?? [current.epoch];
  epochs.replaceChildren(...kept.map((number) => make("option", { value: number }, String(number))));
  epochs.value = current.epoch;
};

let begun = null;
const begin = () => {
  begun ??= (async () => {
    await loadModels();
    if (!known.length) {
      root.replaceChildren(emptyState(words.no_model_title, words.no_model, "python -m neuroceleb train FOLDER --run NAME"));
      throw new Error(words.no_model_title);
    }
    root.replaceChildren(controls, make("div", { class: "nc-explore-body" }, stage, make("div", { class: "nc-x-work" }, tools, bench)));
    choose(opened);
  })().catch((error) => { begun = null; throw error; });
  return begun;
};

let wasSeen = false;
let isGiven = false; // a face from another tab is on its way
const openFirst = async () => {
  const isSeen = root.offsetParent !== null;
  if (isSeen === wasSeen) return;
  wasSeen = isSeen;
  if (!isSeen) return;
  const isAgain = begun !== null;
  try {
    await begin();
    if (isAgain) await loadModels();
    if (!current.face && !isGiven) chooseModel(known[0].name);
    else opened.open();
  } catch (error) {
    if (known.length || error.message !== words.no_model_title) root.replaceChildren(note(error.message, "nc-problem"));
  }
};

/* A face from another tab: one click here, and one back. */
onReceive("explore", async ({ as, face, from }) => {
  isGiven = true;
  if (from && from !== "explore") {
    backTab = from;
    back.textContent = `← ${document.getElementById(`tab-${from}-button`).textContent.trim()}`;
    back.hidden = false;
  }
  try {
    await begin();
    await loadModels();
  } catch (error) {
    notify(error.message);
    return;
  }
  if (as === "nearest") choose(nearestTool);
  chooseModel(face.model, Number(face.epoch), faceOf(face));
  if ("seed" in face) seedField.value = face.seed;
});

root.replaceChildren(note(words.developing));
const watching = new MutationObserver(openFirst);
for (const sheet of document.querySelectorAll("[role=tabpanel]")) watching.observe(sheet, { attributes: true });
openFirst();
