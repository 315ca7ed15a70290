"use strict";
{
  const root = document.documentElement;
  root.classList.add("scripted");

  // Compressed cards: a part is deflated JSON with the sections of some cards as HTML, in which the
  // report's writer has escaped all text.
  const parts = new Map();
  const inflate = async (text) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };
  const fill = async (card) => {
    const later = card.querySelector(":scope > .later");
    if (!later) return;
    const [part, position] = later.dataset.card.split(".");
    if (!parts.has(part)) parts.set(part, inflate(document.getElementById("part-" + part).textContent));
    const { order, sections } = await parts.get(part);
    const html = order[position].map((name) => sections[name][position]).join("");
    if (!later.isConnected) return;
    later.outerHTML = html;
    prepareCurves(card);
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.classList.contains("card")) fill(event.target);
  }, true);
  document.querySelectorAll(".card[open]").forEach(fill);

  // A link to a test opens it, wherever it is folded away.
  const reveal = async () => {
    const card = location.hash && document.getElementById(location.hash.slice(1));
    if (!card || !card.classList.contains("card")) return;
    document.getElementById("page-tests").checked = true;
    const all = document.getElementById("only-all");
    if (all) all.checked = true;
    for (let node = card; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
      node.hidden = false;
    }
    await fill(card);
    card.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // The filter: every word must occur in the test's rows; accents and capitals make no difference.
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const field = document.getElementById("filter");
  const found = document.getElementById("found");
  const rows = Array.from(document.querySelectorAll(".verdicts tbody"), (body) => [
    body,
    document.getElementById(body.querySelector("a").hash.slice(1)),
    plain(body.textContent),
  ]);
  const groups = document.querySelectorAll(".greens");
  let unfolded;
  field.addEventListener("input", () => {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const [body, card, text] of rows) {
      const shown = words.every((word) => text.includes(word));
      body.hidden = card.hidden = !shown;
      count += shown;
    }
    found.textContent = words.length ? count + " of " + rows.length : "";
    // While it filters, greens are unfolded; then they are as the reader left them.
    if (words.length) unfolded ??= Array.from(groups, (group) => group.open);
    groups.forEach((group, index) => { group.open = words.length ? true : unfolded?.[index] ?? group.open; });
    if (!words.length) unfolded = undefined;
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(event.target.tagName)) {
      event.preventDefault();
      document.getElementById("page-tests").checked = true;
      field.focus();
    }
  });
}
