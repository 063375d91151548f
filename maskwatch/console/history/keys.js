// What the timeline does in the browser: keys from row to row, and clicks that the page is told of.
(() => {
  const rows = () => [...document.querySelectorAll(".mw-events .mw-row")];
  const isOpen = () => document.querySelector(".q-dialog .mw-alert") !== null;

  function move(step) {
    const all = rows();
    const here = all.indexOf(document.activeElement);
    const next = all[here < 0 ? 0 : Math.min(Math.max(here + step, 0), all.length - 1)];
    if (next) { next.focus({ preventScroll: true }); next.scrollIntoView({ block: "nearest" }); }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, [contenteditable], .q-menu, .q-select")) return;
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    if (isOpen()) {
      if (event.key.startsWith("Arrow")) return; // the clip's own keys
      emitEvent("mw_step", step);
    } else {
      move(step);
    }
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const alert = event.target.closest("a[data-event]");
    if (alert && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      alert.focus({ preventScroll: true });
      emitEvent("mw_open", alert.dataset.event);
      return;
    }
    const strip = event.target.closest(".mw-strip");
    if (strip) {
      const place = strip.getBoundingClientRect();
      const [since, until] = [Number(strip.dataset.since), Number(strip.dataset.until)];
      emitEvent("mw_jump", since + (until - since) * (event.clientX - place.left) / place.width);
    }
  });

  // to the row that began last before a time
  window.mwShow = (at) => {
    const all = [...document.querySelectorAll(".mw-events li")];
    const found = all.find((row) => Number(row.dataset.at) <= at) ?? all[all.length - 1];
    if (!found) return;
    found.scrollIntoView({ block: "center" });
    found.querySelector(".mw-row").focus({ preventScroll: true });
  };

  window.mwFocus = (id) => document.querySelector(`a[data-event="${id}"]`)?.focus();
})();
