const { language, words, make, number, smoothSwitch, emptyState, request, postJson, runTask, notify, onReceive, faceLinks, openTab } = window.neuroceleb;
const root = element.querySelector(".nc-progress");

/* The sheets of a run, to scrub: all held as small files, some decoded around the reader. ------ */
const HELD_FRAMES = 256; // of longer runs every second, fourth … sheet is held
const DECODED_FRAMES = 12; // of a megabyte each
const REST_MS = 200;
const FACE_PX = 64;
const STEP_PX = 66; // a face and the line beside it

/* Decoded pictures of all reels together, the one used last at the end. */
const decoded = new Map();
const keep = (key, bitmap) => {
  decoded.delete(key);
  decoded.set(key, bitmap);
  for (const [oldest, picture] of decoded) {
    if (decoded.size <= DECODED_FRAMES) break;
    decoded.delete(oldest);
    picture.close();
  }
  return bitmap;
};

/* First one of every 64 sheets, then one of every 32 …: all is there roughly before all is there. */
const coarseFirst = (count) => {
  const order = [];
  for (let step = 64; step >= 1; step /= 2) {
    for (let at = 0; at < count; at += step) if (step === 64 || at % (2 * step)) order.push(at);
  }
  return order;
};

const makeReel = (run, onLoaded) => {
  const held = new Map(); // epoch -> { v, file }
  let sheets = [];
  let isClosed = false;
  let isLoading = false;

  const stride = () => 2 ** Math.max(0, Math.ceil(Math.log2(sheets.length / HELD_FRAMES)));
  const isHeld = (sheet) => held.get(sheet.epoch)?.v === sheet.v;
  const isWanted = (at) => at % stride() === 0 || at === sheets.length - 1;
  const missing = () => {
    const order = [sheets.length - 1, ...coarseFirst(sheets.length)];
    const wanted = order.filter((at) => at >= 0 && isWanted(at) && !isHeld(sheets[at]));
    return [...new Set(wanted)].slice(0, HELD_FRAMES).map((at) => sheets[at]);
  };

  /* The answer is frames one after another: epoch, length, and as many bytes. */
  const read = async (wanted) => {
    const versions = new Map(wanted.map((sheet) => [sheet.epoch, sheet.v]));
    const query = new URLSearchParams({ run, epochs: [...versions.keys()].join(",") });
    const reader = (await request(`progress/reel?${query}`)).body.getReader();
    let rest = new Uint8Array(0);
    for (;;) {
      const { done, value } = await reader.read();
      if (isClosed) { reader.cancel(); return; }
      if (done) break;
      const bytes = new Uint8Array(rest.length + value.length);
      bytes.set(rest);
      bytes.set(value, rest.length);
      let at = 0;
      while (bytes.length - at >= 8) {
        const head = new DataView(bytes.buffer, at, 8);
        const [epoch, length] = [head.getUint32(0, true), head.getUint32(4, true)];
        if (bytes.length - at - 8 < length) break;
        const file = length ? new Blob([bytes.subarray(at + 8, at + 8 + length)]) : null;
        held.set(epoch, { v: versions.get(epoch), file });
        at += 8 + length;
      }
      rest = bytes.slice(at);
      onLoaded();
    }
  };
  const load = async () => {
    if (isLoading) return;
    isLoading = true;
    try {
      for (let wanted = missing(); wanted.length && !isClosed; wanted = missing()) await read(wanted);
    } catch { /* requested again with the next poll */ }
    isLoading = false;
  };

  const update = (now) => {
    sheets = now;
    const wanted = new Set(sheets.filter((_, at) => isWanted(at)).map((sheet) => sheet.epoch));
    for (const epoch of held.keys()) if (!wanted.has(epoch)) held.delete(epoch);
    return load();
  };
  const hasFile = (at) => Boolean(sheets[at] && isHeld(sheets[at]) && held.get(sheets[at].epoch).file);

  /* The place nearest to `at` whose picture is there, or -1. */
  const nearest = (at) => {
    for (let off = 0; off < sheets.length; off += 1) {
      if (hasFile(at - off)) return at - off;
      if (hasFile(at + off)) return at + off;
    }
    return -1;
  };
  const key = (at) => `${run}|${sheets[at]?.epoch}|${sheets[at]?.v}`;
  const ready = (at) => {
    const bitmap = decoded.get(key(at));
    return bitmap ? keep(key(at), bitmap) : null;
  };
  const picture = async (at) => {
    const there = ready(at);
    if (there) return there;
    const name = key(at);
    const one = held.get(sheets[at].epoch);
    try {
      return keep(name, await createImageBitmap(one.file));
    } catch (error) {
      one.file = null; // damaged: its neighbour stands in
      throw error;
    }
  };
  const url = (at) => `sheets/${encodeURIComponent(run)}/${sheets[at].epoch}?v=${sheets[at].v}`;
  const close = () => { isClosed = true; held.clear(); };
  const heldCount = () => sheets.filter(isHeld).length;

  return { run, update, nearest, hasFile, key, ready, picture, url, close, heldCount,
    sheet: (at) => sheets[at], count: () => sheets.length };
};

/* A canvas that follows a reel: what is there is painted at once, what is exact when it rests. */
const STAGED = "staged"; // shown instead of a sheet
const makeView = (canvas, resized = () => {}) => {
  const pen = canvas.getContext("2d", { alpha: false });
  let reel = null;
  let wanted = -1;
  let direction = 1;
  let shown = "";
  let isBusy = false;
  let isRequested = false;
  let resting = null;

  const paint = (picture, name, epoch) => {
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
      resized(picture.width, picture.height);
    }
    pen.drawImage(picture, 0, 0);
    shown = name;
    canvas.dataset.epoch = epoch;
    canvas.setAttribute("aria-label", `${words.sheet} ${epoch}`);
  };
  const paintAt = (at, picture) => paint(picture, reel.key(at), reel.sheet(at).epoch);

  /* One picture is decoded at a time, always the one wanted by then. Requests meanwhile, for another
     place or because a file has arrived, are served when it is done. */
  const follow = async () => {
    isRequested = true;
    if (isBusy) return;
    isBusy = true;
    while (isRequested) {
      isRequested = false;
      try {
        await approach();
        await ahead();
      } catch { /* a picture ahead that cannot be decoded is passed over */ }
    }
    isBusy = false;
  };
  const approach = async () => {
    for (;;) {
      const mine = reel;
      const at = mine && shown !== STAGED ? mine.nearest(wanted) : -1;
      if (at < 0 || shown === mine.key(at) || shown === `${mine.key(at)}|exact`) break;
      const before = shown;
      const picture = await mine.picture(at).catch(() => null);
      const isStill = shown === before || at === mine.nearest(wanted); // else a later one came first
      if (picture && mine === reel && isStill && shown !== STAGED) paintAt(at, picture);
    }
  };
  /* The pictures that will be wanted next, until something else is. */
  const ahead = async () => {
    const [mine, from] = [reel, wanted];
    for (const off of [1, 2, 3, -1]) {
      const at = from + off * direction;
      if (mine?.hasFile(at) && !mine.ready(at)) await mine.picture(at);
      if (isRequested) return;
    }
  };

  const settle = async () => {
    const [mine, at] = [reel, wanted];
    const sheet = mine?.sheet(at);
    if (!sheet || (sheet.light && mine.hasFile(at)) || shown === `${mine.key(at)}|exact`) return;
    try {
      const answer = await fetch(mine.url(at));
      if (!answer.ok) return;
      const exact = await createImageBitmap(await answer.blob());
      if (mine === reel && at === wanted && shown !== STAGED) paint(exact, `${mine.key(at)}|exact`, sheet.epoch);
      exact.close();
    } catch { /* what is shown stays */ }
  };
  const rest = () => {
    clearTimeout(resting);
    resting = setTimeout(settle, REST_MS);
  };

  const show = (at) => {
    if (at !== wanted) direction = at < wanted ? -1 : 1;
    wanted = at;
    if (shown === STAGED) shown = "";
    const picture = reel?.hasFile(at) ? reel.ready(at) : null;
    if (picture && !shown.startsWith(reel.key(at))) paintAt(at, picture);
    follow();
    rest();
  };
  const refresh = () => { if (wanted >= 0) { follow(); rest(); } };
  const watch = (other) => { reel = other; shown = ""; wanted = -1; };

  /* Something else for a while: `draw(pen, canvas)`; shown again with `show`. */
  const stage = (draw) => { clearTimeout(resting); shown = STAGED; draw(pen, canvas); };
  const restore = () => { shown = ""; if (wanted >= 0) show(wanted); };
  return { show, refresh, watch, stage, restore, isStaged: () => shown === STAGED };
};

const facesOn = (width, height) => {
  const [columns, rows] = [(width - 2) / STEP_PX, (height - 2) / STEP_PX];
  const isSheet = Number.isInteger(columns) && Number.isInteger(rows) && columns > 0 && rows > 0;
  return isSheet ? { columns, rows } : { columns: 0, rows: 0 };
};
const faceCorner = (face, columns) => [2 + (face % columns) * STEP_PX, 2 + Math.floor(face / columns) * STEP_PX];
