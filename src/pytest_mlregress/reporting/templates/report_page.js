"use strict";
{
  const root = document.documentElement;
  root.classList.add("scripted");

  // Compressed cards: a part is deflated JSON with the sections of some cards as HTML, in which the
  // report's writer has escaped all text.
  const parts = new Map();
  // Base 85 of RFC 1924 with a comma in place of `<`: five digits are four bytes.
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
  const bytesOf = (text) => {
    const values = new Map(Array.from(digits, (digit, value) => [digit, value]));
    const words = new DataView(new ArrayBuffer(4 * Math.ceil(text.length / 5)));
    for (let word = 0; 5 * word < text.length; word += 1) {
      let value = 0;
      for (let at = 5 * word; at < 5 * word + 5; at += 1) value = 85 * value + (values.get(text[at]) ?? 84);
      words.setUint32(4 * word, value);
    }
    return words.buffer.slice(0, Math.floor(text.length * 4 / 5));
  };
  const inflate = async (text) => {
    const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
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
    if (event.target.open && event.target.matches(".card, .packed")) fill(event.target);
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
  const findRows = () => Array.from(document.querySelectorAll(".verdicts tbody"), (body) => [
    body,
    document.getElementById(body.querySelector("a").hash.slice(1)),
    plain(body.textContent),
  ]);
  const groups = document.querySelectorAll(".greens");
  let rows, unfolded;
  field.addEventListener("input", () => {
    rows ??= findRows();
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
