/* A row of small faces, each a button. */
import { make, roveFocus } from "./dom.js";

/** @typedef {{ png: string, label: string, pick: any, caption?: string }} Item */
/** @typedef {{ title: string, faces: Item[] } | null} Value */

export const mount = ({ element, props, trigger, watch }) => {
  const list = make("div", { class: "nc-picks", role: "group" });
  const columns = () => getComputedStyle(list).gridTemplateColumns.split(" ").length;
  roveFocus(list, "button", columns);

  const picture = (/** @type {Item} */ item, /** @type {number} */ index) => {
    const image = make("img", { src: item.png, alt: item.label, width: 64, height: 64, class: "nc-pixels" });
    const caption = item.caption ? make("figcaption", {}, item.caption) : "";
    return make("figure", {}, item.pick == null ? image : make("button", {
      type: "button", class: "nc-pick", title: item.label, tabindex: index ? "-1" : "0", click: () => trigger("pick", { pick: item.pick }),
    }, image), caption);
  };
  const draw = () => {
    const value = /** @type {Value} */ (props.value || null);
    const focused = [...list.children].findIndex((child) => child.contains(document.activeElement));
    list.setAttribute("aria-label", value?.title ?? "");
    list.replaceChildren(...(value?.faces ?? []).map(picture));
    element.replaceChildren(...(value?.title ? [make("h3", {}, value.title)] : []), list);
    if (focused >= 0) list.children[Math.min(focused, list.children.length - 1)]?.querySelector("button")?.focus();
  };
  watch("value", draw);
  draw();
};
