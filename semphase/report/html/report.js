"use strict";
(() => {
  const every = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = id => document.getElementById(id);
  const cards = every(".card"), groups = every(".group"), ordered = byId("ordered");
  const words = byId("words"), order = byId("order"), shown = byId("shown"), opener = byId("open");
  const choices = every("select[data-filter]"), homes = new Map(cards.map(card => [card, card.parentElement]));
  const texts = new Map(cards.map(card => [card, [
    card.dataset.id, card.dataset.model, card.querySelector("summary").textContent, card.querySelector(".body > p").textContent,
  ].join(" ").toLowerCase()]));
  const number = text => text === "" ? -Infinity : Number(text);
  const orders = {
    id: (a, b) => a.dataset.id < b.dataset.id ? -1 : Number(a.dataset.id > b.dataset.id),
    standing: (a, b) => (number(b.dataset.standing) - number(a.dataset.standing)) || 0,
    seconds: (a, b) => b.dataset.seconds - a.dataset.seconds,
  };

  function filter() {
    const asked = words.value.trim().toLowerCase().split(/\s+/);
    for (const card of cards) {
      card.hidden = !asked.every(word => texts.get(card).includes(word))
        || choices.some(choice => choice.value && card.dataset[choice.dataset.filter] !== choice.value);
    }
    for (const group of [...groups, ordered]) group.hidden = !every(".card", group).some(card => !card.hidden);
    const left = cards.filter(card => !card.hidden).length;
    shown.textContent = left === cards.length ? `${left} verdicts` : left ? `${left} of ${cards.length} verdicts` : "No verdict matches.";
  }

  function sort() {
    const compare = orders[order.value], place = ordered.querySelector(".cards");
    if (compare) place.append(...[...cards].sort(compare));
    else for (const card of cards) homes.get(card).append(card);
    byId("ordered-title").textContent = `All claims, ${order.selectedOptions[0].textContent}`;
    filter();
  }

  function reveal() {
    const aim = byId(decodeURIComponent(location.hash.slice(1)));
    const card = aim && aim.closest(".card");
    if (!card) return;
    if (card.hidden) { document.querySelector(".tools").reset(); sort(); }
    card.querySelector("details").open = true;
    aim.scrollIntoView();
  }

  async function copy(button) {
    const command = button.parentElement.querySelector("pre");
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(command);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  const bodies = cards.map(card => card.querySelector("details"));
  let closed = [];
  opener.addEventListener("click", () => {
    const opening = opener.textContent === "Open all";
    for (const body of bodies) body.open = opening;
    opener.textContent = opening ? "Close all" : "Open all";
  });
  addEventListener("beforeprint", () => { closed = bodies.filter(body => !body.open); for (const body of closed) body.open = true; });
  addEventListener("afterprint", () => { for (const body of closed) body.open = false; });
  addEventListener("hashchange", reveal);
  for (const button of every(".copy")) { button.hidden = false; button.addEventListener("click", () => copy(button)); }
  document.querySelector(".tools").addEventListener("submit", event => event.preventDefault());
  words.addEventListener("input", filter);
  order.addEventListener("change", sort);
  for (const choice of choices) choice.addEventListener("change", filter);
  document.querySelector(".tools").hidden = false;
  // A page that is loaded again keeps what was typed.
  sort();
  reveal();
})();
