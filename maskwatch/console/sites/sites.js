// Which sites' cameras are shown stays so when the page is told news.
(() => {
  const chosen = new Map(); // by the site's name

  document.addEventListener("toggle", (event) => {
    const site = event.target.dataset?.site;
    if (site !== undefined) chosen.set(site, event.target.open);
  }, true);

  new MutationObserver(() => {
    for (const each of document.querySelectorAll("details[data-site]")) {
      const wanted = chosen.get(each.dataset.site);
      if (wanted !== undefined && wanted !== each.open) each.open = wanted;
    }
  }).observe(document.body, { childList: true, subtree: true });
})();
