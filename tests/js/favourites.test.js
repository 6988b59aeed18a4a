/* The list of favourites. */
import assert from "node:assert/strict";
import { test } from "node:test";

const { noteFavourite, takeFavourites } = await import("../../neuroceleb/app/components/favourites.js");

const face = (seed) => ({ model: "faces", epoch: 12, seed, truncation: 1 });

test("clicks that come before the list is taken are all applied, in their order", () => {
  for (const seed of [1, 2, 3]) noteFavourite(face(seed), true);
  noteFavourite(face(2), false);
  assert.deepEqual(takeFavourites(null), [face(1), face(3)]);
  assert.deepEqual(takeFavourites([face(1)]), [face(1)], "each change is applied once");
});

test("a face is known whatever the order of its fields, and is kept once", () => {
  const kept = [{ truncation: 1, seed: 5, epoch: 12, model: "faces" }, { model: "faces", epoch: 12, z: [0.5, -1] }];
  noteFavourite(face(5), true);
  assert.deepEqual(takeFavourites(kept), [kept[1], face(5)]);
  noteFavourite({ model: "faces", epoch: 12, z: [0.5, -1] }, false);
  assert.deepEqual(takeFavourites(kept), [kept[0]]);
});

test("the list that was given is not changed", () => {
  const kept = Object.freeze([face(1)]);
  noteFavourite(face(2), true);
  assert.equal(takeFavourites(kept).length, 2);
  assert.equal(takeFavourites(kept), kept);
});
