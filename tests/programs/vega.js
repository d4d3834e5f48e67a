// A bar chart with axes, a legend and a stack, and a chart of lines and points over time.

const table = Array.from({ length: 24 }, (_, i) => ({
  month: i % 12, kind: i < 12 ? "tea & <cups>" : "pots", value: ((i * 37) % 50) + 5.5, day: Date.UTC(2020, i, 3, i),
}));

const bars = {
  width: 300, height: 120, padding: 5,
  title: { text: "Sold, by month", subtitle: ["two kinds", "stacked"] },
  data: [
    { name: "table", values: table, transform: [{ type: "stack", groupby: ["month"], sort: { field: "kind" }, field: "value" }] },
    { name: "sums", source: "table", transform: [{ type: "aggregate", groupby: ["kind"], ops: ["sum", "mean", "stdev"], fields: ["value", "value", "value"], as: ["sum", "mean", "dev"] }] },
  ],
  scales: [
    { name: "x", type: "band", range: "width", padding: 0.1, domain: { data: "table", field: "month" } },
    { name: "y", type: "linear", range: "height", nice: true, zero: true, domain: { data: "table", field: "y1" } },
    { name: "colour", type: "ordinal", range: "category", domain: { data: "table", field: "kind" } },
  ],
  axes: [
    { orient: "bottom", scale: "x", title: "month", labelAngle: 45, encode: { labels: { update: { text: { signal: "monthAbbrevFormat(datum.value)" } } } } },
    { orient: "left", scale: "y", grid: true, format: "$,.2f", tickCount: 4 },
  ],
  legends: [{ fill: "colour", title: "kind", orient: "right", symbolType: "square" }],
  marks: [
    { type: "rect", from: { data: "table" }, encode: { enter: {
      x: { scale: "x", field: "month" }, width: { scale: "x", band: 1 }, y: { scale: "y", field: "y0" }, y2: { scale: "y", field: "y1" },
      fill: { scale: "colour", field: "kind" }, tooltip: { signal: "datum.kind + ': ' + format(datum.value, '.1f')" } } } },
    { type: "text", from: { data: "sums" }, encode: { enter: {
      y: { signal: "20 * indexof(pluck(data('sums'), 'kind'), datum.kind)" }, text: { signal: "datum.kind + ' ' + format(datum.sum, 'd') + ' ' + format(datum.mean, '.3s') + ' ' + format(datum.dev, '.2e')" } } } },
  ],
};

const times = {
  width: 320, height: 140, background: "white",
  signals: [{ name: "bandwidth", value: 0.3 }],
  data: [
    { name: "table", values: table, format: { parse: { day: "utc:'%Q'" } }, transform: [{ type: "filter", expr: "datum.value > 6" }] },
    { name: "trend", source: "table", transform: [{ type: "loess", x: "day", y: "value", bandwidth: { signal: "bandwidth" }, groupby: ["kind"] }] },
    { name: "binned", source: "table", transform: [{ type: "bin", field: "value", extent: [0, 60], maxbins: 6 }, { type: "aggregate", groupby: ["bin0"] }] },
  ],
  scales: [
    { name: "x", type: "utc", range: "width", domain: { data: "table", field: "day" }, nice: "month" },
    { name: "y", type: "sqrt", range: "height", domain: { data: "table", field: "value" }, nice: true },
    { name: "size", type: "linear", range: [10, 200], domain: { data: "table", field: "value" } },
    { name: "heat", type: "linear", range: { scheme: "viridis" }, domain: { data: "table", field: "value" } },
  ],
  axes: [
    { orient: "bottom", scale: "x", labelOverlap: true, format: { year: "%Y", month: "%b %y" }, tickCount: "month" },
    { orient: "right", scale: "y", domainDash: [2, 2] },
  ],
  legends: [{ fill: "heat", type: "gradient", title: "value" }, { size: "size", format: "s" }],
  marks: [
    { type: "group", from: { facet: { name: "series", data: "table", groupby: "kind" } }, clip: true, marks: [
      { type: "line", from: { data: "series" }, encode: { enter: { x: { scale: "x", field: "day" }, y: { scale: "y", field: "value" }, interpolate: { value: "monotone" }, stroke: { value: "#888" } } } },
      { type: "symbol", from: { data: "series" }, encode: { enter: { x: { scale: "x", field: "day" }, y: { scale: "y", field: "value" }, size: { scale: "size", field: "value" }, fill: { scale: "heat", field: "value" }, shape: { value: "diamond" } } } },
    ] },
    { type: "area", from: { data: "trend" }, encode: { enter: { x: { scale: "x", field: "day" }, y: { scale: "y", field: "value" }, y2: { scale: "y", value: 0 }, fillOpacity: { value: 0.1 } } } },
    { type: "arc", from: { data: "binned" }, encode: { enter: { x: { value: 20 }, y: { value: 20 }, startAngle: { field: "bin0", mult: 0.01 }, endAngle: { field: "count", mult: 0.3 }, outerRadius: { value: 15 }, innerRadius: { value: 5 } } } },
  ],
};

async function main() {
  const images = [];
  for (const specification of [bars, times]) {
    images.push(await new vega.View(vega.parse(specification), { renderer: "none" }).toSVG());
  }
  return [vega.version, ...images].join("\n");
}
