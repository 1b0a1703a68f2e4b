"use strict";
// The charts. What they show is in the tables as well, for those who do not see them.

const builders = new Map();
const drawing = new Map();

// A chart is drawn when it comes into sight.
const seen = new Set();
const watching = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting && !seen.has(target.id)) {
      seen.add(target.id);
      watching.unobserve(target);
      embed(target.id);
    }
  }
}, { rootMargin: "300px" });

function draw(id, build) {
  builders.set(id, build);
  if (seen.has(id)) embed(id);
  else watching.observe(byId(id));
}

// One after the other, so that the last one stays.
function embed(id) {
  drawing.set(id, (drawing.get(id) || Promise.resolve()).then(() => embedNow(id)));
}

async function embedNow(id) {
  const host = byId(id);
  const spec = builders.get(id)();
  host.hidden = !spec;
  host.setAttribute("aria-label", spec ? spec.description : "");
  if (!spec) return;
  const drawn = await vegaEmbed(host, { width: "container", ...spec }, {
    ast: true, // the policy of this page allows no text to be run
    actions: false,
    defaultStyle: false,
    renderer: "canvas",
    tooltip: showTooltip,
    config: theme(),
  });
  drawn.view.addEventListener("click", (_, item) => {
    const tag = item && item.datum && item.datum.tag;
    if (tag) choose(tag, !chosen.has(tag));
  });
}

function drawAll() {
  for (const id of builders.keys()) {
    seen.add(id);
    embed(id);
  }
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const kindColours = () => kinds.map((kind) => colour(kind));
const palette = () => [1, 2, 3, 4, 5, 6].map((at) => colour(`series-${at}`));

function theme() {
  const text = colour("muted");
  const axis = {
    labelColor: text, titleColor: text, gridColor: colour("line"), domainColor: colour("line"), tickColor: colour("line"),
    labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal",
  };
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    axis,
    legend: { labelColor: text, titleColor: text, orient: "bottom", labelFontSize: 11, columns: 3, symbolStrokeWidth: 3 },
    view: { stroke: null },
    range: { category: palette() },
  };
}

function showTooltip(_, event, __, value) {
  const box = byId("tooltip");
  box.hidden = !value;
  if (!value) return;
  const rows = Object.entries(value).filter(([, text]) => text !== "" && text !== null && text !== "null");
  box.replaceChildren(...rows.map(([name, text]) => el("div", {}, el("span", {}, name), " ", String(text))));
  const left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
  const top = event.clientY + 18 + box.offsetHeight > innerHeight ? event.clientY - box.offsetHeight - 12 : event.clientY + 18;
  box.style.left = `${Math.max(8, left)}px`;
  box.style.top = `${Math.max(8, top)}px`;
}

const tip = (field, title, more = {}) => ({ field, title, type: "nominal", ...more });

// An axis that counts versions and is labelled with their tags.
const tagAxis = (tags) => ({
  params: [{ name: "tags", value: tags }],
  x: {
    field: "n", type: "quantitative", title: null,
    scale: { domain: [-0.5, tags.length - 0.5], nice: false },
    axis: { labelExpr: "tags[datum.value] || ''", tickMinStep: 1, grid: false, labelOverlap: true, format: "d" },
  },
});

function timeline() {
  const rows = [];
  for (const version of oldestFirst) {
    for (const kind of version.changed) {
      rows.push({ time: version.time, row: kind, tag: version.tag, message: version.message, who: version.author });
    }
  }
  const events = report.events.map((event) => ({
    time: event.time, row: `@${event.stage}`, tag: event.tag, message: event.message, who: event.author, action: event.action,
  }));
  if (!rows.length) return null;
  const has = (name) => rows.some((one) => one.row === name);
  const order = [...new Set(events.map((event) => event.row)), ...kinds.filter(has)];
  const days = (Date.parse(versions[0].time) - Date.parse(oldestFirst[0].time)) / 86_400_000;
  const axis = { grid: false, tickCount: 8, labelOverlap: true, format: days > 500 ? "%b %Y" : days > 4 ? "%d %b" : "%d %b %H:%M" };
  const x = { field: "time", type: "temporal", title: null, scale: { type: "utc", padding: 24 }, axis };
  const y = {
    field: "row", type: "nominal", title: null, sort: order, scale: { domain: order },
    axis: { ticks: false, domain: false, grid: true, labelPadding: 8 },
  };
  const tooltip = [
    tip("tag", "version"), tip("action", "did"), tip("message", "message"), tip("who", "by"),
    { field: "time", type: "temporal", title: "UTC", format: "%Y-%m-%d %H:%M", formatType: "utc" },
  ];
  const color = { field: "row", type: "nominal", legend: null, scale: { domain: kinds, range: kindColours() } };
  return {
    description: `Time line: what ${versions.length} versions changed, and ${events.length} changes of stages; the tables have the same`,
    height: Math.max(60, 34 * order.length),
    layer: [
      {
        data: { values: rows },
        mark: { type: "circle", size: rows.length > 600 ? 36 : 80, opacity: 0.75, cursor: "pointer" },
        encoding: { x, y, tooltip, color },
      },
      ...(!events.length ? [] : [{
        data: { values: events },
        mark: { type: "point", shape: "diamond", size: 110, opacity: 1, strokeWidth: 2, color: colour("accent"), cursor: "pointer" },
        encoding: { x, y, tooltip, fill: { condition: { test: "datum.action === 'promote'", value: colour("accent") }, value: "transparent" } },
      }]),
    ],
  };
}

function overVersions() {
  const name = byId("metric").value;
  const found = oldestFirst.filter((version) => typeof version.metrics[name] === "number");
  if (!found.length) return null;
  const tags = found.map((version) => version.tag);
  const best = bestBy(name, found);
  const rows = found.map((version, n) => ({
    n, value: version.metrics[name], tag: version.tag, message: version.message, chosen: chosen.has(version.tag),
    label: [...version.stages, version === best && "best"].filter(Boolean).join(", "),
  }));
  const labelled = rows.filter((row) => row.label);
  const { params, x } = tagAxis(tags);
  const y = { field: "value", type: "quantitative", title: null, scale: { zero: false, nice: true } };
  const tooltip = [tip("tag", "version"), { field: "value", type: "quantitative", title: name, format: ".6~g" }, tip("label", "is"), tip("message", "message")];
  const ends = [found[0], found[found.length - 1]].map((version) => `${number(version.metrics[name])} in ${version.tag}`);
  const peak = best ? `, best ${number(best.metrics[name])} in ${best.tag}` : "";
  return {
    description: `${name} over ${found.length} versions: from ${ends[0]} to ${ends[1]}${peak}; the table of versions has all values`,
    height: 240,
    params,
    data: { values: rows },
    layer: [
      { mark: { type: "line", color: colour("accent"), strokeWidth: rows.length > 300 ? 1 : 2, opacity: 0.7 }, encoding: { x, y } },
      {
        mark: { type: "point", filled: true, cursor: "pointer" },
        encoding: {
          x, y, tooltip,
          size: { condition: { test: "datum.chosen", value: 150 }, value: rows.length > 300 ? 8 : 55 },
          color: { condition: { test: "datum.chosen", value: colour("series-2") }, value: colour("accent") },
        },
      },
      ...(!labelled.length ? [] : [{
        data: { values: labelled },
        mark: { type: "text", dy: -14, fontSize: 11, fontWeight: 600, color: colour("text") },
        encoding: { x, y, text: { field: "label" } },
      }]),
    ],
  };
}

// The chosen versions' curves; where none is chosen those of the newest.
function withCurves(name) {
  const has = (version) => curvesOf(version).some((curve) => curve.name === name);
  const wanted = chosenVersions().filter(has);
  return wanted.length ? wanted : versions.filter(has).slice(0, 4).reverse();
}

function overSteps() {
  const name = byId("curve").value;
  const found = withCurves(name);
  if (!name || !found.length) return null;
  const rows = [];
  let axis = "step";
  for (const version of found) {
    for (const curve of curvesOf(version).filter((one) => one.name === name)) {
      axis = curve.axis;
      curve.steps.forEach((step, at) => {
        const value = curve.values[at];
        if (value !== null) rows.push({ step, value, tag: version.tag, line: `${version.tag} ${curve.file}` });
      });
    }
  }
  const many = found.length > 6;
  return {
    description: `${name} over ${axis}, of ${found.map((version) => version.tag).join(", ")}`,
    height: many ? 240 : 215,
    data: { values: rows },
    mark: { type: "line", strokeWidth: many ? 1.2 : 2, tooltip: true },
    encoding: {
      x: { field: "step", type: "quantitative", title: axis, axis: { grid: false, tickMinStep: 1 }, scale: { nice: false, zero: false } },
      y: { field: "value", type: "quantitative", title: null, scale: { zero: false } },
      color: { field: "tag", type: "nominal", title: null, sort: found.map((version) => version.tag), legend: many ? null : {} },
      detail: { field: "line" },
      tooltip: [tip("tag", "version"), tip("step", axis), { field: "value", type: "quantitative", title: name, format: ".6~g" }],
    },
  };
}

const sizeAxis = { field: "bytes", type: "quantitative", title: null, axis: { labelExpr: "datum.value === 0 ? '0' : format(datum.value, '.3~s') + 'B'", tickCount: 5 } };

function storageRows() {
  let sum = 0;
  return oldestFirst.map((version, n) => {
    sum += version.added;
    return { n, tag: version.tag, added: version.added, sum, text: `${version.exact ? "" : "at most "}${bytes(version.added)}`, all: bytes(sum) };
  });
}

function storageChart(field, mark) {
  return () => {
    const rows = storageRows().map((row) => ({ ...row, bytes: row[field] }));
    if (!rows.length) return null;
    const { params, x } = tagAxis(rows.map((row) => row.tag));
    const last = rows[rows.length - 1];
    return {
      description: `${field === "sum" ? "Bytes of all versions together" : "Bytes that each version added"}: ${field === "sum" ? last.all : last.text} at ${last.tag}; the table of versions has all values`,
      height: 200, params, data: { values: rows }, mark: mark(rows.length),
      encoding: { x, y: sizeAxis, tooltip: [tip("tag", "version"), tip("text", "added"), tip("all", "all together")] },
    };
  };
}

const bars = (count) => ({ type: "bar", color: colour("accent"), cursor: "pointer", width: Math.max(1, Math.min(28, (0.7 * byId("added-chart").clientWidth) / count)) });
const area = () => ({ type: "area", interpolate: "step", color: colour("accent"), opacity: 0.35, line: { color: colour("accent") } });

function drawChosen() {
  draw("metric-chart", overVersions);
  draw("curve-chart", overSteps);
  const name = byId("curve").value;
  const found = name ? withCurves(name).map((version) => version.tag) : [];
  byId("curve-hint").textContent = !curveNames.length
    ? "No metrics file in this clone's cache has a value for each step."
    : chosenVersions().some((version) => found.includes(version.tag)) ? "" : "The newest versions; choose others in the table.";
}

function startCharts() {
  const numeric = metricNames.filter((name) => versions.some((version) => typeof version.metrics[name] === "number"));
  options(byId("metric"), numeric.map((name) => [name, name]));
  options(byId("curve"), curveNames.map((name) => [name, name]));
  byId("metric-hint").textContent = numeric.length ? "" : "No version has a metric that is a number.";
  byId("metric").parentElement.hidden = !numeric.length;
  byId("curve").parentElement.hidden = !curveNames.length;
  byId("metric").addEventListener("change", () => draw("metric-chart", overVersions));
  byId("curve").addEventListener("change", drawChosen);
  draw("timeline-chart", timeline);
  draw("added-chart", storageChart("added", bars));
  draw("stored-chart", storageChart("sum", area));
  drawChosen();
  listeners.push(drawChosen);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const id of seen) embed(id);
  });
  addEventListener("beforeprint", drawAll);
  const atMost = versions.some((version) => !version.exact);
  byId("storage-hint").textContent = "What a version shares with an older one is counted once, where it came first."
    + (atMost ? " A folder whose files this clone's cache does not know counts as a whole." : "");
}
