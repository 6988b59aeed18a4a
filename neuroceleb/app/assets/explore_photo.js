/* Projection: the z whose face is nearest to the one in a photo -------------------------- */

const photoTool = (() => {
  let running = null;
  let way = [];

  const file = make("input", { type: "file", accept: "image/*", id: "photo-file", class: "nc-screen-reader", change: () => cut(file.files[0]) });
  const drop = make("label", { class: "nc-x-drop", for: "photo-file" }, make("strong", {}, words.x_choose_photo), make("span", {}, words.x_photo_stays));
  drop.append(file);
  for (const name of ["dragover", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      if (name === "drop") cut(event.dataTransfer.files[0]);
    });
  }
  const choices = make("div", { class: "nc-x-choices", "aria-live": "polite" });
  const search = make("div", { class: "nc-x-search", "aria-live": "polite" });
  const panel = make("div", { class: "nc-x-tool" },
    make("p", { class: "nc-facts" }, words.x_photo_about), drop, choices, search);

  const cut = async (photo) => {
    file.value = "";
    if (!photo) return;
    running?.cancel();
    search.replaceChildren();
    choices.replaceChildren(note(words.x_cutting));
    try {
      const { faces } = await (await request("explore/crops", { method: "POST", body: photo })).json();
      if (faces.length === 1) { choices.replaceChildren(); find(faces[0]); return; }
      choices.replaceChildren(
        note(fill(words.x_many_faces, { count: faces.length })),
        make("div", { class: "nc-x-shelf" }, ...faces.map((crop, at) => make("button", {
          type: "button", class: "nc-x-pick", "aria-label": `${words.x_face_number} ${at + 1}`, click: () => find(crop),
        }, thumb(crop, "")))));
    } catch (error) {
      choices.replaceChildren(note(error.message, "nc-problem"));
    }
  };

  const verdict = (levels) => words[levels < 10 ? "x_like_well" : levels < 32 ? "x_like_fairly" : "x_like_badly"];

  const find = async (crop) => {
    running?.cancel();
    way = [];
    const progress = meter(words.x_searching);
    const summary = make("p", { class: "nc-facts", id: "search-status" }, words.x_searching);
    const wanted = make("figure", {}, thumb(crop, words.x_your_photo), make("figcaption", {}, words.x_your_photo));
    const best = make("img", { class: "nc-x-pixels", width: FACE_PX, height: FACE_PX, alt: words.x_look_alike, id: "look-alike" });
    const found = make("figure", {}, best, make("figcaption", {}, words.x_look_alike));
    best.style.visibility = "hidden";
    const strip = make("input", { type: "range", min: 0, max: 0, value: 0, id: "way", disabled: true, "aria-label": words.x_way,
      input: () => { best.src = way[Number(strip.value)].png; } });
    const stop = button("cancel-search", words.cancel, () => {
      mine.cancel();
      summary.textContent = words.x_cancelled;
      stop.remove();
    });
    search.replaceChildren(make("div", { class: "nc-x-pair" }, wanted, found), progress, strip, summary, stop);
    const onStatus = (status) => {
      progress.value = status.progress;
      for (const step of status.updates) {
        way.push(step);
        best.src = step.png;
        best.style.visibility = "visible";
        strip.max = strip.value = way.length - 1;
        summary.textContent = `${words.x_searching} ${fill(words.x_levels, { levels: Math.round(step.levels) })}`;
      }
    };
    const mine = (running = startTask("project", { crop }, onStatus));
    try {
      const result = await mine.finished;
      if (!result) return;
      way.push(result);
      best.src = result.png;
      progress.value = 1;
      strip.max = strip.value = way.length - 1;
      strip.disabled = false;
      summary.replaceChildren(make("strong", {}, words.x_not_the_person),
        ` ${verdict(result.levels)} ${fill(words.x_levels, { levels: Math.round(result.levels) })}`);
      stop.replaceWith(button("take-look-alike", words.x_take, () => put({ z: way[Number(strip.value)].z }, way[Number(strip.value)])));
      put({ z: result.z }, result);
    } catch (error) {
      search.replaceChildren(note(error.message, "nc-problem"), button("search-again", words.x_again, () => find(crop)));
    }
  };
  return { id: "photo", title: words.x_photo, panel, open: () => {}, onFace: () => {} };
})();
