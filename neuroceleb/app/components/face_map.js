/* A map of faces on a canvas: drag to move, scroll or pinch to zoom, click a face to pick it. */
import { make, t } from "./dom.js";
import { round } from "./parts.js";

/** @typedef {{ sheet: string, columns: number, layouts: Record<string, [number, number][]>, colours: [number, number, number][] }} Value */
/** @typedef {{ zoom: number, x: number, y: number }} View the point of the plane in the middle, and the magnification */

const FACE_PX = 64; // in the sheet
const GLANCE_PX = 128;
const DOT_PX = 6.5;
const FACES_FROM_PX = 44; // the mean distance of neighbours from which on faces are drawn
const MAX_ZOOM = 24;
const REACH_PX = 24; // how near to a dot the pointer must be
const MARGIN = 0.9;

/** The side in pixels of a face at this distance of neighbours; 0 where dots are drawn. @param {number} spacing */
export const sideOf = (spacing) => (spacing < FACES_FROM_PX ? 0 : Math.min(96, 0.85 * spacing));

/** Zoom by a factor so that the point under the pointer stays there. @param {View} view @param {number} factor @param {[number, number]} offset of the pointer from the middle, in units of the plane at zoom 1 */
export const zoomed = (view, factor, offset) => {
  const zoom = Math.min(MAX_ZOOM, Math.max(1, view.zoom * factor));
  const [dx, dy] = offset.map((value) => value / view.zoom - value / zoom);
  return zoom === 1 ? { zoom, x: 0.5, y: 0.5 } : { zoom, x: view.x + dx, y: view.y + dy };
};

export const mount = ({ element, props, trigger, watch, settings }) => {
  /** @type {View} */
  let view = { zoom: 1, x: 0.5, y: 0.5 };
  let hovered = -1;
  let moved = 0;
  const sheet = new Image();
  /** @type {Map<number, [number, number]>} */
  const pointers = new Map();
  const canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": t("Map of faces: arrow keys move, + and − zoom, Enter takes the face in the middle") });
  const context = canvas.getContext("2d");
  const box = make("div", { class: "nc-map" }, canvas, make("div", { class: "nc-map-zoom" },
    round(t("Closer"), "+", () => zoom(1.5)), round(t("Farther"), "−", () => zoom(1 / 1.5))));

  const value = () => /** @type {Value | null} */ (props.value || null);
  const points = () => value()?.layouts[props.layout ?? settings.layout] ?? [];
  const unit = () => MARGIN * Math.min(canvas.clientWidth, canvas.clientHeight); // pixels of the plane's side at zoom 1
  const place = (/** @type {[number, number]} */ [x, y]) => [
    canvas.clientWidth / 2 + (x - view.x) * unit() * view.zoom,
    canvas.clientHeight / 2 - (y - view.y) * unit() * view.zoom,
  ];
  const side = () => sideOf((unit() * view.zoom) / Math.sqrt(Math.max(1, points().length)));

  const drawFace = (/** @type {number} */ index, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ px) => {
    const columns = value()?.columns ?? 1;
    context.drawImage(sheet, (index % columns) * FACE_PX, Math.floor(index / columns) * FACE_PX, FACE_PX, FACE_PX, x, y, px, px);
  };
  const halfSide = () => Math.max(DOT_PX, side() / 2);
  const drawFrame = (/** @type {number} */ index, /** @type {string} */ colour, /** @type {number} */ width) => {
    const [x, y] = place(points()[index]);
    const half = halfSide() + width / 2;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x - half, y - half, 2 * half, 2 * half);
  };
  const drawGlance = (/** @type {string} */ accent) => {
    const [x, y] = place(points()[hovered]);
    const half = halfSide();
    const left = x + (x > canvas.clientWidth / 2 ? -GLANCE_PX - half - 8 : half + 8);
    const top = Math.min(canvas.clientHeight - GLANCE_PX - 4, Math.max(4, y - GLANCE_PX / 2));
    drawFrame(hovered, accent, 2);
    context.strokeRect(left - 1, top - 1, GLANCE_PX + 2, GLANCE_PX + 2);
    drawFace(hovered, left, top, GLANCE_PX);
  };
  const draw = () => {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !context) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    context.scale(ratio, ratio);
    const style = getComputedStyle(element);
    const px = sheet.complete && sheet.naturalWidth ? side() : 0;
    context.imageSmoothingEnabled = !document.documentElement.classList.contains("nc-crisp");
    points().forEach((point, index) => {
      const [x, y] = place(point);
      if (x < -px || y < -px || x > width + px || y > height + px) return;
      if (px) { drawFace(index, x - px / 2, y - px / 2, px); return; }
      context.beginPath();
      context.arc(x, y, DOT_PX, 0, 2 * Math.PI);
      context.fillStyle = `rgb(${value()?.colours[index].join(",")})`;
      context.fill();
      context.strokeStyle = style.getPropertyValue("--nc-quiet");
      context.stroke();
    });
    canvas.dataset.shows = px ? "faces" : "dots";
    const marked = props.marked ?? settings.marked;
    canvas.dataset.marked = points()[marked] ? String(marked) : "";
    if (points()[marked]) drawFrame(marked, style.getPropertyValue("--nc-ink"), 4);
    if (hovered >= 0 && points()[hovered] && sheet.naturalWidth) drawGlance(style.getPropertyValue("--nc-accent"));
  };
  let frame = 0;
  const redraw = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };

  const nearest = (/** @type {number} */ x, /** @type {number} */ y) => {
    let best = -1;
    let least = Math.max(REACH_PX, side() / 2);
    points().forEach((point, index) => {
      const [px, py] = place(point);
      const distance = Math.hypot(px - x, py - y);
      if (distance <= least) { best = index; least = distance; }
    });
    return best;
  };
  const zoom = (/** @type {number} */ factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    view = zoomed(view, factor, [(x - canvas.clientWidth / 2) / unit(), (canvas.clientHeight / 2 - y) / unit()]);
    redraw();
  };
  const pan = (/** @type {number} */ dx, /** @type {number} */ dy) => {
    view = { ...view, x: view.x - dx / unit() / view.zoom, y: view.y + dy / unit() / view.zoom };
    redraw();
  };
  const pick = (/** @type {number} */ index) => { if (index >= 0) trigger("pick", { index }); };
  const hover = (/** @type {number} */ index) => {
    if (index === hovered) return;
    hovered = index;
    canvas.style.cursor = index >= 0 ? "pointer" : "grab";
    redraw();
  };

  const spread = () => {
    const [one, two] = [...pointers.values()];
    return two ? Math.hypot(one[0] - two[0], one[1] - two[1]) : 0;
  };
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) { hover(nearest(event.offsetX, event.offsetY)); return; }
    const before = spread();
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    const [dx, dy] = [event.offsetX - last[0], event.offsetY - last[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    pan(dx / pointers.size, dy / pointers.size);
    if (before) zoom(spread() / before, event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    if (moved < 5 && !pointers.size) pick(nearest(event.offsetX, event.offsetY));
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const middle = /** @type {[number, number]} */ ([canvas.clientWidth / 2, canvas.clientHeight / 2]);
    const acts = {
      ArrowLeft: () => pan(40, 0), ArrowRight: () => pan(-40, 0), ArrowUp: () => pan(0, 40), ArrowDown: () => pan(0, -40),
      "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), Enter: () => pick(hovered),
    };
    const act = /** @type {Record<string, () => void>} */ (acts)[event.key];
    if (!act) return;
    event.preventDefault();
    act();
    hover(nearest(...middle));
  });

  /** Move to the marked face where it is out of view. */
  const showMarked = () => {
    const point = points()[props.marked];
    const isVisible = (/** @type {number[]} */ [x, y]) => x >= 0 && y >= 0 && x <= canvas.clientWidth && y <= canvas.clientHeight;
    if (point && canvas.clientWidth && !isVisible(place(point))) view = { ...view, x: point[0], y: point[1] };
    redraw();
  };
  const load = () => {
    hovered = -1;
    view = { zoom: 1, x: 0.5, y: 0.5 };
    box.hidden = !value();
    sheet.src = value()?.sheet ?? "";
    redraw();
  };
  sheet.addEventListener("load", redraw);
  element.replaceChildren(box);
  new ResizeObserver(redraw).observe(box);
  watch("value", load);
  watch("layout", redraw);
  watch("marked", showMarked);
  load();
};
