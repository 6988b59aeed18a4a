/* The page's heading: its name, the switch between crisp and smooth pixels, the choice of language. */
import { make, stored, t } from "./dom.js";
import { languageSwitch, setSmooth } from "./page.js";

export const mount = ({ element }) => {
  const smooth = make("input", { type: "checkbox", id: "smooth", change: () => setSmooth(smooth.checked) });
  smooth.checked = stored("smooth") !== "no";
  element.replaceChildren(
    make("h1", {}, "Neuro-celeb"),
    make("p", {}, t("Faces that a small neural network dreams up")),
    make("label", { class: "nc-switch" }, smooth, t("Smooth")),
    languageSwitch());
};
