/* Photos, folders and zips, dropped or chosen, sent a few at a time; what fails is tried again. */
import { answered, make, number, t, tn } from "./dom.js";
import { button } from "./parts.js";

const SENT_AT_ONCE = 4;
const REPORTED_AFTER_MS = 150;
const TAKEN_AT_ONCE = 40;
const TRIES_AFTER_MS = [0, 1_000, 4_000];

/** @typedef {{ name: string, file: File, why?: string, final?: boolean }} Item */

const wait = (/** @type {number} */ ms) => new Promise((done) => { setTimeout(done, ms); });

/** The files of dropped folders, with their paths. @param {any} entry @returns {Promise<Item[]>} */
const filesOf = async (entry) => {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [{ name: entry.fullPath.slice(1), file: await new Promise((done, failed) => entry.file(done, failed)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    for (const one of some) found.push(...await filesOf(one));
  }
};

/** A name for a dataset: that of the first folder or zip. @param {string} first */
const suggest = (first) => (first.includes("/") ? first.split("/")[0] : /\.zip$/i.test(first) ? first.replace(/\.zip$/i, "") : "faces")
  .replace(/[^\p{L}\p{N}_ .+-]/gu, "").replace(/^[ .+-]+|[ .]+$/g, "").slice(0, 60);

export const mount = ({ element, trigger, watch, server, upload, settings }) => {
  /** @type {Item[]} */
  let waiting = [];
  /** @type {Item[]} */
  let failed = [];
  let batch = null;
  let suggested = "";
  let total = 0;
  let sent = 0;
  let run = 0; // counts what was cleared: whatever is still under way then is dropped
  let busy = false;
  let reporting = 0;

  const status = make("p", { class: "nc-facts", role: "status" });
  const meter = make("progress", { class: "nc-meter", max: 1, value: 0, hidden: true, "aria-label": t("Photos sent") });
  const problems = make("ul", { class: "nc-failed", hidden: true });
  const input = (/** @type {object} */ attributes) => make("input", {
    type: "file", multiple: true, hidden: true, ...attributes,
    change: (event) => {
      add([...event.target.files].map((file) => ({ name: file.webkitRelativePath || file.name, file })));
      event.target.value = "";
    },
  });
  const files = input({ id: "photo-files", accept: "image/*,.heic,.heif,.zip", "aria-label": t("Photos or zips") });
  const folder = input({ id: "photo-folder", webkitdirectory: true, "aria-label": t("A folder of photos") });
  const again = button(t("Try those again"), () => { const some = failed.filter((item) => !item.final); failed = failed.filter((item) => item.final); total -= some.length; add(some); }, { id: "photo-again" });
  const clear = button(t("Start over"), () => { trigger("clear", { batch }); empty(); }, { id: "photo-clear" });

  const draw = () => {
    meter.hidden = !busy;
    meter.value = total ? (sent + failed.length) / total : 0;
    clear.hidden = !total;
    again.hidden = busy || failed.every((item) => item.final);
    problems.hidden = !failed.length;
    status.textContent = !total ? "" : busy ? t("Sending {done} of {total}", { done: number(sent), total: number(total) })
      : tn("{n} file is here", "{n} files are here", sent);
    problems.replaceChildren(...failed.slice(0, 20).map((item) => make("li", {}, `${item.name}: ${item.why}`)),
      ...(failed.length > 20 ? [make("li", {}, tn("and {n} other", "and {n} others", failed.length - 20))] : []));
    element.classList.toggle("nc-busy", busy);
  };
  /* The first report at once: nothing can be cropped while photos are sent. The others once they have settled, for two
     events at once may reach the server in either order. */
  const report = (after = REPORTED_AFTER_MS) => {
    draw();
    clearTimeout(reporting);
    reporting = setTimeout(() => trigger("sent", { batch, sent, failed: failed.length, suggested, done: !busy }), after);
  };
  const empty = () => {
    run += 1;
    [waiting, failed, batch, suggested, total, sent, busy] = [[], [], null, "", 0, 0, false];
    clearTimeout(reporting);
    draw();
  };

  /** Call until it succeeds, a few times. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  const tried = async (work) => {
    for (const [attempt, ms] of TRIES_AFTER_MS.entries()) {
      await wait(ms);
      try { return await work(); } catch (error) { if (attempt === TRIES_AFTER_MS.length - 1) throw error; }
    }
    throw new Error();
  };

  const add = async (/** @type {Item[]} */ items) => {
    const photos = items.filter(({ name }) => !name.split("/").some((part) => part.startsWith(".")));
    if (!photos.length) return;
    const most = settings.max_bytes ?? Infinity;
    const why = t("it is over {size} GB: unpack it, then choose the folder", { size: Math.floor(most / 2 ** 30) });
    failed.push(...photos.filter(({ file }) => file.size > most).map((item) => ({ ...item, why, final: true })));
    waiting.push(...photos.filter(({ file }) => file.size <= most));
    total += photos.length;
    suggested ||= suggest(photos[0].name);
    if (busy) { draw(); return; }
    busy = true;
    report(0);
    const mine = run;
    while (waiting.length && mine === run) await sendSome(waiting.splice(0, TAKEN_AT_ONCE), mine);
    if (mine !== run) return;
    busy = false;
    report();
  };

  const sendSome = async (/** @type {Item[]} */ some, /** @type {number} */ mine) => {
    /** @type {[string, string][]} */
    const there = [];
    const queue = [...some];
    const fail = (/** @type {Item} */ item, /** @type {string} */ why, final = false) => { if (mine === run) failed.push({ ...item, why, final }); };
    const one = async () => {
      for (let item = queue.shift(); item && mine === run; item = queue.shift()) {
        const { name, file } = item;
        const suffix = /\.[a-z0-9]{1,8}$/i.exec(name)?.[0] ?? "";
        try {
          const blob = new File([file], `${crypto.getRandomValues(new Uint32Array(2)).join("-")}${suffix}`, { type: file.type });
          there.push([name, (await tried(() => upload(blob))).path]);
        } catch { fail(item, t("it did not arrive")); }
      }
    };
    await Promise.all(Array.from({ length: SENT_AT_ONCE }, one));
    if (!there.length) return;
    try {
      const taken = await answered(tried(() => server.take({ batch, files: there, drop: mine !== run })));
      if (mine !== run) return;
      batch = taken.batch;
      for (const [name, why] of taken.refused) fail(/** @type {Item} */ (some.find((item) => item.name === name)), why, true);
      sent += there.length - taken.refused.length;
    } catch {
      for (const [name] of there) fail(/** @type {Item} */ (some.find((item) => item.name === name)), t("it did not arrive"));
    }
    if (mine === run) report();
  };

  const zone = make("div", {
    class: "nc-photo-drop", id: "photo-drop",
    dragover: (event) => { event.preventDefault(); zone.classList.add("nc-over"); },
    dragleave: () => zone.classList.remove("nc-over"),
    drop: async (event) => {
      event.preventDefault();
      zone.classList.remove("nc-over");
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
      if (!entries.length) add([...event.dataTransfer.files].map((file) => ({ name: file.name, file })));
      for (const entry of entries) await filesOf(entry).then(add, () => add([]));
    },
  }, make("strong", {}, t("Drop photos, folders or zips here")),
  make("div", { class: "nc-leads" }, button(t("Choose photos or zips"), () => files.click(), { id: "photo-pick" }),
    button(t("Choose a folder"), () => folder.click(), { id: "photo-pick-folder" }), again, clear),
  files, folder, status, meter, problems);

  element.replaceChildren(zone);
  watch("value", empty);
  draw();
};
