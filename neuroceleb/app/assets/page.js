/* What the tabs' scripts share: language, elements, requests, background tasks, messages. */
window.neuroceleb = (() => {
  /* Values stored in this browser, where it allows that. */
  const stored = (name) => {
    try { return localStorage.getItem(`neuroceleb-${name}`); } catch { return null; }
  };
  const store = (name, value) => {
    try { localStorage.setItem(`neuroceleb-${name}`, value); } catch { /* private */ }
  };

  /* The browser's language, or the one chosen here (language_override.js). */
  const languages = { en: "English", ko: "한국어" };
  const language = (navigator.language || "en").toLowerCase().startsWith("ko") ? "ko" : "en";
  const locale = language === "ko" ? "ko-KR" : "en-US";
  const words = window.neurocelebTexts[language];
  document.documentElement.lang = language;
  document.cookie = `neuroceleb_language=${language}; path=/; max-age=31536000; SameSite=Strict`; // for the server's sentences

  /* A new element; attributes that are functions become event listeners. */
  const make = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name, value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  const number = (value) => Number(value).toLocaleString(locale);

  /* The switch between crisp and smooth pixels: one choice for the whole page, kept. */
  const setSmooth = (smooth) => {
    document.documentElement.classList.toggle("nc-smooth", smooth);
    for (const box of document.querySelectorAll(".nc-smooth-box")) box.checked = smooth;
    store("smooth", smooth ? "yes" : "no");
  };
  const smoothSwitch = () => {
    const box = make("input", {
      type: "checkbox", class: "nc-smooth-box", change: (event) => setSmooth(event.target.checked),
    });
    box.checked = document.documentElement.classList.contains("nc-smooth");
    return make("label", { class: "nc-switch" }, box, words.smooth);
  };
  document.documentElement.classList.toggle("nc-smooth", stored("smooth") === "yes");

  /* The switch between languages: the page starts anew in the other one. */
  const languageSwitch = () => make("div", { class: "nc-languages", role: "group", "aria-label": words.language },
    ...Object.entries(languages).map(([code, name]) => make("button", {
      type: "button", class: "nc-language", lang: code, "data-language": code,
      "aria-pressed": String(code === language),
      click: () => {
        if (code === language) return;
        store("language", code);
        location.reload();
      },
    }, name)));

  /* The text and command shown while there is nothing to show yet. */
  const emptyState = (title, text, command) => {
    const copy = make("button", {
      type: "button",
      class: "nc-button",
      click: async () => {
        await navigator.clipboard.writeText(command);
        copy.textContent = words.copied;
      },
    }, words.copy);
    return make("div", { class: "nc-empty" },
      make("h2", {}, title),
      make("p", {}, text),
      make("p", { class: "nc-command" }, make("code", {}, command), copy));
  };

  /* Show one sentence for some seconds, in place of the one before. */
  const toast = make("p", { class: "nc-toast", id: "toast", role: "alert" });
  let fading = null;
  const notify = (sentence) => {
    if (!toast.isConnected) document.body.append(toast);
    toast.textContent = sentence;
    toast.classList.add("nc-shown");
    clearTimeout(fading);
    fading = setTimeout(() => toast.classList.remove("nc-shown"), 3000 + 60 * sentence.length);
  };

  /* The server's response; throws an Error with the sentence of a refusal. */
  const request = async (url, options) => {
    let answer;
    try {
      answer = await fetch(url, options);
    } catch {
      throw new Error(words.no_server);
    }
    if (answer.ok) return answer;
    const body = await answer.json().catch(() => ({}));
    throw new Error(typeof body.error === "string" ? body.error : words.sorry);
  };

  const postJson = async (url, body) => (await request(url, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  })).json();

  /* Start a background task with a POST, then poll it. `onStatus` gets each status with its new
     updates. `finished` resolves to the result with the URL of the task's file, or to null where the
     task was cancelled, and rejects where it failed. */
  const TASK_POLL_MS = 250;
  const runTask = (url, body, onStatus = () => {}) => {
    let path = null;
    let isCancelled = false;
    const cancelThere = () => request(path, { method: "DELETE" }).catch(() => {});
    const poll = async () => {
      path = `tasks/${(await postJson(url, body)).task}`;
      if (isCancelled) cancelThere();
      for (let since = 0; !isCancelled;) {
        const status = await (await request(`${path}?since=${since}`)).json();
        if (isCancelled || status.state === "cancelled") break;
        since += status.updates.length;
        onStatus(status);
        if (status.state === "done") return { ...status.result, file: `${path}/file` };
        if (status.state === "failed") throw new Error(status.error);
        await new Promise((resolve) => { setTimeout(resolve, TASK_POLL_MS); });
      }
      return null;
    };
    const cancel = () => {
      if (!isCancelled && path) cancelThere();
      isCancelled = true;
    };
    return { finished: poll(), cancel };
  };

  /* Save the response under the file name that it carries. */
  const save = async (url) => {
    try {
      const answer = await request(url);
      const name = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
      const link = make("a", {
        href: URL.createObjectURL(await answer.blob()),
        download: name ? decodeURIComponent(name[1]) : "",
      });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      notify(error.message);
    }
  };

  /* The query of the page's URL: what is shown, for bookmarks and links. */
  const address = {
    get: (name) => new URLSearchParams(location.search).get(name),
    put: (values) => {
      const query = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(values)) {
        if (value == null || value === "") query.delete(name);
        else query.set(name, value);
      }
      const text = query.toString().replaceAll("%2C", ",");
      history.replaceState(history.state, "", `${location.pathname}${text ? "?" : ""}${text}${location.hash}`);
    },
  };

  /* Messages from tab to tab, delivered at once or as soon as the other tab is drawn. */
  const receivers = {};
  const pending = {};
  const tabButton = (tab) => document.getElementById(`tab-${tab}-button`);
  const openTab = (tab) => tabButton(tab)?.click();
  const onReceive = (tab, receiver) => {
    receivers[tab] = receiver;
    if (tab in pending) receiver(pending[tab]);
    delete pending[tab];
  };
  const shownTab = () => document.querySelector("[role=tab][aria-selected=true][id^=tab-]")?.id.slice(4, -7);
  const sendTo = (tab, content) => {
    const message = { from: shownTab(), ...content };
    if (tab in receivers) receivers[tab](message);
    else pending[tab] = message;
    openTab(tab);
  };

  /* The tab is part of the address; an address that names one opens it once it is there. */
  document.addEventListener("click", (event) => {
    const [, tab] = /^tab-(\w+)-button$/.exec(event.target.closest?.("[role=tab]")?.id ?? "") ?? [];
    if (tab) address.put({ tab: tab === "generate" ? null : tab });
  });
  const linked = address.get("tab");
  if (linked && linked !== "generate") {
    const began = Date.now();
    const opening = setInterval(() => {
      const isThere = /^\w{1,40}$/.test(linked) && tabButton(linked) !== null;
      const isDrawn = tabButton("generate") !== null;
      if (!isThere && Date.now() - began < (isDrawn ? 2_000 : 60_000)) return;
      clearInterval(opening);
      if (isThere) openTab(linked);
      else notify(words.no_such_tab);
    }, 100);
  }

  /* Buttons that send a face to other tabs. A face is {model, epoch, seed, truncation} or
     {model, epoch, z}, or a function that fetches one. */
  const faceLinks = (face, before = () => {}) => {
    const follow = async (tab, what) => {
      try {
        const known = typeof face === "function" ? await face() : face;
        before();
        sendTo(tab, { ...what, face: known });
      } catch (error) {
        notify(error.message);
      }
    };
    const lead = (id, word, tab, what) => make("button", {
      type: "button", class: "nc-button", "data-lead": id, click: () => follow(tab, what),
    }, word);
    const ways = [
      ["a", words.to_a, "interpolate", { as: "a" }],
      ["b", words.to_b, "interpolate", { as: "b" }],
      ["explore", words.to_explore, "explore", { as: "look" }],
      ["nearest", words.to_nearest, "explore", { as: "nearest" }],
      ["epochs", words.to_epochs, "progress", {}],
    ];
    return make("div", { class: "nc-leads" },
      ...ways.filter(([, , tab]) => tabButton(tab) !== null).map((way) => lead(...way)));
  };

  return {
    openTab, onReceive, sendTo, faceLinks, address, stored, store, languageSwitch, language, locale,
    words, make, number, smoothSwitch, emptyState, notify, request, postJson, runTask, save,
  };
})();
