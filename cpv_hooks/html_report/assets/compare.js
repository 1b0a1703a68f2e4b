"use strict";
// The chosen versions side by side; the oldest is what the others are compared with.

const MOST_TENSORS = 300;

// A row: its name, a value of each version (undefined: it has none), how to show one, and the change from the first.
const line = (name, values, show = number, change = null) => ({ name, values, show, change });

function union(found, keysOf) {
  return [...new Set(found.flatMap((version) => [...keysOf(version)]))];
}

function about(found) {
  return [
    line(
      "made (UTC)",
      found.map((one) => moment(one.time)),
    ),
    line(
      "by",
      found.map((one) => one.author),
    ),
    line(
      "message",
      found.map((one) => one.message),
    ),
    line(
      "commit",
      found.map((one) => one.commit),
    ),
    line(
      "stages",
      found.map((one) => one.stages.join(", ") || undefined),
    ),
    line(
      "size",
      found.map((one) => one.size ?? undefined),
      bytes,
      (from, to) => bytes(to - from),
    ),
    line(
      "in this cache",
      found.map((one) => (one.cached ? "yes" : "not all of it")),
    ),
    line(
      "on the remote",
      found.map((one) => (one.remote === null ? undefined : one.remote ? "yes" : "not all of it")),
    ),
    line(
      "retired",
      found.map((one) => (one.retired === null ? undefined : one.retired || "yes")),
    ),
    line(
      "unreadable",
      found.map((one) => one.error || undefined),
    ),
  ];
}

const metricLines = (found) =>
  metricNames
    .filter((name) => found.some((one) => name in one.metrics))
    .map((name) => ({
      ...line(
        name,
        found.map((one) => one.metrics[name]),
        number,
        (from, to) => number(to - from),
      ),
      goal: report.goals[name],
    }));

function settingLines(found) {
  const maps = found.map(settingsOf);
  return union(maps, (map) => map.keys()).map((name) =>
    line(
      name,
      maps.map((map) => (map.has(name) ? String(map.get(name)) : undefined)),
    ),
  );
}

function artifactLines(found) {
  const maps = found.map(artifactsOf);
  return union(maps, (map) => map.keys())
    .sort()
    .map((path) => {
      const values = maps.map((map) => map.get(path));
      const show = (one) =>
        `${bytes(one.size)}${one.nfiles > 1 ? ` in ${counted(one.nfiles, "file", "files")}` : ""} · ${one.hash || "no hash"}`;
      return { ...line(path, values, show), key: (one) => one.hash };
    });
}

function modelLines(found) {
  const maps = found.map((version) => new Map(modelsOf(version).map((model) => [model.path, model])));
  return union(maps, (map) => map.keys()).flatMap((path) => {
    const models = maps.map((map) => map.get(path));
    const each = (show) => models.map((model) => (model ? (show(model) ?? undefined) : undefined));
    const lines = [
      line(
        `${path}: format`,
        each((model) => model.format),
      ),
      line(
        `${path}: parameters`,
        each((model) => model.parameters),
        (value) => value.toLocaleString("en"),
        (from, to) => (to - from).toLocaleString("en"),
      ),
      line(
        `${path}: tensors`,
        each((model) => model.ntensors),
      ),
    ];
    return found.length < 2 ? lines : [...lines, ...tensorLines(path, models).slice(0, MOST_TENSORS)];
  });
}

function tensorLines(path, models) {
  if (new Set(models.map((model) => model && model.tensors)).size === 1) return [];
  const maps = models.map(
    (model) =>
      new Map(
        model ? report.tensors[model.tensors].map(([name, shape, type]) => [name, tensorText(shape, type)]) : [],
      ),
  );
  return union(maps, (map) => map.keys())
    .map((name) =>
      line(
        `${path}: ${name}`,
        maps.map((map) => map.get(name)),
      ),
    )
    .filter(differs);
}

const tensorText = (shape, type) => `${shape.join(" × ") || "scalar"} ${type}`;

function differs(one) {
  const key = (value) => (value === undefined ? undefined : one.key ? one.key(value) : value);
  return one.values.some((value) => key(value) !== key(one.values[0]));
}

function changeText(one, by, text) {
  if (!one.goal) return el("span", { class: "change" }, text);
  const word = by > 0 === (one.goal === "max") ? "better" : "worse";
  return el("span", { class: `change ${word}` }, text, el("span", { class: "hidden" }, ` ${word}`));
}

function cell(one, at) {
  const [from, value] = [one.values[0], one.values[at]];
  if (value === undefined) return el("td", { class: "none" }, "–");
  const other = at > 0 && differs({ ...one, values: [from, value] });
  const change =
    other && one.change && typeof from === "number" && typeof value === "number"
      ? changeText(one, value - from, signed(one.change(from, value), value - from))
      : null;
  return el("td", { class: other ? "differs" : null }, one.show(value), change ? " " : null, change);
}

function group(title, lines, width) {
  const only = byId("differs").checked && width > 1;
  const kept = only ? lines.filter(differs) : lines.filter((one) => one.values.some((value) => value !== undefined));
  if (!lines.length || (!kept.length && !only)) return [];
  const none = el("tr", {}, el("td", { class: "none", colspan: width + 1 }, "no difference"));
  const rows = kept.map((one) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, one.name),
      one.values.map((_, at) => cell(one, at)),
    ),
  );
  return [
    el(
      "tbody",
      {},
      el("tr", { class: "group" }, el("th", { scope: "rowgroup", colspan: width + 1 }, title)),
      kept.length ? rows : none,
    ),
  ];
}

function fillComparison() {
  const found = chosenVersions();
  const tags = found.map((one) => one.tag);
  byId("chosen").textContent =
    found.length === 0
      ? "No version is chosen: tick some in the table above."
      : found.length === 1
        ? `${tags[0]} alone; choose another one to compare it with.`
        : `${tags.slice(1).join(", ")} against ${tags[0]}`;
  byId("none").disabled = !found.length;
  byId("bar-chosen").hidden = found.length < 2;
  byId("bar-chosen").querySelector("span").textContent = `${found.length} chosen`;
  const body = byId("comparison");
  body.hidden = !found.length;
  if (!found.length) {
    body.replaceChildren();
    return;
  }
  const remove = (tag) =>
    el(
      "button",
      {
        type: "button",
        class: "remove",
        "aria-label": `Remove ${tag}`,
        click: () => {
          choose(tag, false);
          byId("compare").focus();
        },
      },
      "×",
    );
  const head = el(
    "tr",
    {},
    el("td", {}),
    tags.map((tag) => el("th", { scope: "col" }, tag, " ", remove(tag))),
  );
  const groups = [
    ["Version", about(found)],
    ["Metrics", metricLines(found)],
    ["Settings", settingLines(found)],
    ["Artifacts", artifactLines(found)],
    ["Models", modelLines(found)],
  ];
  body.replaceChildren(
    el(
      "table",
      { class: "side" },
      el("caption", { class: "hidden" }, "The chosen versions side by side"),
      el("thead", {}, head),
      groups.flatMap(([title, lines]) => group(title, lines, found.length)),
    ),
  );
}

function startComparison() {
  byId("differs").addEventListener("change", fillComparison);
  byId("none").addEventListener("click", () => chooseOnly([]));
  byId("newest").disabled = !versions.length;
  byId("newest").addEventListener("click", () => {
    const first = versions[0].line;
    chooseOnly(
      versions
        .filter((one) => one.line === first)
        .slice(0, 2)
        .map((one) => one.tag),
    );
  });
  fillComparison();
  listeners.push(fillComparison);
}
