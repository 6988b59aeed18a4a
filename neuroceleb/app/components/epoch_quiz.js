/* "Which is later?": one face at two epochs of the reel; the nearer the epochs, the harder. */
import { FACE_PX, corner, layoutOf } from "./epoch_sheets.js";
import { make, t } from "./dom.js";
import { button, makeViewer } from "./parts.js";

const ROUNDS = 10;
const LEAST_GAP = 0.15; // of the run: nearer epochs look alike
const any = (/** @type {number} */ below) => Math.floor(Math.random() * below);

/** @param {any} side the side of the reel that asks: its value and its sheets */
export const makeQuiz = (side) => {
  let [round, right, answer, isOpen] = [0, 0, 0, false];
  const count = make("p", { class: "nc-facts" });
  const verdict = make("p", { class: "nc-facts nc-quiz-verdict", role: "status" });
  const cards = [t("Left face"), t("Right face")].map((label, place) => {
    const canvas = make("canvas", { width: FACE_PX, height: FACE_PX, class: "nc-pixels", role: "img", "aria-label": label });
    const epoch = make("span", { class: "nc-facts" });
    return { canvas, epoch, at: 0, button: make("button", { type: "button", class: "nc-quiz-face", "aria-label": label, click: () => choose(place) }, canvas, epoch) };
  });
  const next = button("", () => (round >= ROUNDS ? begin() : ask()), { class: "nc-button nc-accent nc-quiz-next" });
  const dialog = makeViewer({
    class: "nc-quiz", "aria-label": t("Which is later?"),
    keydown: ({ key }) => { if (key === "ArrowLeft") choose(0); else if (key === "ArrowRight") choose(1); },
  }, [count],
  make("p", { class: "nc-facts" }, t("One seed at two epochs of this run: which one had G learned from longer?")),
  make("div", { class: "nc-quiz-pair" }, ...cards.map(({ button }) => button)), make("div", { class: "nc-viewer-foot" }, verdict, next));

  const showCount = () => { count.textContent = t("Question {round} of {rounds} · {right} right", { round, rounds: ROUNDS, right }); };
  const ask = () => {
    round += 1;
    answer = any(2);
    const last = side.value.sheets.length - 1;
    const gap = Math.max(1, Math.round(last * Math.max(LEAST_GAP, 0.6 * (1 - (round - 1) / ROUNDS))));
    const early = any(last - gap + 1);
    const face = Math.random();
    showCount();
    verdict.textContent = t("Choose the later one.");
    next.hidden = true;
    for (const [place, card] of cards.entries()) {
      card.button.classList.remove("nc-right", "nc-wrong");
      card.epoch.textContent = "";
      card.at = place === answer ? early + gap : early;
      const picture = side.sheets.image(side.sheets.nearest(card.at));
      const { columns, rows } = layoutOf(picture);
      card.canvas.getContext("2d").drawImage(picture, ...corner(Math.floor(face * columns * rows), columns || 1), FACE_PX, FACE_PX, 0, 0, FACE_PX, FACE_PX);
    }
    isOpen = true;
    cards[0].button.focus();
  };
  const choose = (/** @type {number} */ place) => {
    if (!isOpen) return;
    isOpen = false;
    if (place === answer) right += 1;
    for (const [which, card] of cards.entries()) {
      card.epoch.textContent = t("Epoch {epoch}", { epoch: side.value.sheets[card.at][0] });
      card.button.classList.toggle("nc-right", which === answer);
      card.button.classList.toggle("nc-wrong", which === place && place !== answer);
    }
    showCount();
    const isLast = round >= ROUNDS;
    const end = isLast ? ` ${t("{right} of {rounds}; guessing gives half.", { right, rounds: ROUNDS })}` : "";
    verdict.textContent = (place === answer ? t("Right.") : t("No, the other one.")) + end;
    next.textContent = isLast ? t("Again") : t("Next");
    next.hidden = false;
    next.focus();
  };
  const begin = () => {
    [round, right] = [0, 0];
    if (!dialog.open) dialog.showModal();
    if (side.value.sheets.length > 1) ask();
    else verdict.textContent = t("The quiz needs two sample sheets: wait for the next epoch.");
  };
  return { dialog, begin };
};
