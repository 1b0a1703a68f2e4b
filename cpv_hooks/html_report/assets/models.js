"use strict";
// Stages, and what models say of themselves.

function table(caption, headings, rows) {
  return el(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    el(
      "table",
      {},
      el("caption", { class: "hidden" }, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          headings.map((name) => el("th", { scope: "col" }, name)),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((cells) =>
          el(
            "tr",
            {},
            cells.map((text) => el("td", {}, text)),
          ),
        ),
      ),
    ),
  );
}

function fillStages() {
  const body = byId("stages-body");
  const held = Object.entries(report.stages);
  if (!report.events.length) {
    body.append(el("p", { class: "empty" }, "No version was ever in a stage."));
    return;
  }
  const facts = held.map(([stage, tag]) =>
    el("div", {}, el("dt", {}, stage), el("dd", {}, tag || "a commit without a version")),
  );
  const rows = [...report.events]
    .reverse()
    .map((event) => [
      moment(event.time),
      event.stage,
      `${event.tag || "?"} ${event.action === "promote" ? "in" : "out"}`,
      event.author,
      event.message,
    ]);
  body.append(
    el("dl", { class: "facts" }, facts),
    table("Promotions and demotions", ["When (UTC)", "Stage", "Version", "By", "Message"], rows),
  );
}

function modelCard(model, part) {
  const facts = [
    ["format", model.format || "not known"],
    ["parameters", model.parameters === null ? "none" : model.parameters.toLocaleString("en")],
    ["tensors", model.ntensors.toLocaleString("en")],
    ...Object.entries(model.dtypes).map(([type, count]) => [type, `${count.toLocaleString("en")} elements`]),
    ...Object.entries(model.metadata).map(([key, value]) => [key, String(value)]),
  ];
  const all = report.tensors[model.tensors];
  const kept = all.filter(([name]) => name.toLowerCase().includes(part));
  const less = all.length < model.ntensors ? `, of ${model.ntensors.toLocaleString("en")}` : "";
  return el(
    "div",
    { class: "card" },
    el("h3", {}, model.path),
    el(
      "dl",
      { class: "list" },
      facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    ),
    model.notes.map((note) => el("p", { class: "note" }, note)),
    all.length ? el("p", { class: "hint" }, `${counted(kept.length, "tensor", "tensors")}${less}`) : null,
    kept.length
      ? table(
          `Tensors of ${model.path}`,
          ["Tensor", "Shape", "Type"],
          kept.map(([name, shape, type]) => [name, shape.join(" × ") || "scalar", type]),
        )
      : null,
  );
}

function fillModels() {
  const version = byTag.get(byId("model").value);
  const part = byId("tensor").value.trim().toLowerCase();
  byId("models-body").replaceChildren(...(version ? modelsOf(version).map((model) => modelCard(model, part)) : []));
}

function startModels() {
  fillStages();
  const found = versions.filter((version) => version.models && version.models.length);
  if (!found.length) {
    byId("model-filters").hidden = true;
    byId("models-body").append(el("p", { class: "empty" }, "No model of a known format is in this clone's cache."));
    return;
  }
  options(
    byId("model"),
    found.map((version) => [version.tag, version.tag]),
  );
  byId("model").addEventListener("change", fillModels);
  byId("tensor").addEventListener("input", fillModels);
  fillModels();
}
