/* The favourites in the browser's storage. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const values = new Map();
globalThis.document = { documentElement: { lang: "en" } };
globalThis.localStorage = { getItem: (name) => values.get(name) ?? null, setItem: (name, value) => values.set(name, value) };
const { favourites, favouriteTest, importFavourites, setFavourite } = await import("../../neuroceleb/app/components/favourites.js");

const KEY = "neuroceleb-faces-kept";
const face = (seed) => ({ model: "faces", epoch: 12, seed, truncation: 1 });
beforeEach(() => values.set(KEY, "[]"));

test("each change starts from what is stored, also by another tab", () => {
  setFavourite(face(1), true);
  values.set(KEY, JSON.stringify([...favourites(), face(7)]));
  setFavourite(face(2), true);
  setFavourite(face(1), false);
  assert.deepEqual(favourites(), [face(7), face(2)]);
  const isFavourite = favouriteTest();
  assert.deepEqual([1, 2, 7].map((seed) => isFavourite(face(seed))), [false, true, true]);
});

test("a face is known whatever the order of its fields, and is kept once", () => {
  const z = { model: "faces", epoch: 12, z: [0.5, -1] };
  values.set(KEY, JSON.stringify([{ truncation: 1, seed: 5, epoch: 12, model: "faces" }, z]));
  setFavourite(face(5), true);
  assert.deepEqual(favourites(), [z, face(5)]);
  setFavourite({ z: [0.5, -1], epoch: 12, model: "faces" }, false);
  assert.deepEqual(favourites(), [face(5)]);
});

test("what is no face is left out of a stored value, and a damaged value holds none", () => {
  const hostile = [null, 1, "x", [], {}, { model: 1, epoch: 1, seed: 1 }, { model: "a", epoch: 1, seed: "2" }, { model: "a", epoch: 1, z: ["x"] }, { ...face(3), meta: { _type: "gradio.FileData" }, path: "/etc" }];
  values.set(KEY, JSON.stringify(hostile));
  assert.deepEqual(favourites(), [face(3)]);
  for (const text of ["{", "null", "7", '{"a": 1}']) {
    values.set(KEY, text);
    assert.deepEqual(favourites(), [], text);
  }
  setFavourite(face(4), true);
  assert.deepEqual(favourites(), [face(4)]);
});

test("favourites of an older version come before the others, each once", () => {
  setFavourite(face(1), true);
  importFavourites([face(0), face(1), null]);
  importFavourites(null);
  assert.deepEqual(favourites(), [face(0), face(1)]);
});

test("where the browser stores nothing they last as long as the page", () => {
  values.delete(KEY);
  const { setItem } = localStorage;
  localStorage.setItem = () => { throw new Error("denied"); };
  setFavourite(face(1), true);
  assert.deepEqual(favourites(), [face(1)]);
  localStorage.setItem = setItem;
});
