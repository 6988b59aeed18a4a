/* What the tabs' scripts share: the visitor's language, and making elements. */
window.neuroceleb = (() => {
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
  const remembered = () => {
    try { return localStorage.getItem("neuroceleb-smooth") === "yes"; } catch { return false; }
  };
  const setSmooth = (smooth) => {
    document.documentElement.classList.toggle("nc-smooth", smooth);
    for (const box of document.querySelectorAll(".nc-smooth-box")) box.checked = smooth;
    try { localStorage.setItem("neuroceleb-smooth", smooth ? "yes" : "no"); } catch { /* private */ }
  };
  const smoothSwitch = () => {
    const box = make("input", {
      type: "checkbox", class: "nc-smooth-box", change: (event) => setSmooth(event.target.checked),
    });
    box.checked = document.documentElement.classList.contains("nc-smooth");
    return make("label", { class: "nc-switch" }, box, words.smooth);
  };
  document.documentElement.classList.toggle("nc-smooth", remembered());

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
    throw new Error(typeof body.error === "string" ? body.error : words.sorry);
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

  /* From tab to tab: what one hands over the other takes, now or as soon as it is drawn. */
  const takers = {};
  const handed = {};
  const openTab = (tab) => document.getElementById(`tab-${tab}-button`)?.click();
  const take = (tab, taker) => {
    takers[tab] = taker;
    if (tab in handed) taker(handed[tab]);
    delete handed[tab];
  };
  const hand = (tab, what) => {
    if (tab in takers) takers[tab](what);
    else handed[tab] = what;
    openTab(tab);
  };

  /* Where a face leads on. A face is {model, epoch, seed, truncation}, or {model, epoch, z}. */
  const leads = (face, before = () => {}) => {
    const lead = (id, word, tab, what) => make("button", {
      type: "button", class: "nc-button", "data-lead": id, click: () => { before(); hand(tab, what); },
    }, word);
    return make("div", { class: "nc-leads" },
      lead("a", words.to_a, "interpolate", { as: "a", face }),
      lead("b", words.to_b, "interpolate", { as: "b", face }),
      lead("explore", words.to_explore, "explore", { as: "look", face }),
      lead("nearest", words.to_nearest, "explore", { as: "nearest", face }),
      lead("epochs", words.to_epochs, "progress", { face }));
  };

  return { openTab, take, hand, leads, language, words, make, number, smoothSwitch, emptyState, say, ask, save };
})();
