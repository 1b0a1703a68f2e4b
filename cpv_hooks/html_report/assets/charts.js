"use strict";
// The charts. What they show is in the tables as well, for those who do not see them.

// An axis that counts versions and is labelled with their tags.
const tagAxis = (tags) => ({
  params: [{ name: "tags", value: tags }],
  x: {
    field: "n",
    type: "quantitative",
    title: null,
    scale: { domain: [-0.5, tags.length - 0.5], nice: false },
    axis: { labelExpr: "tags[datum.value] || ''", tickMinStep: 1, grid: false, labelOverlap: true, format: "d" },
  },
});

// The axis of time, with labels so exact that no two of its eight or so are the same; times are in whole seconds.
function timeAxis(events) {
  const times = events.map((event) => Date.parse(event.time)).sort((one, other) => one - other);
  const [first, last] = [times[0], times[times.length - 1]];
  const seconds = (last - first) / 1000;
  const days = seconds / 86_400;
  const format = days > 250 ? "%b %Y" : days > 6 ? "%d %b" : seconds > 400 ? "%d %b %H:%M" : "%H:%M:%S";
  const scale = { type: "utc", padding: 24 };
  if (seconds < 8) scale.domain = [first - 4000, last + 4000].map((time) => new Date(time).toISOString());
  const axis = { grid: false, tickCount: 8, labelOverlap: true, labelSeparation: 8, format };
  return { field: "time", type: "temporal", title: null, scale, axis };
}

function timeline() {
  const rows = [];
  for (const version of oldestFirst) {
    for (const kind of version.changed) {
      const tip = { version: version.tag, message: version.message, by: version.author, UTC: moment(version.time) };
      rows.push({ time: version.time, row: kind, tag: version.tag, tip });
    }
  }
  const events = report.events.map((event) => ({
    time: event.time,
    row: `@${event.stage}`,
    tag: event.tag,
    action: event.action,
    tip: {
      version: event.tag,
      did: `${event.action} ${event.stage}`,
      message: event.message,
      by: event.author,
      UTC: moment(event.time),
    },
  }));
  if (!rows.length) return null;
  const has = (name) => rows.some((one) => one.row === name);
  const order = [...new Set(events.map((event) => event.row)), ...kinds.filter(has)];
  const x = timeAxis([...rows, ...events]);
  const y = {
    field: "row",
    type: "nominal",
    title: null,
    sort: order,
    scale: { domain: order },
    axis: { ticks: false, domain: false, grid: true, labelPadding: 8 },
  };
  const color = { field: "row", type: "nominal", legend: null, scale: { domain: kinds, range: kindColours() } };
  return {
    description: `Time line: what ${versions.length} versions changed, and ${events.length} changes of stages; the tables have the same`,
    height: Math.max(60, 34 * order.length),
    layer: [
      {
        data: { values: rows },
        mark: { type: "circle", size: rows.length > 600 ? 36 : 80, opacity: 0.75, cursor: "pointer" },
        encoding: { x, y, tooltip: pointed, color },
      },
      ...(!events.length
        ? []
        : [
            {
              data: { values: events },
              mark: {
                type: "point",
                shape: "diamond",
                size: 110,
                opacity: 1,
                strokeWidth: 2,
                color: colour("accent"),
                cursor: "pointer",
              },
              encoding: {
                x,
                y,
                tooltip: pointed,
                fill: {
                  condition: { test: "datum.action === 'promote'", value: colour("accent") },
                  value: "transparent",
                },
              },
            },
          ]),
    ],
  };
}

function overVersions() {
  const name = byId("metric").value;
  const found = oldestFirst.filter((version) => typeof version.metrics[name] === "number");
  if (!found.length) return null;
  const tags = found.map((version) => version.tag);
  const best = bestBy(name, found);
  const rows = found.map((version, n) => {
    const label = [...version.stages, version === best && "best"].filter(Boolean).join(", ");
    const value = version.metrics[name];
    const tip = { version: version.tag, value: number(value), is: label, message: version.message };
    return { n, value, label, tip, tag: version.tag, chosen: chosen.has(version.tag) };
  });
  const labelled = rows.filter((row) => row.label);
  const { params, x } = tagAxis(tags);
  const y = { field: "value", type: "quantitative", title: null, scale: { zero: false, nice: true } };
  const ends = [found[0], found[found.length - 1]].map(
    (version) => `${number(version.metrics[name])} in ${version.tag}`,
  );
  const peak = best ? `, best ${number(best.metrics[name])} in ${best.tag}` : "";
  return {
    description: `${name} over ${found.length} versions: from ${ends[0]} to ${ends[1]}${peak}; the table of versions has all values`,
    height: 240,
    params,
    data: { values: rows },
    layer: [
      {
        mark: { type: "line", color: colour("accent"), strokeWidth: rows.length > 300 ? 1 : 2, opacity: 0.7 },
        encoding: { x, y },
      },
      {
        mark: { type: "point", filled: true, cursor: "pointer" },
        encoding: {
          x,
          y,
          tooltip: pointed,
          size: { condition: { test: "datum.chosen", value: 150 }, value: rows.length > 300 ? 8 : 55 },
          color: { condition: { test: "datum.chosen", value: colour("series-2") }, value: colour("accent") },
        },
      },
      ...(!labelled.length
        ? []
        : [
            {
              data: { values: labelled },
              mark: { type: "text", dy: -14, fontSize: 11, fontWeight: 600, color: colour("text") },
              encoding: { x, y, text: { field: "label" } },
            },
          ]),
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
        const tip = { version: version.tag, at: `${axis} ${step}`, value: number(value), file: curve.file };
        if (value !== null) rows.push({ step, value, tip, tag: version.tag, line: `${version.tag} ${curve.file}` });
      });
    }
  }
  const many = found.length > 6;
  return {
    description: `${name} over ${axis}, of ${found.map((version) => version.tag).join(", ")}`,
    height: many ? 240 : 215,
    data: { values: rows },
    layer: [{ mark: { type: "line", strokeWidth: many ? 1.2 : 2 } }, hover()],
    encoding: {
      x: {
        field: "step",
        type: "quantitative",
        title: axis,
        axis: { grid: false, tickMinStep: 1 },
        scale: { nice: false, zero: false },
      },
      y: { field: "value", type: "quantitative", title: null, scale: { zero: false } },
      color: {
        field: "tag",
        type: "nominal",
        title: null,
        sort: found.map((version) => version.tag),
        legend: many ? null : {},
      },
      detail: { field: "line" },
    },
  };
}

function drawChosen() {
  draw("metric-chart", overVersions);
  draw("curve-chart", overSteps);
  const name = byId("curve").value;
  const found = name ? withCurves(name).map((version) => version.tag) : [];
  byId("curve-hint").textContent = !curveNames.length
    ? "No metrics file in this clone's cache has a value for each step."
    : chosenVersions().some((version) => found.includes(version.tag))
      ? ""
      : "The newest versions; choose others in the table.";
}

function startCharts() {
  const numeric = metricNames.filter((name) => versions.some((version) => typeof version.metrics[name] === "number"));
  options(
    byId("metric"),
    numeric.map((name) => [name, name]),
  );
  options(
    byId("curve"),
    curveNames.map((name) => [name, name]),
  );
  byId("metric-hint").textContent = numeric.length ? "" : "No version has a metric that is a number.";
  byId("metric").parentElement.hidden = !numeric.length;
  byId("curve").parentElement.hidden = !curveNames.length;
  byId("metric").addEventListener("change", () => draw("metric-chart", overVersions));
  byId("curve").addEventListener("change", drawChosen);
  draw("timeline-chart", timeline);
  draw("added-chart", storageChart("added", "Bytes that each version added", bars));
  draw("stored-chart", storageChart("sum", "Bytes of all versions together", area));
  drawChosen();
  listeners.push(drawChosen);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const id of seen) embed(id);
  });
  addEventListener("beforeprint", drawAll);
  const atMost = versions.some((version) => !version.exact);
  byId("storage-hint").textContent =
    "What a version shares with an older one is counted once, where it came first." +
    (atMost ? " A folder whose files this clone's cache does not know counts as a whole." : "");
}
