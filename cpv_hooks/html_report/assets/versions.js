"use strict";
// The document, and which versions are chosen for a comparison.

const report = JSON.parse(byId("data").textContent);
const versions = report.versions; // newest first
const oldestFirst = [...versions].reverse();
const byTag = new Map(versions.map((version) => [version.tag, version]));
const kinds = ["model", "data", "metrics", "extra"];

// Names of metrics: the main one, then those of most versions.
const metricNames = (() => {
  const found = new Map();
  for (const version of versions) {
    for (const name of Object.keys(version.metrics)) found.set(name, (found.get(name) || 0) + 1);
  }
  const rank = (name) => (name === report.main ? Infinity : found.get(name));
  return [...found.keys()].sort((a, b) => rank(b) - rank(a));
})();

const curvesOf = (version) => (version.curves === null ? [] : report.curves[version.curves]);
const curveNames = [...new Set(report.curves.flat().map((curve) => curve.name))].sort(
  (a, b) => (b === report.main) - (a === report.main),
);

// The best of some versions by a metric; undefined where it is not known what is better.
function bestBy(name, found) {
  const sign = { max: 1, min: -1 }[report.goals[name]];
  const numeric = sign ? found.filter((version) => typeof version.metrics[name] === "number") : [];
  return numeric.reduce(
    (best, one) => (!best || sign * one.metrics[name] > sign * best.metrics[name] ? one : best),
    undefined,
  );
}

const chosen = new Set();
const listeners = [];

function choose(tag, on) {
  if (!byTag.has(tag) || on === chosen.has(tag)) return;
  if (on) chosen.add(tag);
  else chosen.delete(tag);
  for (const listener of listeners) listener();
}

function chooseOnly(tags) {
  chosen.clear();
  for (const tag of tags) if (byTag.has(tag)) chosen.add(tag);
  for (const listener of listeners) listener();
}

// The chosen ones, oldest first: what others are compared with comes first.
const chosenVersions = () => oldestFirst.filter((version) => chosen.has(version.tag));

const artifactsOf = (version) => {
  const rows = version.artifacts.map((index) => report.artifacts[index]);
  return new Map(rows.map(([path, kind, size, hash, nfiles]) => [path, { path, kind, size, hash, nfiles }]));
};

const settingsOf = (version) => {
  const rows = report.settings[version.settings].map((index) => report.pairs[index]);
  return new Map(rows.map(([file, key, value]) => [`${file}: ${key}`, value]));
};

const modelsOf = (version) => (version.models || []).map((index) => report.models[index]);
