/* The page's address. */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

let entries = 0;
let onClick;
let onPop;
globalThis.window = { addEventListener: (_name, listener) => { onPop = listener; } };
globalThis.document = { addEventListener: (_name, listener) => { onClick = listener; }, getElementById: () => null };
/** A visitor's click on the title of a tab; how often the script clicks on it since. */
const clickTab = (name) => {
  const title = { id: `tab-${name}-button`, clicks: 0, click: () => { title.clicks += 1; }, closest: () => title };
  onClick({ target: title, isTrusted: true });
  return title;
};
globalThis.location = { pathname: "/", search: "" };
const go = (url) => { globalThis.location.search = url.includes("?") ? url.slice(url.indexOf("?")) : ""; };
globalThis.history = {
  state: null,
  pushState: (_state, _title, url) => { entries += 1; go(url); },
  replaceState: (_state, _title, url) => go(url),
};
const load = async (copy) => (await import(`../../neuroceleb/app/components/address.js?${copy}`)).address;
const address = await load("first");

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

test("a tab that is opened while the page is restored stays open", async () => {
  const fresh = await load("opened early");
  const title = clickTab("photos");
  fresh.put("tab", "photos", null, true);
  assert.equal(location.search, "");
  fresh.follow();
  assert.equal(location.search, "?tab=photos");
  assert.equal(title.clicks, 1);
});

test("it is opened again after the tab of the address, of which Gradio reports late", async () => {
  const fresh = await load("after another");
  go("/?tab=explore");
  const title = clickTab("photos");
  fresh.put("tab", "photos", null, true);
  fresh.follow();
  assert.equal(title.clicks, 0);
  fresh.put("tab", "explore", null, true);
  assert.equal(title.clicks, 1);
  assert.equal(location.search, "?tab=photos");
});

test("a later click forgets it", async () => {
  const fresh = await load("forgotten");
  go("/?tab=gone");
  const title = clickTab("photos");
  fresh.follow();
  clickTab("explore");
  fresh.put("tab", "explore", null, true);
  assert.equal(title.clicks, 0);
  assert.equal(location.search, "?tab=explore");
});

/** The page after Back to an address. */
const back = (url) => { go(url); onPop(); };

test("Back pressed twice ends at the second address, however late the tabs are reported", async () => {
  const fresh = await load("back twice");
  fresh.follow();
  back("/?tab=explore");
  assert.equal(fresh.begin(), "?tab=explore");
  back("/?tab=interpolate");
  fresh.follow(); // the answer to the first
  fresh.put("tab", "explore", null, true);
  assert.equal(fresh.begin(), "?tab=interpolate");
  fresh.follow();
  fresh.put("tab", "explore", null, true);
  fresh.put("tab", "interpolate", null, true);
  assert.deepEqual([location.search, entries], ["?tab=interpolate", 0]);
  fresh.put("seed", "7", 42, false);
  assert.equal(location.search, "?tab=interpolate&seed=7");
});

test("an address of no tab is followed all the same", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const fresh = await load("no tab");
  fresh.follow();
  back("/?tab=nowhere");
  fresh.begin();
  fresh.follow();
  mock.timers.tick(1_000);
  fresh.put("seed", "7", 42, false);
  assert.equal(location.search, "?tab=nowhere&seed=7");
  mock.timers.reset();
});
