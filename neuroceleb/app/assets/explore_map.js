/* A map of some hundreds of faces: like beside like -------------------------------------------- */

const mapTool = (() => {
  let drawnFor = null;
  let found = null;
  let by = "tsne";
  let running = null;

  let library = window.Plotly ? Promise.resolve(window.Plotly) : null;
  const plotly = () => {
    library ??= new Promise((resolve, reject) => {
      const failed = () => { library = null; reject(new Error(words.no_charts)); };
      document.head.append(make("script", { src: "plotly.js", load: () => resolve(window.Plotly), error: failed }));
    });
    return library;
  };

  const plot = make("div", { class: "nc-x-map", id: "map" });
  const glance = make("div", { class: "nc-x-glance nc-x-pixels", id: "glance", hidden: true });
  const kinds = make("div", { class: "nc-x-segments", role: "group", "aria-label": words.x_map },
    ...["tsne", "pca"].map((name) => make("button", {
      type: "button", id: `map-${name}`, "aria-pressed": String(name === by), click: () => { by = name; draw(); },
    }, words[`x_${name}`])));
  const about = make("p", { class: "nc-facts" });
  const box = make("div", { class: "nc-x-map-box" }, plot, glance);
  const bar = make("div", { class: "nc-bar" }, about, kinds);
  const panel = make("div", { class: "nc-x-tool" });

  const showFace = (index, event) => {
    const rows = Math.ceil(found.tsne.length / found.columns);
    putFrame(glance, found.sprite, found.columns, rows, index % found.columns, Math.floor(index / found.columns));
    const frame = box.getBoundingClientRect();
    const x = event.clientX - frame.left;
    glance.style.left = `${Math.min(frame.width - 136, Math.max(0, x + (x > frame.width / 2 ? -150 : 20)))}px`;
    glance.style.top = `${Math.min(frame.height - 136, Math.max(0, event.clientY - frame.top - 64))}px`;
    glance.hidden = false;
  };

  const draw = async () => {
    for (const choice of kinds.children) choice.setAttribute("aria-pressed", String(choice.id === `map-${by}`));
    about.textContent = by === "pca"
      ? fill(words.x_pca_about, { count: found[by].length, share: percent(found.explained, 0) })
      : fill(words.x_tsne_about, { count: found[by].length });
    const Plotly = await plotly();
    const ink = getComputedStyle(root).getPropertyValue("--nc-quiet");
    const points = {
      type: "scatter", mode: "markers", hoverinfo: "none",
      x: found[by].map(([x]) => x), y: found[by].map(([, y]) => y),
      marker: { size: 13, color: found.colours.map((rgb) => `rgb(${rgb.join(",")})`), line: { width: 1, color: ink } },
    };
    const axis = { visible: false, range: [-0.04, 1.04], fixedrange: false };
    const first = !plot.data;
    await Plotly.react(plot, [points], {
      xaxis: axis, yaxis: { ...axis }, margin: { l: 0, r: 0, t: 0, b: 0 }, hovermode: "closest", dragmode: "pan",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hoverdistance: 24,
    }, { responsive: true, displayModeBar: false, scrollZoom: true });
    if (!first) return;
    plot.on("plotly_hover", (event) => showFace(event.points[0].pointIndex, event.event));
    plot.on("plotly_unhover", () => { glance.hidden = true; });
    plot.on("plotly_click", (event) => show({ seed: event.points[0].pointIndex, truncation: 1 }, "map"));
  };

  const keyOf = () => `${current.model} ${current.epoch}`;
  const load = async () => {
    if (drawnFor === keyOf()) return;
    const key = (drawnFor = keyOf());
    running?.cancel();
    const progress = meter(words.x_mapping);
    panel.replaceChildren(note(words.x_mapping), progress);
    try {
      running = startTask("map", {}, (status) => { progress.value = status.progress; });
      const result = await running.finished;
      if (!result || key !== keyOf()) return;
      found = result;
      panel.replaceChildren(bar, box, make("p", { class: "nc-facts" }, words.x_map_hint));
      await draw();
    } catch (error) {
      if (key !== drawnFor) return;
      drawnFor = null;
      panel.replaceChildren(note(error.message, "nc-problem"), button("map-again", words.x_again, load));
    }
  };
  const tool = { id: "map", title: words.x_map, panel, open: load, onFace: () => { if (isOpen(tool)) load(); } };
  return tool;
})();
