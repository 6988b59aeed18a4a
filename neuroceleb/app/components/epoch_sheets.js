/* Sample sheets to scrub: previews of all of them are held; the sheet itself is fetched where the slider rests. */
import { answered, t } from "./dom.js";

const HELD = 256; // of longer runs every second, fourth … sheet is held
const BATCH = 16; // sheets in one request
export const FACE_PX = 64;
const STEP_PX = 66; // a face and the line beside it

/** @typedef {[epoch: number, version: string, isExact: boolean]} Sheet */

/** Columns and rows of a sheet of faces; 0 where it is none. @param {{ width: number, height: number }} size */
export const layoutOf = ({ width, height }) => {
  const [columns, rows] = [(width - 2) / STEP_PX, (height - 2) / STEP_PX];
  return Number.isInteger(columns) && Number.isInteger(rows) && columns * rows > 0 ? { columns, rows } : { columns: 0, rows: 0 };
};
/** @param {number} face @param {number} columns @returns {[number, number]} */
export const corner = (face, columns) => [2 + (face % columns) * STEP_PX, 2 + Math.floor(face / columns) * STEP_PX];

/** The last, one of every 64, one of every 32 …: all is there roughly before all is there. @param {number} count */
export const coarseFirst = (count) => {
  const order = count ? [count - 1] : [];
  for (let step = 64; step >= 1; step /= 2) for (let at = 0; at < count; at += step) order.push(at);
  return [...new Set(order)];
};

/** A decoded image; null for a damaged one. @param {string} src */
const imageOf = async (src) => {
  const image = new Image();
  image.src = src;
  return src ? image.decode().then(() => image, () => null) : null;
};

/** The previews of a run's sheets, requested in the background. @param {any} server @param {(held: number) => void} arrived */
export const makeSheets = (server, arrived) => {
  /** @type {Map<number, { version: string, image: HTMLImageElement | null }>} */
  const held = new Map();
  let [run, isLoading] = ["", false];
  /** @type {Sheet[]} */
  let sheets = [];
  const isHeld = (/** @type {number} */ at) => held.get(sheets[at][0])?.version === sheets[at][1];
  const image = (/** @type {number} */ at) => (sheets[at] && isHeld(at) ? held.get(sheets[at][0])?.image : null);
  const load = async () => {
    if (isLoading) return;
    isLoading = true;
    try {
      for (;;) {
        const stride = 2 ** Math.max(0, Math.ceil(Math.log2(sheets.length / HELD)));
        const next = coarseFirst(sheets.length).filter((at) => (at % stride === 0 || at === sheets.length - 1) && !isHeld(at));
        if (!next.length) break;
        const [of, wanted] = [run, next.slice(0, BATCH).map((at) => sheets[at])];
        const images = await Promise.all((await answered(server.sheets({ run: of, epochs: wanted.map(([epoch]) => epoch) }))).map(imageOf));
        if (of !== run) continue;
        for (const [place, [epoch, version]] of wanted.entries()) held.set(epoch, { version, image: images[place] });
        arrived(held.size);
      }
    } catch { /* requested again with the next value */ }
    isLoading = false;
  };
  return {
    image,
    sheet: (/** @type {number} */ at) => sheets[at],
    key: (/** @type {number} */ at) => `${run}|${sheets[at]}`,
    update: (/** @type {string} */ name, /** @type {Sheet[]} */ now) => {
      if (name !== run) held.clear();
      [run, sheets] = [name, now];
      load();
    },
    /** The place nearest to `at` whose preview is there, or -1. @param {number} at */
    nearest: (at) => {
      for (let off = 0; off < sheets.length; off += 1) for (const near of [at - off, at + off]) if (image(near)) return near;
      return -1;
    },
    exact: async (/** @type {number} */ at) => imageOf((await answered(server.sheets({ run, epochs: [sheets[at][0]], exact: true })))[0]),
  };
};

/**
 * A canvas that follows the slider: a preview is painted at once, the sheet itself by `settle`.
 * @param {HTMLCanvasElement} canvas @param {ReturnType<typeof makeSheets>} sheets @param {(canvas: HTMLCanvasElement) => void} resized
 */
export const makeView = (canvas, sheets, resized) => {
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  let [wanted, shown, isCollapsed] = [-1, "", false];
  const paint = (/** @type {number} */ at, /** @type {HTMLImageElement} */ image, kind = "") => {
    if (canvas.width !== image.width || canvas.height !== image.height) {
      [canvas.width, canvas.height] = [image.width, image.height];
      resized(canvas);
    }
    pen.drawImage(image, 0, 0);
    shown = sheets.key(at) + kind;
    canvas.dataset.epoch = String(sheets.sheet(at)[0]);
    canvas.setAttribute("aria-label", t("Sample sheet of epoch {epoch}", { epoch: sheets.sheet(at)[0] }));
  };
  const refresh = () => {
    const at = isCollapsed || wanted < 0 ? -1 : sheets.nearest(wanted);
    const image = at < 0 ? null : sheets.image(at);
    if (image && !shown.startsWith(sheets.key(at))) paint(at, image);
  };
  const settle = async () => {
    const [at, name] = [wanted, sheets.key(wanted)];
    if (!sheets.sheet(at) || isCollapsed || (sheets.sheet(at)[2] && sheets.image(at)) || shown === `${name}|exact`) return;
    const image = await sheets.exact(at).catch(() => null);
    if (image && at === wanted && name === sheets.key(at) && !isCollapsed) paint(at, image, "|exact");
  };
  return {
    refresh,
    settle,
    show: (/** @type {number} */ at) => {
      [wanted, isCollapsed] = [at, false];
      refresh();
    },
    forget: () => { [wanted, shown, isCollapsed] = [-1, "", false]; },
    isCollapsed: () => isCollapsed,
    /** Two faces of the sheet over and over: what a collapse would look like. */
    collapse: () => {
      const image = sheets.image(sheets.nearest(wanted));
      const { columns, rows } = layoutOf(canvas);
      if (!image || !columns) return;
      [isCollapsed, shown] = [true, ""];
      for (let face = 0; face < columns * rows; face += 1) {
        const isSecond = (face * 5 + Math.floor(face / columns) * 4) % 7 < 2;
        const from = corner(isSecond ? Math.min(columns + 2, columns * rows - 1) : 0, columns);
        pen.drawImage(image, ...from, FACE_PX, FACE_PX, ...corner(face, columns), FACE_PX, FACE_PX);
      }
    },
  };
};
