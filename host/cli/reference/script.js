// Search and copy buttons. Everything else works without scripts.
"use strict";

const field = document.getElementById("search");
const list = document.getElementById("results");
const MOST = 30;
let selected = -1;

// Every word must be found; a hit in the type's last part counts most.
function rank(entry, words) {
  let total = 0;
  const last = entry.type.split(".").pop().toLowerCase();
  for (const word of words) {
    if (last.startsWith(word)) total += 10;
    else if (last.includes(word)) total += 6;
    else if (entry.type.toLowerCase().includes(word)) total += 4;
    else if (entry.aliases.some((name) => name.toLowerCase().includes(word))) total += 3;
    else if (entry.title.toLowerCase().includes(word)) total += 2;
    else if (entry.properties.some((name) => name.toLowerCase().includes(word))) total += 1;
    else return 0;
  }
  return total + (entry.kind === "task-runner" ? 0.5 : 0);
}

function find(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const hits = window.TYPES.map((entry) => ({ entry, rank: rank(entry, words) })).filter((hit) => hit.rank > 0);
  hits.sort((one, other) => other.rank - one.rank || one.entry.type.localeCompare(other.entry.type));
  return hits.slice(0, MOST).map(({ entry }) => {
    const word = words[words.length - 1];
    const inName = entry.type.toLowerCase().includes(word) || entry.title.toLowerCase().includes(word);
    const property = inName ? undefined : entry.properties.find((name) => name.toLowerCase().includes(word));
    return { entry, property };
  });
}

function select(number) {
  const items = list.querySelectorAll("[role=option]");
  if (!items.length) return;
  selected = (number + items.length) % items.length;
  items.forEach((item, at) => item.setAttribute("aria-selected", String(at === selected)));
  field.setAttribute("aria-activedescendant", items[selected].id);
  items[selected].scrollIntoView({ block: "nearest" });
}

function show() {
  list.replaceChildren();
  selected = -1;
  field.removeAttribute("aria-activedescendant");
  const open = field.value.trim() !== "";
  list.hidden = !open;
  field.setAttribute("aria-expanded", String(open));
  if (!open) return;
  const hits = find(field.value);
  hits.forEach(({ entry, property }, at) => {
    const item = document.createElement("li");
    item.id = "result" + at;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    const link = document.createElement("a");
    link.href = encodeURI(entry.file) + (property ? "#" + encodeURIComponent(property) : "");
    link.tabIndex = -1;
    link.textContent = entry.type + (property ? " · " + property : "");
    const small = document.createElement("small");
    small.textContent = entry.title;
    link.append(small);
    item.append(link);
    list.append(item);
  });
  if (!hits.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.textContent = "Nothing found";
    list.append(none);
  } else select(0);
}

field.addEventListener("input", show);
field.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") select(selected + 1);
  else if (event.key === "ArrowUp") select(selected - 1);
  else if (event.key === "Enter") list.querySelector("[aria-selected=true] a")?.click();
  else if (event.key === "Escape") { field.value = ""; show(); }
  else return;
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== field) { field.focus(); event.preventDefault(); }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) { list.hidden = true; field.setAttribute("aria-expanded", "false"); }
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  navigator.clipboard?.writeText(button.dataset.copy).then(() => {
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
});
