"use strict";
// Draws each chart when it comes near the screen, in the colours of the theme, and again when the theme changes.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const holders = [...document.querySelectorAll(".chart")];

  // "@c1" is the colour --c1 of the style sheet, "@c1/40" the same with an opacity of 40 %.
  const coloured = (value, style) => {
    if (Array.isArray(value)) return value.map((part) => coloured(part, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, coloured(part, style)]));
    }
    const found = typeof value === "string" && /^@(text|muted|gone|line|c[1-8])(?:\/(\d\d))?$/.exec(value);
    if (!found) return value;
    const alpha = found[2] ? Math.round(Number(found[2]) * 2.55).toString(16).padStart(2, "0") : "";
    return style.getPropertyValue(`--${found[1]}`).trim() + alpha;
  };

  const look = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 8, r: 8, t: 8, b: 8 },
    font: { family: "system-ui, sans-serif", size: 13, color: "@text" }, dragmode: false, hovermode: "closest",
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } },
    hoverlabel: { font: { size: 12 } },
  };
  const axis = { gridcolor: "@line", zerolinecolor: "@line", linecolor: "@line", automargin: true, fixedrange: true };

  const draw = (holder) => {
    const style = getComputedStyle(document.documentElement);
    const figure = figures[holder.id];
    const layout = { ...look, ...figure.layout };
    if (figure.layout.xaxis) {
      layout.xaxis = { ...axis, ...figure.layout.xaxis };
      layout.yaxis = { ...axis, ...figure.layout.yaxis };
    }
    const options = { displayModeBar: false, responsive: true, staticPlot: false };
    Plotly.react(holder, coloured(figure.data, style), coloured(layout, style), options);
    holder.dataset.drawn = dark.matches ? "dark" : "light";
  };

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        near.unobserve(entry.target);
        draw(entry.target);
      }
    }
  }, { rootMargin: "300px" });
  holders.forEach((holder) => near.observe(holder));
  dark.addEventListener("change", () => holders.filter((holder) => holder.dataset.drawn).forEach(draw));
  window.addEventListener("beforeprint", () => holders.filter((holder) => !holder.dataset.drawn).forEach(draw));
})();
