/* The favourites: faces that are kept in the storage of this browser, for all its tabs. */
import { store, stored } from "./dom.js";

/** @typedef {{ model: string, epoch: number, seed?: number, truncation?: number, z?: number[] }} Face */

const NAME = "faces-kept";

/** @type {Face[]} */
let unstored = []; // where the browser stores nothing, as in a private window

/** A stored value as a face, without fields that are none of a face's; null where it is no face. @param {any} value @returns {Face | null} */
const readFace = (value) => {
  const { model, epoch, seed, truncation, z } = value ?? {};
  if (typeof model !== "string" || !Number.isInteger(epoch)) return null;
  if (Number.isSafeInteger(seed)) return { model, epoch, seed, truncation: Number.isFinite(truncation) ? truncation : 1 };
  return Array.isArray(z) && z.every(Number.isFinite) ? { model, epoch, z } : null;
};

/** The same text for the same face. @param {any} face */
const keyOf = (face) => JSON.stringify(readFace(face));

/** @param {any} values @returns {Face[]} the faces among them */
const readFaces = (values) => (Array.isArray(values) ? values.flatMap((value) => readFace(value) ?? []) : []);

/** All favourites, the newest last. @returns {Face[]} */
export const favourites = () => {
  const text = stored(NAME);
  if (text === null) return unstored;
  try { return readFaces(JSON.parse(text)); } catch { return []; }
};

/** @param {Face[]} faces */
const keep = (faces) => {
  store(NAME, JSON.stringify(faces));
  unstored = stored(NAME) === null ? faces : [];
};

/** Whether a face is a favourite: a function for many faces. @returns {(face: Face) => boolean} */
export const favouriteTest = () => {
  const keys = new Set(favourites().map(keyOf));
  return (face) => keys.has(keyOf(face));
};

/** Make a face a favourite, or none any more. @param {Face} face @param {boolean} isFavourite */
export const setFavourite = (face, isFavourite) => {
  const others = favourites().filter((one) => keyOf(one) !== keyOf(face));
  keep(isFavourite ? [...others, ...readFaces([face])] : others);
};

/** Add favourites that an older version has stored. @param {any} old */
export const importFavourites = (old) => {
  const isKnown = favouriteTest();
  const missing = readFaces(old).filter((face) => !isKnown(face));
  if (missing.length) keep([...missing, ...favourites()]);
};

/** Call a function when another tab of the browser has changed the favourites. @param {() => void} call */
export const followFavourites = (call) => {
  window.addEventListener("storage", (event) => { if (event.key === `neuroceleb-${NAME}`) call(); });
};
