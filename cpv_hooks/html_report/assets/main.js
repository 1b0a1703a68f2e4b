"use strict";

function fillHead() {
  const newest = versions[0];
  const all = report.total === versions.length ? "" : ` of ${report.total.toLocaleString("en")}`;
  byId("summary").textContent = versions.length
    ? `${versions.length.toLocaleString("en")}${all} versions, ${moment(oldestFirst[0].time).slice(0, 10)} to ${moment(newest.time).slice(0, 10)}`
    : `none of ${report.total.toLocaleString("en")} versions is as it was asked for`;
  byId("made").textContent = `Made by dvc cpv report, ${moment(report.made)} UTC. This page fetches nothing.`;
  byId("notes").replaceChildren(...report.notes.map((note) => el("p", { class: "note" }, note)));
  const bad = versions.filter((version) => version.error);
  if (bad.length)
    byId("notes").append(
      el(
        "p",
        { class: "note" },
        `${counted(bad.length, "version", "versions")} cannot be read: ${bad
          .slice(0, 5)
          .map((one) => one.tag)
          .join(", ")}`,
      ),
    );
  if (!newest) return;
  const facts = [
    ["Newest version", newest.tag, moment(newest.time)],
    ...Object.entries(report.stages)
      .slice(0, 3)
      .map(([stage, tag]) => [`In ${stage}`, tag || "?", tag && byTag.has(tag) ? moment(byTag.get(tag).time) : ""]),
    [
      "Its size",
      bytes(newest.size),
      newest.change === null ? "" : `${signed(bytes(newest.change), newest.change)} against ${newest.before}`,
    ],
    ["Stored by all", bytes(versions.reduce((sum, one) => sum + one.added, 0)), "each content once"],
  ];
  const name = metricNames.find((metric) => report.goals[metric] && bestBy(metric, versions));
  const best = name && bestBy(name, versions);
  if (best) facts.splice(1, 0, [`Best ${name}`, number(best.metrics[name]), best.tag]);
  byId("facts").append(
    ...facts.map(([term, value, more]) =>
      el("div", {}, el("dt", {}, term), el("dd", {}, value, el("small", {}, more))),
    ),
  );
}

fillHead();
startTable();
startComparison();
startModels();
startCharts();
document.documentElement.dataset.ready = String(Math.round(performance.now()));
