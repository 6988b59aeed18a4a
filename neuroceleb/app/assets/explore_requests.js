const {
  words, make, notify, request, postJson, runTask, faceLinks, language, smoothSwitch, emptyState, onReceive, openTab,
} = window.neuroceleb;
const root = element.querySelector(".nc-explore");
const FACE_PX = 64;

/* Requests --------------------------------------------------------------------------------- */

const post = (what, body) => postJson(`explore/${what}`, body);
const startTask = (kind, body, onStatus) => runTask("explore/task", { ...parameters(body), kind }, onStatus);

/* A function that runs one call at a time; of the calls meanwhile only the last is kept. */
const latest = (act) => {
  let busy = false;
  let next = null;
  const run = async (...what) => {
    if (busy) { next = what; return; }
    busy = true;
    try {
      await act(...what);
    } catch (error) {
      notify(error.message);
    }
    busy = false;
    if (next) { const waiting = next; next = null; run(...waiting); }
  };
  return run;
};

/* Small things ----------------------------------------------------------------------------- */

const button = (id, text, click, kind = "") =>
  make("button", { type: "button", id, class: `nc-button ${kind}`, click }, text);
const note = (text, kind = "") => make("p", { class: `nc-note ${kind}` }, text);
const percent = (share, digits = 1) => `${(100 * share).toLocaleString(language, {
  minimumFractionDigits: digits, maximumFractionDigits: digits,
})} %`;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const meter = (label) => make("progress", { class: "nc-meter", max: 1, value: 0, "aria-label": label });
const thumb = (png, alt) => make("img", { src: png, alt, width: FACE_PX, height: FACE_PX, class: "nc-x-pixels" });

/* One frame of a sheet of faces without gaps, as a background that fills what it is put on. */
const putFrame = (target, sheet, columns, rows, column, row) => {
  target.style.backgroundImage = `url("${sheet}")`;
  target.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
  const along = (place, count) => (count > 1 ? (100 * place) / (count - 1) : 0);
  target.style.backgroundPosition = `${along(column, columns)}% ${along(row, rows)}%`;
};
