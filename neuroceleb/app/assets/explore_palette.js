/* Palette: every number of z a cell to paint; a line along one; mixtures of stored faces ---------- */

const paletteTool = (() => {
  const MOST_CELLS = 400;
  const KEPT = 8;
  const LIMIT = 3;
  let cells = [];
  let z = [];
  let mode = "paint";
  let painting = false;
  let focused = 0;
  let line = null; // frames along a number of z, or towards a kept face
  let kept = [];

  const shade = (value) => {
    const part = Math.round((100 * Math.min(LIMIT, Math.abs(value))) / LIMIT);
    return `color-mix(in srgb, var(${value < 0 ? "--nc-ink" : "--nc-accent"}) ${part}%, var(--nc-paper))`;
  };
  const showCell = (at) => {
    const value = z[at].toLocaleString(language, { maximumFractionDigits: 2, signDisplay: "exceptZero" });
    cells[at].style.background = shade(z[at]);
    cells[at].setAttribute("aria-label", `z ${at + 1}: ${value}`);
    cells[at].title = `z ${at + 1}: ${value}`;
  };

  const brush = make("input", { type: "range", id: "brush", min: -LIMIT, max: LIMIT, step: 0.25, value: 2,
    "aria-label": words.x_brush, input: () => showBrush() });
  const brushValue = make("output", { class: "nc-x-value" });
  const showBrush = () => {
    brushValue.textContent = Number(brush.value).toLocaleString(language, { signDisplay: "exceptZero" });
    brushValue.style.borderBottom = `4px solid ${shade(Number(brush.value))}`;
  };
  const setCell = (at, value) => {
    z[at] = Math.max(-LIMIT, Math.min(LIMIT, value));
    showCell(at);
    show({ z: [...z] }, "palette");
  };

  const grid = make("div", { class: "nc-x-palette", role: "group", "aria-label": words.x_palette_label });
  const focusCell = (at) => {
    focused = Math.max(0, Math.min(cells.length - 1, at));
    cells.forEach((cell, place) => { cell.tabIndex = place === focused ? 0 : -1; });
    cells[focused]?.focus();
    if (mode === "walk") walkAlong(focused);
  };
  const touch = (at) => {
    if (mode === "paint") setCell(at, Number(brush.value));
    else focusCell(at);
  };
  const cellAt = (event) => {
    const under = document.elementFromPoint(event.clientX, event.clientY);
    return under?.parentElement === grid ? Number(under.dataset.at) : null;
  };
  grid.addEventListener("pointerdown", (event) => {
    const at = cellAt(event);
    if (at === null) return;
    event.preventDefault();
    painting = mode === "paint";
    focusCell(at);
    touch(at);
  });
  grid.addEventListener("pointermove", (event) => {
    const at = painting ? cellAt(event) : null;
    if (at !== null && z[at] !== Number(brush.value)) touch(at);
  });
  window.addEventListener("pointerup", () => { painting = false; });
  grid.addEventListener("keydown", (event) => {
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (event.key in moves) focusCell(focused + moves[event.key]);
    else if (event.key === "+" || event.key === "=") setCell(focused, z[focused] + 0.25);
    else if (event.key === "-") setCell(focused, z[focused] - 0.25);
    else if (event.key === " " || event.key === "Enter") touch(focused);
    else return;
    event.preventDefault();
  });

  /* A line of frames is fetched once, then scrubbed. */
  const scrubber = make("input", { type: "range", id: "line-slider", min: 0, max: 24, step: 1, value: 12, disabled: true,
    "aria-label": words.x_walk_along,
    input: (event) => {
      if (!line) return;
      scrub(line.frames, line.columns, 1, Number(event.target.value), 0);
      lineValue.textContent = line.text(Number(event.target.value));
    },
    change: (event) => line && show({ z: line.z[Number(event.target.value)] }, "line") });
  const lineValue = make("output", { class: "nc-x-value nc-x-line-value" });
  const fetchLine = latest(async (what, start, textOf) => {
    const drawn = await post("line", parameters({ face: { z: [...z] }, ...what }));
    line = { ...drawn, text: textOf };
    scrubber.max = drawn.columns - 1;
    scrubber.value = start(drawn);
    scrubber.disabled = false;
    lineValue.textContent = textOf(Number(scrubber.value));
  });
  const walkAlong = (at) => {
    scrubber.disabled = true;
    const valueAt = (column, drawn) => (2 * drawn.reach * column) / (drawn.columns - 1) - drawn.reach;
    fetchLine({ dimension: at },
      (drawn) => Math.round(((z[at] + drawn.reach) / (2 * drawn.reach)) * (drawn.columns - 1)),
      (column) => `z ${at + 1}: ${valueAt(column, line).toLocaleString(language, { signDisplay: "exceptZero" })}`);
  };
  const mixWith = (face) => {
    scrubber.disabled = true;
    fetchLine({ other: { z: face.z } }, () => 0, (column) => percent(column / (line.columns - 1), 0));
  };

  const shelf = make("div", { class: "nc-x-shelf", "aria-label": words.x_kept });
  const drawShelf = () => {
    shelf.replaceChildren(...kept.map((face, at) => make("div", { class: "nc-x-kept" },
      make("button", { type: "button", class: "nc-x-pick", "aria-label": `${words.x_take} ${at + 1}`, title: words.x_take,
        click: () => show({ z: face.z }) }, thumb(face.png, "")),
      make("button", { type: "button", class: "nc-x-small", id: `mix-${at + 1}`, click: () => mixWith(face) }, words.x_mix))));
  };
  const keep = () => {
    kept = [...kept, { z: [...current.z], png: current.png }].slice(-KEPT);
    drawShelf();
  };

  const pasted = make("input", { type: "text", id: "paste-z", autocomplete: "off", "aria-label": words.x_paste_label, placeholder: "[0.12, -1.3, …]" });
  const paste = () => {
    let numbers = null;
    try {
      numbers = JSON.parse(pasted.value.trim().startsWith("[") ? pasted.value : `[${pasted.value}]`);
    } catch { /* reported below */ }
    if (!Array.isArray(numbers) || !numbers.length || !numbers.every(Number.isFinite)) { notify(words.x_no_numbers); return; }
    show({ z: numbers });
  };

  const setMode = (wanted) => {
    mode = wanted;
    for (const choice of modes.children) choice.setAttribute("aria-pressed", String(choice.dataset.mode === mode));
    grid.classList.toggle("nc-x-walking", mode === "walk");
    if (mode === "walk" && cells.length) walkAlong(focused);
  };
  const modes = make("div", { class: "nc-x-segments", role: "group", "aria-label": words.x_palette },
    ...["paint", "walk"].map((name) => make("button", {
      type: "button", "data-mode": name, id: `mode-${name}`, "aria-pressed": String(name === mode), click: () => setMode(name),
    }, words[`x_${name}`])));

  const panel = make("div", { class: "nc-x-tool" },
    make("p", { class: "nc-facts" }, words.x_palette_about),
    make("div", { class: "nc-bar" }, modes,
      make("label", { class: "nc-x-inline" }, words.x_brush, brush, brushValue)),
    grid,
    make("div", { class: "nc-x-line" }, scrubber, lineValue),
    make("div", { class: "nc-bar" }, button("keep", words.x_keep, keep), shelf),
    make("div", { class: "nc-bar" }, pasted, button("paste", words.x_paste, paste)));

  const draw = () => {
    z = [...current.z];
    if (cells.length !== Math.min(z.length, MOST_CELLS)) {
      cells = z.slice(0, MOST_CELLS).map((_, at) => make("div", { class: "nc-x-cell", role: "button", "data-at": at, tabindex: at ? -1 : 0 }));
      grid.replaceChildren(...cells);
      kept = [];
      drawShelf();
    }
    cells.forEach((_, at) => showCell(at));
  };
  const onFace = (by) => {
    if (!isOpen(tool)) return;
    if (by === "palette" && painting) return;
    draw();
    if (by !== "line") {
      line = null;
      scrubber.disabled = true;
      lineValue.textContent = "";
      if (mode === "walk" && cells.length) walkAlong(focused);
    }
  };
  showBrush();
  const tool = { id: "palette", title: words.x_palette, panel, open: draw, onFace };
  return tool;
})();
