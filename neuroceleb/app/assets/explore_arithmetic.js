/* Arithmetic: some faces, less others, and others again --------------------------------------- */

const arithmeticTool = (() => {
  const COUNT = 24;
  const MOST = 8;
  const TERMS = [["some", ""], ["less", "−"], ["more", "+"]];
  const picked = { some: [], less: [], more: [] };
  let term = "some";
  let first = 0;
  let drawnFor = null;

  const result = make("div", { class: "nc-x-sum", "aria-live": "polite" });
  const boxes = Object.fromEntries(TERMS.map(([name, sign]) => [name, make("div", { class: "nc-x-term" },
    make("button", {
      type: "button", class: "nc-x-term-name", id: `term-${name}`, "aria-pressed": String(name === term),
      click: () => chooseTerm(name),
    }, `${sign} ${words[`x_${name}`]}`.trim()),
    make("div", { class: "nc-x-term-faces" }))]));
  const chooseTerm = (name) => {
    term = name;
    for (const [one] of TERMS) boxes[one].firstChild.setAttribute("aria-pressed", String(one === term));
  };

  const add = (name, face) => {
    if (picked[name].length >= MOST) { notify(fill(words.x_term_full, { count: MOST })); return; }
    picked[name].push(face);
    drawTerms();
    reckon();
  };
  const drop = (name, at) => {
    picked[name].splice(at, 1);
    drawTerms();
    reckon();
  };
  const drawTerms = () => {
    for (const [name] of TERMS) {
      boxes[name].lastChild.replaceChildren(...picked[name].map((face, at) => make("button", {
        type: "button", class: "nc-x-pick", title: words.x_take_away, "aria-label": `${words.x_take_away}: ${nameOf(face.face)}`,
        click: () => drop(name, at),
      }, thumb(face.png, ""))));
    }
  };

  const reckon = latest(async () => {
    if (!picked.some.length) { result.replaceChildren(note(words.x_sum_empty)); return; }
    const drawn = await post("sum", parameters(Object.fromEntries(
      TERMS.map(([name]) => [name, picked[name].map(({ face }) => faceOf(face))]))));
    const parts = TERMS.flatMap(([name, sign], at) => (drawn.means[at] === null ? [] : [
      ...(sign ? [make("span", { class: "nc-x-sign" }, sign)] : []),
      make("figure", {}, thumb(drawn.means[at], words.x_mean_of), make("figcaption", {}, words[`x_${name}`])),
    ]));
    const around = drawn.around.map((near) => make("button", {
      type: "button", class: "nc-x-pick", "aria-label": words.x_near, title: words.x_near, click: () => put({ z: near.z }, near),
    }, thumb(near.png, "")));
    around.splice(4, 0, make("button", {
      type: "button", class: "nc-x-pick nc-x-result", id: "sum-result", "aria-label": words.x_result, title: words.x_result,
      click: () => put({ z: drawn.z }, drawn),
    }, thumb(drawn.png, words.x_result)));
    result.replaceChildren(...parts, make("span", { class: "nc-x-sign" }, "="), make("div", { class: "nc-x-around" }, ...around));
    put({ z: drawn.z }, drawn, "arithmetic");
  });

  const grid = make("div", { class: "nc-x-pick-grid", role: "group", "aria-label": words.x_pick_from });
  const fetchGrid = latest(async () => {
    const key = `${current.model} ${current.epoch} ${first}`;
    if (drawnFor === key) return;
    const { faces } = await post("grid", parameters({ first, count: COUNT }));
    drawnFor = key;
    grid.replaceChildren(...faces.map(({ seed, png }) => make("button", {
      type: "button", class: "nc-x-pick", "data-seed": seed, "aria-label": `${words.seed} ${seed}`, title: `${words.seed} ${seed}`,
      click: () => add(term, { face: { seed, truncation: 1 }, png }),
    }, thumb(png, ""))));
  });
  const clear = () => {
    for (const [name] of TERMS) picked[name].length = 0;
    drawTerms();
    reckon();
  };

  const panel = make("div", { class: "nc-x-tool" },
    make("p", { class: "nc-facts" }, words.x_arithmetic_about),
    make("div", { class: "nc-x-terms" }, ...TERMS.map(([name]) => boxes[name])),
    result,
    make("div", { class: "nc-bar" },
      button("more-faces", words.x_more_faces, () => { first += COUNT; fetchGrid(); }),
      button("add-current", words.x_add_current, () => add(term, { face: current.face, png: current.png })),
      button("clear-sum", words.x_clear, clear)),
    grid);
  result.replaceChildren(note(words.x_sum_empty));

  const open = () => fetchGrid();
  let model = null;
  const onFace = () => {
    if (model !== null && model !== `${current.model} ${current.epoch}`) clear();
    model = `${current.model} ${current.epoch}`;
    if (isOpen(tool)) fetchGrid();
  };
  const tool = { id: "arithmetic", title: words.x_arithmetic, panel, open, onFace };
  return tool;
})();
