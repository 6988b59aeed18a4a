/* The page's address. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

let entries = 0;
globalThis.window = { addEventListener: () => {} };
globalThis.location = { pathname: "/", search: "" };
const go = (url) => { globalThis.location.search = url.includes("?") ? url.slice(url.indexOf("?")) : ""; };
globalThis.history = {
  state: null,
  pushState: (_state, _title, url) => { entries += 1; go(url); },
  replaceState: (_state, _title, url) => go(url),
};
const { address } = await import("../../neuroceleb/app/components/address.js");

beforeEach(() => { entries = 0; go("/"); });

test("nothing is put into the address before the page shows what it says", () => {
  address.put("seed", "7", 42, false);
  assert.equal(location.search, "");
  address.follow();
});

test("a value is put into the address, and the usual one is left out", () => {
  address.put("seed", "7", 42, false);
  assert.equal(location.search, "?seed=7");
  address.put("seed", "42", 42, false);
  assert.equal(location.search, "");
});

test("only a step makes an entry of the history, and only once", () => {
  address.put("seed", "7", 42, false);
  assert.equal(entries, 0);
  address.put("tab", "explore", null, true);
  address.put("tab", "explore", null, true);
  assert.equal(entries, 1);
  assert.equal(location.search, "?seed=7&tab=explore");
});

test("commas stay readable, and spaces are left out", () => {
  address.put("keys", "12, 57, 3", "12,57", false);
  assert.equal(location.search, "?keys=12,57,3");
});
