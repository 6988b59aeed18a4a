/* Learn: a tour in five steps, and a quiz. `controller` is the tab's interface for them. ------------- */
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "–");
const places = (value, digits = 2) => (value == null ? "–" : Number(value).toLocaleString(locale, { maximumFractionDigits: digits }));
const locale = language === "ko" ? "ko-KR" : "en-US";

/* Two faces of the sheet over and over: what a collapse would look like. */
const collapsed = (pen, canvas) => {
  const { columns, rows } = facesOn(canvas.width, canvas.height);
  const two = [0, columns + 2].map((face) => {
    const one = make("canvas", { width: FACE_PX, height: FACE_PX });
    const from = faceCorner(Math.min(face, columns * rows - 1), columns);
    one.getContext("2d").drawImage(canvas, ...from, FACE_PX, FACE_PX, 0, 0, FACE_PX, FACE_PX);
    return one;
  });
  for (let face = 0; face < columns * rows; face += 1) {
    const isSecond = (face * 5 + Math.floor(face / columns) * 4) % 7 < 2;
    pen.drawImage(two[isSecond ? 1 : 0], ...faceCorner(face, columns));
  }
};

const makeTour = (controller) => {
  let step = 0;
  const count = make("span", { class: "nc-facts" });
  const title = make("h2", {});
  const text = make("p", {});
  const back = make("button", { type: "button", class: "nc-button", id: "tour-back", click: () => go(step - 1) }, words.l_back);
  const next = make("button", { type: "button", class: "nc-button nc-accent", id: "tour-next", click: () => (step === steps.length - 1 ? end() : go(step + 1)) });
  const card = make("section", { class: "nc-tour", id: "tour-card", "aria-label": words.l_tour, hidden: true },
    make("div", { class: "nc-tour-top" }, count,
      make("button", { type: "button", class: "nc-round", "aria-label": words.close, title: words.close, click: () => end() }, "✕")),
    title, make("div", { "aria-live": "polite" }, text), make("div", { class: "nc-tour-foot" }, back, next));

  const figuresAt = (epoch) => {
    const { figures } = controller.run();
    const at = figures.epochs.indexOf(epoch);
    const values = {};
    for (const chart of figures.charts) for (const line of chart.lines) values[line.key] = line.values[at];
    return values;
  };
  /* The epoch at which D is surest: D(x) the farthest above D(G(z)). */
  const surest = () => {
    const { epochs } = controller.run().figures;
    const lead = (epoch) => { const { d_x, d_g_z1 } = figuresAt(epoch); return d_x == null || d_g_z1 == null ? -1 : d_x - d_g_z1; };
    return epochs.reduce((best, epoch) => (lead(epoch) > lead(best) ? epoch : best), epochs[0]);
  };
  const scoreWords = (epoch) => {
    const { d_x, d_g_z1, loss_d, loss_g } = figuresAt(epoch);
    return { epoch, d_x: places(d_x), d_g_z1: places(d_g_z1), loss_d: places(loss_d), loss_g: places(loss_g) };
  };

  const steps = [
    { name: "noise", enter: () => { controller.goTo(0); controller.light(controller.stage); setTimeout(() => { if (step === 0 && !card.hidden) controller.play(); }, 900); }, values: () => ({ last: controller.lastEpoch() }) },
    { name: "sees", enter: () => { controller.goTo(controller.count() - 1); controller.light(controller.chart("scores")); }, values: () => scoreWords(controller.lastEpoch()) },
    { name: "wins", enter: () => { controller.goToEpoch(surest()); controller.light(controller.chart("losses")); }, values: () => scoreWords(surest()) },
    { name: "collapse", enter: () => { controller.goTo(controller.count() - 1); controller.light(controller.stage); setTimeout(() => { if (step === 3 && !card.hidden) controller.stageFaces(collapsed); }, 400); } },
    { name: "modern", enter: () => { controller.compareModern(); controller.light(controller.stage); }, values: () => ({}) },
  ];
  const leave = () => { controller.pause(); controller.restoreFaces(); controller.light(null); controller.compareNothing(); };
  const go = (to) => {
    leave();
    step = Math.max(0, Math.min(steps.length - 1, to));
    const { name, enter, values } = steps[step];
    const key = name === "modern" && !controller.hasModern() ? "l_modern_alone" : `l_${name}`;
    count.textContent = `${step + 1} / ${steps.length}`;
    title.textContent = words[`l_${name}_title`];
    text.textContent = fill(words[key], values ? values() : {});
    back.disabled = step === 0;
    next.textContent = step === steps.length - 1 ? words.l_end : words.l_next;
    enter();
  };
  const end = () => { leave(); card.hidden = true; controller.focusTour(); };
  const start = () => { card.hidden = false; go(0); next.focus({ preventScroll: true }); };
  card.addEventListener("keydown", (event) => { if (event.key === "Escape") end(); });
  return { element: card, start };
};

/* "Which is later?": one face at two epochs; the nearer the epochs, the harder. ------------------ */
const QUIZ_ROUNDS = 10;
const makeQuiz = (controller) => {
  let [round, right, answer, isOpen] = [0, 0, 0, false];
  let drawing = Promise.resolve();
  const counter = make("p", { class: "nc-facts", id: "quiz-count" });
  const verdict = make("p", { class: "nc-quiz-verdict", id: "quiz-verdict", role: "status" });
  const cards = [0, 1].map((side) => {
    const canvas = make("canvas", { width: FACE_PX, height: FACE_PX, class: "nc-sheet-image", role: "img", "aria-label": words[`l_face_${side}`] });
    const epoch = make("span", { class: "nc-quiz-epoch" });
    const button = make("button", { type: "button", class: "nc-quiz-face", "data-side": side, "aria-label": words[`l_face_${side}`], click: () => choose(side) }, canvas, epoch);
    return { canvas, epoch, button };
  });
  const next = make("button", { type: "button", class: "nc-button nc-accent", id: "quiz-next", click: () => (round >= QUIZ_ROUNDS ? begin() : nextQuestion()) }, words.l_next);
  const dialog = make("dialog", {
    class: "nc-viewer nc-quiz", id: "quiz-box", "aria-label": words.l_quiz,
    click: (event) => { if (event.target === dialog) dialog.close(); },
    keydown: (event) => {
      if (event.key === "ArrowLeft") choose(0);
      if (event.key === "ArrowRight") choose(1);
    },
  },
  make("div", { class: "nc-quiz-top" }, make("h2", {}, words.l_quiz),
    make("button", { type: "button", class: "nc-round", "aria-label": words.close, title: words.close, click: () => dialog.close() }, "✕")),
  make("p", { class: "nc-facts" }, words.l_quiz_why), counter,
  make("div", { class: "nc-quiz-pair" }, ...cards.map(({ button }) => button)),
  make("div", { class: "nc-quiz-foot" }, verdict, next));

  const any = (below) => Math.floor(Math.random() * below);
  const nextQuestion = async () => {
    round += 1;
    isOpen = false;
    const count = controller.count();
    const gap = Math.max(1, Math.round((count - 1) * 0.6 * (1 - (round - 1) / QUIZ_ROUNDS)));
    const early = any(count - gap);
    const face = any(controller.faceCount());
    answer = any(2);
    counter.textContent = fill(words.l_quiz_count, { round, rounds: QUIZ_ROUNDS, right });
    verdict.textContent = words.l_quiz_ask;
    next.hidden = true;
    for (const [side, card] of cards.entries()) {
      card.button.disabled = true;
      card.button.classList.remove("nc-right", "nc-wrong");
      card.epoch.textContent = "";
      card.at = side === answer ? early + gap : early;
    }
    const mine = drawing.then(() => Promise.allSettled(cards.map((card) => controller.drawFace(card.canvas, card.at, face))));
    drawing = mine;
    await mine;
    if (drawing !== mine) return; // another question meanwhile
    for (const card of cards) card.button.disabled = false; // to be chosen from once both are there
    isOpen = true;
    cards[0].button.focus();
  };
  const choose = (side) => {
    if (!isOpen) return;
    isOpen = false;
    if (side === answer) right += 1;
    for (const [which, card] of cards.entries()) {
      card.button.disabled = true;
      card.epoch.textContent = `${words.epoch} ${controller.epochAt(card.at)}`;
      card.button.classList.toggle("nc-right", which === answer);
      card.button.classList.toggle("nc-wrong", which === side && side !== answer);
    }
    counter.textContent = fill(words.l_quiz_count, { round, rounds: QUIZ_ROUNDS, right });
    const isLast = round >= QUIZ_ROUNDS;
    verdict.textContent = `${side === answer ? words.l_right : words.l_wrong}${isLast ? ` ${fill(words.l_quiz_end, { right, rounds: QUIZ_ROUNDS })}` : ""}`;
    next.textContent = isLast ? words.l_again : words.l_next;
    next.hidden = false;
    next.focus();
  };
  const begin = () => {
    [round, right] = [0, 0];
    if (controller.count() < 2 || !controller.faceCount()) { notify(words.l_quiz_none); return; }
    if (!dialog.open) dialog.showModal();
    nextQuestion();
  };
  return { element: dialog, start: begin };
};
