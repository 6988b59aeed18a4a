/* The tab: the face in hand, and one tool at a time ------------------------------------------------ */

const TOOLS = [directionsTool, paletteTool, arithmeticTool, mapTool, photoTool, nearestTool];
let opened = TOOLS[0];
function isOpen(tool) { return tool === opened && root.offsetParent !== null; }

const tools = make("div", { class: "nc-x-tools" });
const bench = make("div", { class: "nc-x-bench" });
const choose = (tool) => {
  opened = tool;
  for (const one of tools.children) one.setAttribute("aria-pressed", String(one.dataset.tool === tool.id));
  bench.replaceChildren(tool.panel);
  if (hand.face) tool.open();
};
tools.append(...TOOLS.map((tool) => make("button", {
  type: "button", id: `tool-${tool.id}`, "data-tool": tool.id, "aria-pressed": "false", click: () => choose(tool),
}, tool.title)));
for (const tool of TOOLS) heard.push(tool.hear);

let begun = null;
const begin = () => {
  begun ??= (async () => {
    const there = await (await ask("explore/models")).json();
    known = there.models;
    isAllowed = there.allowed;
    if (!known.length) {
      root.replaceChildren(emptyState(words.no_model_title, words.no_model, "python -m neuroceleb train FOLDER --run NAME"));
      throw new Error(words.no_model_title);
    }
    models.replaceChildren(...known.map(({ name }) => make("option", { value: name }, name)));
    root.replaceChildren(controls, make("div", { class: "nc-explore-body" }, stage, make("div", { class: "nc-x-work" }, tools, bench)));
    choose(opened);
  })().catch((error) => { begun = null; throw error; });
  return begun;
};

const openFirst = async () => {
  if (root.offsetParent === null) return;
  try {
    await begin();
    if (!hand.face) chooseModel(known[0].name);
    else opened.open();
  } catch (error) {
    if (known.length || error.message !== words.no_model_title) root.replaceChildren(note(error.message, "nc-problem"));
  }
};

/* A face from another tab: one click here, and one back. */
take("explore", async ({ as, face, from }) => {
  if (from && from !== "explore") {
    backTab = from;
    back.textContent = `← ${document.getElementById(`tab-${from}-button`).textContent.trim()}`;
    back.hidden = false;
  }
  try {
    await begin();
  } catch (error) {
    say(error.message);
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
