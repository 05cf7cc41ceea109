// Copying, keys in lists, Ctrl+Enter and the address bar. Listeners sit on the document, so they outlive redrawing.
(() => {
  const widget = (node) => node.closest(".way") || node.closest(".sheet, .echo") || document;

  const put = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // no clipboard permission: the old way, through a selection
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };

  const answer = (node, done) => {
    const text = node.dataset.text || node.textContent;
    node.dataset.text = text;
    node.textContent = done ? "Copied" : "Not copied";
    clearTimeout(node.timer);
    node.timer = setTimeout(() => (node.textContent = text), 1400);
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      const found = widget(button).querySelectorAll(button.dataset.copy);
      answer(button, await put([...found].map((node) => node.textContent).join("\n")));
    }
    const link = event.target.closest("[data-copy-link]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      answer(link, await put(new URL(link.getAttribute("href"), location.href.split("?")[0]).href));
    }
  });

  // A file that was refused may be chosen again: a browser is silent where the choice stays the same.
  document.addEventListener("click", (event) => {
    if (event.target.matches?.("input[type=file]")) event.target.value = "";
  }, true);

  // Where the columns lie below each other, picking a sentence brings its answer into view.
  document.addEventListener("click", (event) => {
    if (event.target.closest("#sheet [data-line]") && matchMedia("(max-width: 1120px)").matches) {
      document.querySelector("#yours")?.scrollIntoView({ block: "start" });
    }
  });

  // A list is one stop of the tab key; arrows, Home and End move in it.
  document.addEventListener("keydown", (event) => {
    const line = event.target.closest?.("[data-line]");
    if (line) {
      const all = [...line.closest("ol").querySelectorAll("[data-line]")];
      const here = all.indexOf(line);
      const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to !== undefined && all[to]) {
        event.preventDefault();
        line.tabIndex = -1;
        all[to].tabIndex = 0;
        all[to].focus();
      }
      return;
    }
    if (event.key !== "Enter") return;
    const mine = event.target.closest?.("#yours");
    const number = event.target.matches?.("#controls input[type=number], #yours input[type=number]");
    if (!(event.ctrlKey || event.metaKey) && !number) return;
    event.preventDefault();
    event.stopPropagation();
    // a number box gives its value away when it is left
    if (number) event.target.blur();
    setTimeout(() => document.querySelector(mine ? "#explore" : "#go")?.click(), 60);
    if (number) setTimeout(() => event.target.focus(), 80);
  }, true);

  // What was generated is what the address says: reloading, a bookmark and the address itself give it again.
  new MutationObserver(() => {
    const sheet = document.querySelector(".sheet[data-address]");
    if (!sheet || sheet.dataset.address === sheet.shown) return;
    sheet.shown = sheet.dataset.address;
    const kept = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("_"));
    const query = new URLSearchParams([...new URLSearchParams(sheet.dataset.address), ...kept]);
    history.replaceState(null, "", `${location.pathname}?${query}`);
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-address"] });
})();
