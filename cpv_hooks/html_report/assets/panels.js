"use strict";
// What plugins add: a section each, after all others.

function fillPanels() {
  for (const panel of report.panels) {
    document
      .querySelector("main")
      .append(
        el(
          "section",
          { "aria-label": panel.title },
          el("h2", {}, panel.title),
          table(panel.title, panel.columns, panel.rows),
        ),
      );
  }
}

fillPanels();
