/* Directions: ten sliders, and what each does to three faces ---------------------------------- */

const directionsTool = (() => {
  const panel = make("div", { class: "nc-x-tool" });
  let found = null; // of which model and epoch, and what
  let places = [];
  let base = null; // the face that the sliders move away from
  let frames = null; // to scrub through, from where the sliders stand
  let dragged = null;
  let searching = null;
  const sliders = [];

  const isFresh = () => frames !== null && frames.places === places && frames.base === base;
  const fetchFrames = latest(async (isNew) => {
    const requested = { base, places };
    if (!base || !found) return;
    const drawn = await post("sliders", parameters({ face: base, places }));
    if (requested.places !== places || requested.base !== base) return;
    frames = { ...requested, ...drawn };
    if (isNew) put({ z: drawn.z }, drawn, "directions");
    if (dragged !== null) scrubTo(dragged);
  });

  const columnOf = (value) => Math.round(((Number(value) + frames.reach) / (2 * frames.reach)) * (frames.columns - 1));
  const scrubTo = (number) => {
    dragged = number;
    showValue(number);
    if (isFresh()) scrub(frames.frames, frames.columns, places.length, columnOf(sliders[number].value), number);
  };
  const showValue = (number) => {
    const value = Number(sliders[number].value);
    sliders[number].nextElementSibling.textContent = value.toLocaleString(language, { signDisplay: "exceptZero" });
  };
  const settle = (number) => {
    dragged = null;
    places = places.map((place, at) => (at === number ? Number(sliders[number].value) : place));
    fetchFrames(true);
  };
  const reset = (isNew = true) => {
    places = places.map(() => 0);
    sliders.forEach((slider, at) => { slider.value = 0; showValue(at); });
    if (isNew) fetchFrames(true);
  };

  const saveNames = async () => {
    try {
      const names = [...panel.querySelectorAll(".nc-x-direction-name")].map((input) => input.value);
      const { file } = await post("names", parameters({ names }));
      notify(fill(words.x_names_saved, { file }));
      await load(true);
    } catch (error) {
      notify(error.message);
    }
  };

  const takeFrame = async (seed, number, far) => {
    try {
      const drawn = await post("sliders", parameters({
        face: { seed, truncation: 1 }, places: places.map((_, at) => (at === number ? far : 0)),
      }));
      put({ z: drawn.z }, drawn);
    } catch (error) {
      notify(error.message);
    }
  };

  const row = (direction, number) => {
    const label = direction.name || `${words.x_direction} ${number + 1}`;
    const slider = make("input", {
      type: "range", min: -3, max: 3, step: 0.25, value: 0, id: `direction-${number + 1}`, "aria-label": label,
      input: () => scrubTo(number), change: () => settle(number),
    });
    sliders[number] = slider;
    const strip = make("div", { class: "nc-x-strip" });
    const { seeds, at, strips } = found;
    seeds.forEach((seed, which) => at.forEach((far, place) => {
      const one = make("button", {
        type: "button", class: "nc-x-strip-frame nc-x-pixels",
        "aria-label": `${label}, ${far}, ${words.seed} ${seed}`, click: () => takeFrame(seed, number, far),
      });
      putFrame(one, strips, seeds.length * at.length, found.directions.length, which * at.length + place, number);
      strip.append(one);
    }));
    const name = make("input", {
      class: "nc-x-direction-name", value: direction.name, maxlength: 40, placeholder: `${words.x_direction} ${number + 1}`,
      "aria-label": `${words.x_name_of} ${number + 1}`, disabled: !isAllowed,
    });
    return make("li", {},
      make("div", { class: "nc-x-direction" }, name,
        make("span", { class: "nc-x-share", title: words.x_explains_long }, percent(direction.explains)),
        slider, make("output", { class: "nc-x-value" }, "0")),
      strip);
  };

  const draw = () => {
    const total = found.directions.reduce((sum, direction) => sum + direction.explains, 0);
    sliders.length = 0;
    places = found.directions.map(() => 0);
    panel.replaceChildren(
      make("div", { class: "nc-bar" },
        make("p", { class: "nc-facts" }, fill(words.x_directions_about, { share: percent(total, 0) })),
        button("reset-directions", words.x_reset, () => reset()),
        ...(isAllowed ? [button("save-names", words.x_save_names, saveNames)] : [])),
      ...(found.remark ? [note(found.remark, "nc-problem")] : []),
      make("ol", { class: "nc-x-directions" }, ...found.directions.map(row)));
  };

  const keyOf = () => `${current.model} ${current.epoch}`;
  const load = async (anew = false) => {
    if (!anew && (found?.key === keyOf() || searching === keyOf())) return;
    const key = (searching = keyOf());
    const bar = meter(words.x_finding);
    if (!anew) panel.replaceChildren(note(words.x_finding), bar);
    try {
      const result = await startTask("directions").finished;
      if (key !== keyOf() || !result) return;
      found = { ...result, key };
      draw();
      base = current.face;
      fetchFrames(false);
    } catch (error) {
      panel.replaceChildren(note(error.message, "nc-problem"));
    } finally {
      if (searching === key) searching = null;
    }
  };

  const onFace = (by) => {
    if (by === "directions") return;
    base = current.face;
    frames = null;
    if (!isOpen(tool)) return;
    if (found?.key === keyOf()) { reset(false); fetchFrames(false); } else load();
  };
  const open = async () => {
    if (found?.key !== keyOf()) { load(); return; }
    if (base !== current.face) base = current.face;
    if (!isFresh()) { reset(false); fetchFrames(false); }
  };
  const tool = { id: "directions", title: words.x_directions, panel, open, onFace };
  return tool;
})();
