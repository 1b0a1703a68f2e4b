"use strict";
// Elements and texts. Whatever a repository says becomes text, never markup.

const byId = (id) => document.getElementById(id);

function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, text]) => el("option", { value }, text)));
}

function bytes(count) {
  if (count === null || count === undefined) return "?";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = Math.abs(count);
  let unit = 0;
  while (size >= (unit ? 999.95 : 1000) && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${count < 0 ? "-" : ""}${unit ? size.toFixed(1) : size} ${units[unit]}`;
}

const signed = (text, value) => (value > 0 ? `+${text}` : text);

function number(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "" : String(value);
  return String(Number(value.toPrecision(6)));
}

const moment = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
const counted = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
const collator = new Intl.Collator("en", { numeric: true });
