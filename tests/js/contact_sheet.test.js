/* The layout of the contact sheet. */
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { documentElement: { lang: "en" } };
const { captionsOf, columnsFor, linkTo } = await import("../../neuroceleb/app/components/contact_sheet.js");

test("18 faces fill their rows on a desktop", () => {
  const columns = columnsFor(18, 1200, 700);
  assert.equal(18 % columns, 0);
  assert.ok(columns >= 6);
});

test("there are never more columns than faces, nor less than one", () => {
  for (const count of [1, 2, 3, 7, 64, 255, 256]) {
    for (const width of [320, 390, 768, 1280, 2560]) {
      const columns = columnsFor(count, width, 700);
      assert.ok(columns >= 1 && columns <= count, `${count} faces at ${width} px: ${columns}`);
    }
  }
});

test("a phone shows at most five faces in a row, however many there are", () => {
  assert.ok(columnsFor(256, 358, 600) <= 5);
  assert.ok(columnsFor(18, 358, 600) <= 3);
});

test("the address of a face names model, epoch and seed, and its scale where it has one", () => {
  globalThis.location = { origin: "http://127.0.0.1:7860", pathname: "/" };
  const face = { model: "faces", epoch: 12, seed: 42 };
  assert.equal(linkTo(face), "http://127.0.0.1:7860/?model=faces&epoch=12&seed=42&count=1");
  assert.match(linkTo({ ...face, truncation: 0.8 }), /&truncation=0\.8$/);
});

test("faces of several models are named with theirs, those of one by their seeds alone", () => {
  const face = (model, epoch, seed) => ({ face: { model, epoch, seed } });
  assert.deepEqual(captionsOf([face("a", 1, 7), face("a", 1, undefined)]), ["7", "z"]);
  assert.deepEqual(captionsOf([face("a", 1, 7), face("a", 2, 8), face("b", 1, 9)]), ["7 · a 1", "8 · a 2", "9 · b 1"]);
});
