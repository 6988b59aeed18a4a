const { words, make, say, ask, translated, leads, language, smoothSwitch, emptyState, take, openTab } = window.neuroceleb;
const root = element.querySelector(".nc-explore");
const LOOK_AGAIN_MS = 200;
const FACE_PX = 64;

/* Asking the server ------------------------------------------------------------------------ */

const post = async (what, wishes) => {
  const answer = await ask(`explore/${what}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wishes),
  });
  return answer.json();
};

/* What takes longer: `told` hears how far it has come, 0 to 1, and the news; resolves to the result,
   or to null where it was cancelled. `running.cancel()` ends it. */
const errand = (wishes, told = () => {}) => {
  let token = null;
  let ended = false;
  const finished = (async () => {
    ({ errand: token } = await post("begin", wishes));
    let since = 0;
    for (;;) {
      if (ended) return null;
      const now = await (await ask(`explore/errands/${token}?since=${since}`)).json();
      since += now.news.length;
      if (!ended) told(now.done, now.news, now.state);
      if (now.state === "done") return ended ? null : now.result;
      if (now.state === "failed") throw new Error(translated(now.error));
      if (now.state === "cancelled") return null;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  })();
  const cancel = () => {
    ended = true;
    if (token) post(`errands/${token}/cancel`, {}).catch(() => {});
  };
  return { finished, cancel };
};

/* A function that is busy with one call at a time; of those that come meanwhile the last is kept. */
const latest = (act) => {
  let busy = false;
  let next = null;
  const run = async (...what) => {
    if (busy) { next = what; return; }
    busy = true;
    try {
      await act(...what);
    } catch (error) {
      say(error.message);
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
