"use strict";
// The charts of the storage: what each version added, and all together.

const sizeAxis = {
  field: "bytes",
  type: "quantitative",
  title: null,
  axis: { labelExpr: "datum.value === 0 ? '0' : format(datum.value, '.3~s') + 'B'", tickCount: 5 },
};

function storageRows() {
  let sum = 0;
  return oldestFirst.map((version, n) => {
    sum += version.added;
    const added = `${version.exact ? "" : "at most "}${bytes(version.added)}`;
    const tip = { version: version.tag, added, "all together": bytes(sum) };
    return { n, tag: version.tag, added: version.added, sum, tip };
  });
}

function storageChart(field, title, layer) {
  return () => {
    const rows = storageRows().map((row) => ({ ...row, bytes: row[field] }));
    if (!rows.length) return null;
    const { params, x } = tagAxis(rows.map((row) => row.tag));
    const last = rows[rows.length - 1];
    return {
      description: `${title}: ${bytes(last[field])} at ${last.tag}; the table of versions has all values`,
      height: 200,
      params,
      data: { values: rows },
      layer: layer(rows.length),
      encoding: { x, y: sizeAxis },
    };
  };
}

const bars = (count) => [
  {
    mark: {
      type: "bar",
      color: colour("accent"),
      cursor: "pointer",
      width: Math.max(1, Math.min(28, (0.7 * byId("added-chart").clientWidth) / count)),
    },
    encoding: { tooltip: pointed },
  },
];

const area = () => [
  {
    mark: {
      type: "area",
      interpolate: "step",
      color: colour("accent"),
      opacity: 0.35,
      line: { color: colour("accent") },
    },
  },
  hover(),
];
