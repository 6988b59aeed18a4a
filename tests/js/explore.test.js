/* The latent palette's texts and frames, the zoom of the face map, the pieces of the layers' maps. */
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { documentElement: { lang: "en" } };
const { columnOf, textOf } = await import("../../neuroceleb/app/components/latent_palette.js");
const { placeOf } = await import("../../neuroceleb/app/components/layer_maps.js");
const { sideOf, zoomed } = await import("../../neuroceleb/app/components/face_map.js");

test("a moved face is its start and the positions up to the last that is not 0", () => {
  assert.equal(textOf("42", [0, 0, 0]), "42");
  assert.equal(textOf("42", [0, 2.5, 0]), "42*0,2.5");
  assert.equal(textOf("zAB", [-3, 0, 0.25]), "zAB*-3,0,0.25");
});

test("every place of a slider has its frame", () => {
  const columns = Array.from({ length: 25 }, (_, step) => columnOf(-3 + step / 4, 25));
  assert.deepEqual(columns, [...columns.keys()]);
  assert.deepEqual([-3, 0, 3].map((position) => columnOf(position, 5)), [0, 2, 4]);
});

test("the point under the pointer stays there while the map is zoomed", () => {
  const view = { zoom: 2, x: 0.4, y: 0.6 };
  const offset = /** @type {[number, number]} */ ([0.2, -0.1]);
  const under = (one) => [one.x + offset[0] / one.zoom, one.y + offset[1] / one.zoom];
  const after = zoomed(view, 1.5, offset);
  assert.equal(after.zoom, 3);
  for (const [axis, value] of under(after).entries()) assert.ok(Math.abs(value - under(view)[axis]) < 1e-9);
  assert.deepEqual(zoomed(view, 0.1, offset), { zoom: 1, x: 0.5, y: 0.5 });
});

test("faces are drawn from a zoom on", () => {
  assert.equal(sideOf(20), 0);
  assert.ok(sideOf(60) > 40 && sideOf(1000) <= 96);
});

test("an epoch's maps are in the piece that was fetched for it", () => {
  assert.deepEqual([0, 7, 8, 9].map((at) => placeOf(at, 10, 8)), [
    { index: 0, row: 0, rows: 8 }, { index: 0, row: 7, rows: 8 }, { index: 1, row: 0, rows: 2 }, { index: 1, row: 1, rows: 2 },
  ]);
});
