/* Copy check: the training photos nearest to the current face ---------------------------------- */

const nearestTool = (() => {
  let running = null;
  const one = make("div", { class: "nc-x-nearest", "aria-live": "polite" });
  const all = make("div", { class: "nc-x-survey", "aria-live": "polite" });
  const surveyButton = button("survey", words.x_survey, () => survey());
  const panel = make("div", { class: "nc-x-tool" },
    make("p", { class: "nc-facts" }, words.x_nearest_about), one, surveyButton, all);

  const sentence = (found) => fill(words[`x_level_${found.level}`], { share: percent(found.closer) });
  const row = (png, alt, found) => make("div", { class: "nc-x-near-row" },
    make("figure", {}, thumb(png, alt), make("figcaption", {}, alt)),
    ...found.nearest.map((photo, at) => make("figure", {},
      thumb(photo, `${words.x_training_photo} ${at + 1}`), make("figcaption", {}, at ? "" : words.x_nearest_photo))));

  let judged = null;
  const compare = async () => {
    if (judged === current.face) return;
    judged = current.face;
    running?.cancel();
    surveyButton.hidden = !isAllowed;
    if (!isAllowed) { one.replaceChildren(note(words.x_photos_closed)); return; }
    const face = current.face;
    const { png } = current;
    const progress = meter(words.x_comparing);
    one.replaceChildren(note(words.x_comparing), progress);
    try {
      running = startTask("nearest", { face }, (status) => { progress.value = status.progress; });
      const found = await running.finished;
      if (!found || face !== current.face) return;
      one.replaceChildren(
        make("p", { class: `nc-x-level nc-x-level-${found.level}`, id: "copy-verdict", "data-level": found.level }, sentence(found)),
        row(png, nameOf(face), found),
        ...(found.remark ? [note(found.remark, "nc-problem")] : []));
    } catch (error) {
      if (judged === face) { judged = null; one.replaceChildren(note(error.message, "nc-problem")); }
    }
  };

  const survey = async () => {
    surveyButton.disabled = true;
    const progress = meter(words.x_surveying);
    all.replaceChildren(note(words.x_surveying), progress);
    try {
      const found = await startTask("survey", {}, (status) => { progress.value = status.progress; }).finished;
      if (found) {
        all.replaceChildren(
          make("p", { class: "nc-x-level", id: "survey-verdict" }, fill(words.x_survey_result, {
            share: percent(found.share), count: found.count, expected: percent(found.expected, 0),
          })),
          ...found.closest.map((pair) => make("div", {},
            row(pair.png, `${words.seed} ${pair.seed}`, pair), make("p", { class: "nc-facts" }, sentence(pair)))));
      }
    } catch (error) {
      all.replaceChildren(note(error.message, "nc-problem"));
    }
    surveyButton.disabled = false;
  };

  let model = null;
  const onFace = () => {
    if (model !== `${current.model} ${current.epoch}`) { model = `${current.model} ${current.epoch}`; judged = null; all.replaceChildren(); }
    if (isOpen(tool)) compare();
  };
  const tool = { id: "nearest", title: words.x_nearest, panel, open: compare, onFace };
  return tool;
})();
