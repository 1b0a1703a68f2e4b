"use strict";
// The table of versions: sorted by its headings, filtered by the form above it.

const PAGE = 100;
const shownMetrics = new Set(metricNames.slice(0, 4));
const sorting = { key: "time", descending: true };
let shown = PAGE;

const badge = (text, kind = "") => el("span", { class: `badge ${kind}` }, text);

function fixedColumns() {
  return [
    { key: "tag", title: "Version", value: (one) => one.tag, cell: tagCell, header: true },
    { key: "message", title: "Message", value: (one) => one.message, cell: (one) => one.message, long: true },
    {
      key: "time",
      title: "Made (UTC)",
      value: (one) => one.time,
      cell: (one) => moment(one.time),
      descending: true,
      tight: true,
    },
    { key: "author", title: "By", value: (one) => one.author, cell: (one) => one.author, person: true },
    {
      key: "changed",
      title: "Changed",
      value: (one) => one.changed.join(" "),
      cell: (one) => one.changed.map((kind) => badge(kind, kind)),
      tight: true,
    },
    { key: "size", title: "Size", value: (one) => one.size, cell: (one) => bytes(one.size), number: true },
    {
      key: "added",
      title: "Added",
      value: (one) => one.added,
      cell: (one) => `${one.exact ? "" : "≤ "}${bytes(one.added)}`,
      number: true,
    },
  ];
}

function columns() {
  const metrics = metricNames
    .filter((name) => shownMetrics.has(name))
    .map((name) => ({
      key: `metric ${name}`,
      title: name,
      value: (one) => one.metrics[name],
      cell: (one) => number(one.metrics[name]),
      number: true,
    }));
  return [...fixedColumns(), ...metrics];
}

function tagCell(one) {
  const box = el("input", {
    type: "checkbox",
    "aria-label": `Choose ${one.tag}`,
    "data-tag": one.tag,
    change: (event) => choose(one.tag, event.target.checked),
  });
  box.checked = chosen.has(one.tag);
  return [
    el("label", { class: "pick" }, box, el("span", {}, one.tag)),
    one.stages.map((stage) => badge(stage, "stage")),
    one.retired === null ? null : badge("retired"),
    one.error ? badge("unreadable", "bad") : null,
  ];
}

// Missing values come last, whichever way the rest is sorted.
function compareBy(value, descending) {
  return (a, b) => {
    const [one, other] = [value(a), value(b)];
    const missing = (found) => found === undefined || found === null || found === "";
    if (missing(one) || missing(other)) return missing(one) - missing(other);
    const by = typeof one === "number" && typeof other === "number" ? one - other : collator.compare(one, other);
    return descending ? -by : by;
  };
}

const CONDITION = /^(.+?)(<=|>=|!=|=|<|>)(.+)$/;
const TESTS = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

function wordTest(word) {
  const found = CONDITION.exec(word);
  if (found && metricNames.includes(found[1])) {
    const [, name, sign, text] = found;
    const limit = Number(text);
    if (sign === "=")
      return (one) => name in one.metrics && String(one.metrics[name]) === String(Number.isNaN(limit) ? text : limit);
    if (sign === "!=")
      return (one) => name in one.metrics && String(one.metrics[name]) !== String(Number.isNaN(limit) ? text : limit);
    return (one) => typeof one.metrics[name] === "number" && TESTS[sign](one.metrics[name], limit);
  }
  return (one) => searchText(one).includes(word.toLowerCase());
}

const texts = new Map();
function searchText(one) {
  if (!texts.has(one))
    texts.set(one, [one.tag, one.message, one.author, one.commit, ...one.stages].join("\n").toLowerCase());
  return texts.get(one);
}

function filtered() {
  const [line, kind, stage] = ["line", "kind", "stage"].map((id) => byId(id).value);
  const tests = byId("search").value.split(/\s+/).filter(Boolean).map(wordTest);
  return versions.filter(
    (one) =>
      (!line || one.line === line) &&
      (!kind || one.changed.includes(kind)) &&
      (!stage || one.stages.includes(stage)) &&
      tests.every((test) => test(one)),
  );
}

function heading(column) {
  const active = sorting.key === column.key;
  const button = el(
    "button",
    { type: "button", click: () => sortBy(column) },
    column.title,
    el("span", { "aria-hidden": "true", class: "arrow" }, active ? (sorting.descending ? "▼" : "▲") : ""),
  );
  const sort = active ? (sorting.descending ? "descending" : "ascending") : null;
  return el(
    "th",
    { scope: "col", class: column.number ? "number" : null, "aria-sort": sort, "data-key": column.key },
    button,
  );
}

function sortBy(column) {
  const first = column.number || column.descending || false;
  sorting.descending = sorting.key === column.key ? !sorting.descending : first;
  sorting.key = column.key;
  fillTable();
  // The headings were made anew.
  const again = [...byId("table").tHead.querySelectorAll("th")].find((one) => one.dataset.key === column.key);
  again.querySelector("button").focus();
}

function row(one, all) {
  const cells = all.map((column) =>
    el(
      column.header ? "th" : "td",
      {
        scope: column.header ? "row" : null,
        class:
          [column.number && "number", column.long && "long", column.tight && "tight", column.person && "person"]
            .filter(Boolean)
            .join(" ") || null,
      },
      column.cell(one),
    ),
  );
  return el("tr", { class: chosen.has(one.tag) ? "chosen" : null }, cells);
}

function fillTable() {
  const all = columns();
  const by = all.find((column) => column.key === sorting.key) || all[0];
  const found = filtered().sort(compareBy(by.value, sorting.descending));
  const table = byId("table");
  table.tHead.replaceChildren(el("tr", {}, all.map(heading)));
  table.tBodies[0].replaceChildren(...found.slice(0, shown).map((one) => row(one, all)));
  const some = found.length === versions.length ? "" : ` of ${versions.length.toLocaleString("en")}`;
  byId("count").textContent =
    `${found.length.toLocaleString("en")}${some} ${found.length === 1 && !some ? "version" : "versions"}`;
  const more = byId("more");
  more.hidden = found.length <= shown;
  more.textContent = `Show all ${found.length.toLocaleString("en")}`;
}

function markChosen() {
  for (const box of byId("table").querySelectorAll("input[data-tag]")) {
    box.checked = chosen.has(box.dataset.tag);
    box.closest("tr").classList.toggle("chosen", box.checked);
  }
}

function startTable() {
  const stages = [...new Set(versions.flatMap((one) => one.stages))].sort();
  options(byId("line"), [
    ["", "all"],
    ...[...new Set(versions.map((one) => one.line))].sort().map((name) => [name, name]),
  ]);
  options(byId("kind"), [["", "anything"], ...kinds.map((name) => [name, name])]);
  options(byId("stage"), [["", "any"], ...stages.map((name) => [name, name])]);
  const again = () => {
    shown = PAGE;
    fillTable();
  };
  byId("filters").addEventListener("input", again);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(again));
  byId("more").addEventListener("click", () => {
    shown = Infinity;
    fillTable();
  });
  byId("columns").hidden = !metricNames.length;
  byId("columns")
    .querySelector("fieldset")
    .append(
      ...metricNames.map((name) => {
        const box = el("input", {
          type: "checkbox",
          change: (event) => {
            if (event.target.checked) shownMetrics.add(name);
            else shownMetrics.delete(name);
            fillTable();
          },
        });
        box.checked = shownMetrics.has(name);
        return el("label", {}, box, " ", name);
      }),
    );
  fillTable();
  listeners.push(markChosen);
}
