/* Buttons, the player, the dialog and the ways on from a face: what several components share. */
import { make, t } from "./dom.js";

/** Where a face can be shown next. @type {Record<string, string>} */
const LEADS = {
  generate: t("Show in Generate"), start: t("Start of an interpolation"), end: t("End of an interpolation"),
  explore: t("Explore"), nearest: t("Nearest photos"), epochs: t("Its epochs"),
};

/** @param {string} text @param {(event: any) => any} click @param {object} [attributes] */
export const button = (text, click, attributes = {}) => make("button", { type: "button", class: "nc-button", click, ...attributes }, text);

/** A round button: a sign, and a name for those who do not see it. @param {string} name @param {string} sign @param {(event: any) => any} click @param {object} [attributes] */
export const round = (name, sign, click, attributes = {}) => button(sign, click, { class: "nc-round", "aria-label": name, title: name, ...attributes });

/** A button for each lead; `go` is called with its name. @param {string[]} names @param {(to: string) => any} go */
export const leadButtons = (names, go) => names.map((to) => button(LEADS[to], () => go(to), { "data-lead": to }));

/** A dialog with a row on top that ends in *Close*; a click beside it closes it, too. @param {Record<string, any>} attributes @param {Node[]} top @param {...Node} children */
export const makeViewer = (attributes, top, ...children) => {
  const viewer = make("dialog", { ...attributes, class: `nc-viewer ${attributes.class ?? ""}`, click: (event) => { if (event.target === viewer) viewer.close(); } },
    make("div", { class: "nc-viewer-top" }, ...top, round(t("Close"), "✕", () => viewer.close())), ...children);
  return viewer;
};

/**
 * A button that plays and pauses at the screen's rate. `begin` returns what to do at every frame, which returns
 * whether to go on; or null where there is nothing to play.
 * @param {HTMLElement} element @param {() => ((now: number) => boolean) | null} begin @param {object} [attributes]
 */
export const makePlayer = (element, begin, attributes = {}) => {
  let frame = 0;
  const toggle = round(t("Play"), "▶", () => (frame ? pause() : play()), attributes);
  const draw = () => {
    toggle.textContent = frame ? "❚❚" : "▶";
    toggle.title = frame ? t("Pause") : t("Play");
    toggle.setAttribute("aria-label", toggle.title);
  };
  const pause = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    draw();
  };
  const play = () => {
    pause();
    const step = begin();
    const tick = (/** @type {number} */ now) => {
      frame = requestAnimationFrame(tick);
      if (!element.isConnected || !step?.(now)) pause();
    };
    if (step) frame = requestAnimationFrame(tick);
    draw();
  };
  return { button: toggle, play, pause, isPlaying: () => frame !== 0 };
};
