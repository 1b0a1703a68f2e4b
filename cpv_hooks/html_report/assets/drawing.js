"use strict";
// How charts are drawn: when they come into sight, in the colours of the page, with a box for what is pointed at.

const builders = new Map();
const drawing = new Map();

// A chart is drawn when it comes into sight.
const seen = new Set();
const watching = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting && !seen.has(target.id)) {
        seen.add(target.id);
        watching.unobserve(target);
        embed(target.id);
      }
    }
  },
  { rootMargin: "300px" },
);

function draw(id, build) {
  builders.set(id, build);
  if (seen.has(id)) embed(id);
  else watching.observe(byId(id));
}

// One after the other, so that the last one stays.
function embed(id) {
  drawing.set(
    id,
    (drawing.get(id) || Promise.resolve()).then(() => embedNow(id)),
  );
}

async function embedNow(id) {
  const host = byId(id);
  const spec = builders.get(id)();
  host.hidden = !spec;
  host.setAttribute("aria-label", spec ? spec.description : "");
  if (!spec) return;
  const drawn = await vegaEmbed(
    host,
    { width: "container", ...spec },
    {
      ast: true, // the policy of this page allows no text to be run
      actions: false,
      defaultStyle: false,
      renderer: "canvas",
      tooltip: showTooltip,
      config: theme(),
    },
  );
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
    labelColor: text,
    titleColor: text,
    gridColor: colour("line"),
    domainColor: colour("line"),
    tickColor: colour("line"),
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: "normal",
  };
  return {
    aria: false, // the elements around the charts say it
    background: "transparent",
    font: "system-ui, sans-serif",
    axis,
    legend: {
      labelColor: text,
      titleColor: text,
      orient: "bottom",
      labelFontSize: 11,
      columns: 3,
      symbolStrokeWidth: 3,
    },
    view: { stroke: null },
    range: { category: palette() },
  };
}

// What is pointed at says what is in its row's `tip`. Names never go into an expression of Vega's as a title would.
const pointed = { value: "tip" };

// Points that nobody sees, for lines that one can point at.
const hover = () => ({
  mark: { type: "point", filled: true, size: 90, opacity: 0, cursor: "pointer" },
  encoding: { tooltip: pointed },
});

function showTooltip(_, event, item, value) {
  const box = byId("tooltip");
  const tip = value && item && item.datum && item.datum.tip;
  box.hidden = !tip;
  if (!tip) return;
  const rows = Object.entries(tip).filter(([, text]) => text);
  box.replaceChildren(...rows.map(([name, text]) => el("div", {}, el("span", {}, name), " ", String(text))));
  const left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8);
  const top =
    event.clientY + 18 + box.offsetHeight > innerHeight ? event.clientY - box.offsetHeight - 12 : event.clientY + 18;
  box.style.left = `${Math.max(8, left)}px`;
  box.style.top = `${Math.max(8, top)}px`;
}
