/* What the tabs' scripts share: the visitor's language, and making elements. */
window.neuroceleb = (() => {
  /* What is remembered in this browser, where it may be. */
  const kept = (name) => {
    try { return localStorage.getItem(`neuroceleb-${name}`); } catch { return null; }
  };
  const keep = (name, value) => {
    try { localStorage.setItem(`neuroceleb-${name}`, value); } catch { /* private */ }
  };

  /* The browser's language, or the one chosen here (language_override.js). */
  const languages = { en: "English", ko: "한국어" };
  const language = (navigator.language || "en").toLowerCase().startsWith("ko") ? "ko" : "en";
  const locale = language === "ko" ? "ko-KR" : "en-US";
  const words = window.neurocelebTexts[language];
  document.documentElement.lang = language;

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
    keep("smooth", smooth ? "yes" : "no");
  };
  const smoothSwitch = () => {
    const box = make("input", {
      type: "checkbox", class: "nc-smooth-box", change: (event) => setSmooth(event.target.checked),
    });
    box.checked = document.documentElement.classList.contains("nc-smooth");
    return make("label", { class: "nc-switch" }, box, words.smooth);
  };
  document.documentElement.classList.toggle("nc-smooth", kept("smooth") === "yes");

  /* The switch between languages: the page starts anew in the other one. */
  const languageSwitch = () => make("div", { class: "nc-languages", role: "group", "aria-label": words.language },
    ...Object.entries(languages).map(([code, name]) => make("button", {
      type: "button", class: "nc-language", lang: code, "data-language": code,
      "aria-pressed": String(code === language),
      click: () => {
        if (code === language) return;
        keep("language", code);
        location.reload();
      },
    }, name)));

  /* What to do where there is nothing to show yet. */
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

  /* One sentence for the visitor, for some seconds, in place of the one before. */
  const toast = make("p", { class: "nc-toast", id: "said", role: "alert" });
  let fading = null;
  const say = (sentence) => {
    if (!toast.isConnected) document.body.append(toast);
    toast.textContent = sentence;
    toast.classList.add("nc-shown");
    clearTimeout(fading);
    fading = setTimeout(() => toast.classList.remove("nc-shown"), 3000 + 60 * sentence.length);
  };

  /* What the server says is in English. In another language there is a list of its sentences, with
     `{}` where one names something; that is translated, too, where it is a sentence of the list. */
  let sentences = [];
  const compiled = ([english, told]) => {
    const parts = english.split("{}").map((part) => part.replace(/[.*+?^$(){}|[\]\\]/g, "\\$&"));
    return { told, size: english.length, pattern: new RegExp(`^${parts.join("([^]+?)")}$`) };
  };
  const learnt = language === "en" ? null : fetch(`refusals/${language}`).then((answer) => answer.json()).then((list) => {
    sentences = Object.entries(list).map(compiled).sort((one, other) => other.size - one.size);
  }).catch(() => {}); // then they stay English
  const translated = (sentence) => {
    for (const { pattern, told } of sentences) {
      const found = pattern.exec(sentence);
      if (found) return told.replace(/\{(\d)\}/g, (_, place) => translated(found[Number(place) + 1]));
    }
    return sentence;
  };

  /* The answer of our server to a request; what it refuses is said, and thrown. */
  const ask = async (url, options) => {
    let answer;
    try {
      answer = await fetch(url, options);
    } catch {
      throw new Error(words.no_server);
    }
    if (answer.ok) return answer;
    const body = await answer.json().catch(() => ({}));
    await learnt;
    throw new Error(typeof body.error === "string" ? translated(body.error) : words.sorry);
  };

  /* Save what an address of ours gives under the name that it gives. */
  const save = async (url) => {
    try {
      const answer = await ask(url);
      const name = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
      const link = make("a", {
        href: URL.createObjectURL(await answer.blob()),
        download: name ? decodeURIComponent(name[1]) : "",
      });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      say(error.message);
    }
  };

  /* What the address bar says after the `?`: what is shown here, for a bookmark or a friend. */
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

  /* From tab to tab: what one hands over the other takes, now or as soon as it is drawn. */
  const takers = {};
  const handed = {};
  const tabButton = (tab) => document.getElementById(`tab-${tab}-button`);
  const openTab = (tab) => tabButton(tab)?.click();
  const take = (tab, taker) => {
    takers[tab] = taker;
    if (tab in handed) taker(handed[tab]);
    delete handed[tab];
  };
  const shownTab = () => document.querySelector("[role=tab][aria-selected=true][id^=tab-]")?.id.slice(4, -7);
  const hand = (tab, what) => {
    const given = { from: shownTab(), ...what };
    if (tab in takers) takers[tab](given);
    else handed[tab] = given;
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
      else say(words.no_such_tab);
    }, 100);
  }

  /* Where a face leads on. A face is {model, epoch, seed, truncation}, or {model, epoch, z}; or a
     function that fetches one. */
  const leads = (face, before = () => {}) => {
    const follow = async (tab, what) => {
      try {
        const known = typeof face === "function" ? await face() : face;
        before();
        hand(tab, { ...what, face: known });
      } catch (error) {
        say(error.message);
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
    openTab, take, hand, leads, address, kept, keep, languageSwitch, language, locale,
    words, make, number, smoothSwitch, emptyState, say, ask, save, translated,
  };
})();
