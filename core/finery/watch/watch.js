"use strict";
// Asks for the state once a second until the run is over, and puts it into the page as text.
(() => {
  const by = (id) => document.getElementById(id);
  const dashes = ["solid", "dash", "dot", "dashdot", "longdash"];

  const row = (stage) => {
    const line = document.createElement("tr");
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = stage.share;
    bar.setAttribute("aria-label", `${stage.id}, done`);
    [stage.id, stage.status, bar, stage.said].forEach((content, place) => {
      const cell = document.createElement(place ? "td" : "th");
      if (!place) cell.scope = "row";
      cell.append(content);
      line.append(cell);
    });
    return line;
  };

  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

  const loss = (curve) => {
    const sources = Object.keys(curve);
    by("training").hidden = !sources.length;
    if (!sources.length) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const traces = sources.map((source, place) => ({
      type: "scatter", mode: "lines", name: escaped(source),
      x: curve[source].map((point) => point[0]), y: curve[source].map((point) => point[1]),
      line: { color: colour(`c${(place % 8) + 1}`), dash: dashes[place % 5], width: 2 },
    }));
    const axis = { gridcolor: colour("line"), automargin: true, fixedrange: true };
    Plotly.react(by("loss"), traces, {
      height: 320, margin: { l: 8, r: 8, t: 8, b: 8 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("text") }, dragmode: false, showlegend: true,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      xaxis: { ...axis, title: { text: "step" } }, yaxis: { ...axis, title: { text: "loss" } },
    }, { displayModeBar: false, responsive: true });
    const last = sources.map((source) => `${source} ${curve[source].at(-1)[1].toPrecision(4)}`);
    by("loss-last").textContent = `Last: ${last.join(", ")}`;
  };

  const show = (state) => {
    by("name").textContent = `${state.name}: ${state.status}`;
    const told = `run ${state.run}, ${state.status}`;
    if (by("status").textContent !== told) by("status").textContent = told;
    by("stages").replaceChildren(...state.stages.map(row));
    loss(state.curve);
  };

  const look = async () => {
    try {
      const state = await (await fetch("/state")).json();
      show(state);
      document.body.dataset.status = state.status;
      if (!state.is_over) setTimeout(look, 1000);
    } catch (error) {
      by("status").textContent = "finery watch has ended";
    }
  };
  look();
})();
