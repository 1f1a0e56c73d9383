// Plots for people who would rather look than read, with the same in words and as a
// table for those who would rather read.
import { html, useEffect, useRef } from "/dashboard/vendor/preact.js";
import UPlot from "/dashboard/vendor/uplot.js";

const colours = ["--bs-blue", "--bs-green", "--bs-red", "--bs-orange", "--bs-purple", "--bs-teal"];

function themed(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// shown writes a value with its unit; null is a gap.
function shown(value, unit) {
  if (value === null || value === undefined) return "–";
  const number = value.toLocaleString(undefined, { maximumFractionDigits: Math.abs(value) < 10 ? 2 : 0 });
  return unit ? `${number} ${unit}` : number;
}

// widthOf is the room that an axis with these labels needs, in pixels.
function widthOf(_, labels) {
  return 20 + 8 * Math.max(3, ...(labels ?? []).map((label) => label.length));
}

function draw(box, { series, times, unit, height }) {
  const text = themed("--bs-secondary-color"), lines = themed("--bs-border-color");
  const axis = { stroke: text, grid: { stroke: lines, width: 1 }, ticks: { stroke: lines, width: 1 } };
  return new UPlot({
    width: Math.max(box.clientWidth, 200),
    height,
    legend: { live: true },
    cursor: { points: { size: 6 } },
    scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(1, (high ?? 1) * 1.1)] } },
    axes: [axis, { ...axis, size: widthOf, values: (_, splits) => splits.map((v) => shown(v, unit)) }],
    series: [
      {},
      ...series.map((s, i) => {
        const stroke = themed(s.stroke ?? colours[i % colours.length]) || s.stroke;
        return { label: s.label, stroke, width: 2, points: { show: times.length < 30, fill: themed("--bs-body-bg") }, value: (_, v) => shown(v, unit), spanGaps: false };
      }),
    ],
  }, [times, ...series.map((s) => s.values)], box);
}

// summary says of each series what one would see at a glance.
function summary({ label, values }, unit) {
  const known = values.filter((v) => v !== null && v !== undefined);
  if (known.length === 0) return `${label}: nothing`;
  const highest = known.reduce((a, b) => Math.max(a, b), -Infinity);
  return `${label}: last ${shown(known.at(-1), unit)}, highest ${shown(highest, unit)}`;
}

function moment(at) {
  return new Date(at * 1000).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
}

// Plot draws series over times. times are unix seconds, ascending; each series has a
// label and values as long as times, with null for a gap, and perhaps a stroke: a
// colour, or the name of a CSS variable. unit stands behind the numbers.
export function Plot({ title, series, times, unit = "", height = 220 }) {
  const box = useRef();
  useEffect(() => {
    const place = box.current; // the page may be left before the first drawing
    if (times.length === 0 || !place) return undefined;
    let plot = draw(place, { series, times, unit, height });
    const resize = new ResizeObserver(() => {
      plot.setSize({ width: Math.max(place.clientWidth, 200), height });
    });
    resize.observe(place);
    const recolour = () => {
      plot.destroy();
      plot = draw(place, { series, times, unit, height });
    };
    window.addEventListener("wapid-theme", recolour);
    return () => {
      window.removeEventListener("wapid-theme", recolour);
      resize.disconnect();
      plot.destroy();
    };
  }, [series, times, unit, height]);
  return html`<figure class="plot">
    <figcaption class="h6">${title}</figcaption>
    ${times.length === 0 ? html`<p class="text-body-secondary">Nothing to show yet.</p>` : null}
    <div ref=${box} aria-hidden="true"></div>
    <p class="small text-body-secondary mb-1">${series.map((s) => summary(s, unit)).join(" · ")}</p>
    <details class="small">
      <summary>As a table</summary>
      <div class="table-responsive plot-table"><table class="table table-sm mb-0">
        <caption class="visually-hidden">${title}</caption>
        <thead><tr><th scope="col">Time</th>${series.map((s) => html`<th scope="col" class="text-end">${s.label}</th>`)}</tr></thead>
        <tbody>${times.map((at, i) => html`<tr key=${at}><th scope="row" class="fw-normal">${moment(at)}</th>
          ${series.map((s) => html`<td class="text-end">${shown(s.values[i], unit)}</td>`)}</tr>`)}</tbody>
      </table></div>
    </details>
  </figure>`;
}
