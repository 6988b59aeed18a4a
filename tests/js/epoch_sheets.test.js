/* The layout of sample sheets, the order in which they are loaded, the smoothing of charts. */
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { documentElement: { lang: "en" } };
const { coarseFirst, corner, layoutOf } = await import("../../neuroceleb/app/components/epoch_sheets.js");
const { smoothed, spaced } = await import("../../neuroceleb/app/components/live_chart.js");

test("a sheet of 64 faces has 8 columns and 8 rows, another picture none", () => {
  assert.deepEqual(layoutOf({ width: 530, height: 530 }), { columns: 8, rows: 8 });
  assert.deepEqual(layoutOf({ width: 640, height: 480 }), { columns: 0, rows: 0 });
  assert.deepEqual(corner(9, 8), [68, 68]);
});

test("the newest sheet is loaded first, then every 64th, then all, each once", () => {
  const order = coarseFirst(200);
  assert.deepEqual(order.slice(0, 5), [199, 0, 64, 128, 192]);
  assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: 200 }, (_, at) => at));
  assert.deepEqual(coarseFirst(0), []);
  assert.deepEqual(coarseFirst(1), [0]);
});

test("a smoothed line begins at its first value and passes over what was not measured", () => {
  assert.deepEqual(smoothed([2, null, 2], 0.5), [2, null, 2]);
  const line = smoothed([0, 10], 0.9);
  assert.equal(line[0], 0);
  assert.ok(line[1] && line[1] > 5 && line[1] < 10);
});

test("labels of a chart do not lie on each other", () => {
  assert.deepEqual(spaced([], 5), []);
  assert.deepEqual(spaced([0, 2, 5, 9, 10, 40], 5), [0, 5, 10, 40]);
  assert.deepEqual(spaced([3], 0), [3]);
});
