"use strict";
/* charts: the history as lines. Lines differ by colour and by their dashes. Nothing moves. */

const DASHES = [[], [6, 3], [2, 2], [10, 3, 2, 3]];

/* series: the words of /v1/history, each with its name and what a number is divided by. */
const CHARTS = [
	{title: "Connections open", unit: count, series: [["active", "open", 1]]},
	{title: "Connections a second", unit: rate,
		series: [["accepted", "accepted", 1], ["failed", "failed", 1], ["rejected", "turned away", 1]]},
	{title: "Latency of servers", unit: ms, logarithmic: true,
		series: [["connect_p50_us", "connect p50", 1000], ["connect_p99_us", "connect p99", 1000],
			["first_byte_p50_us", "first byte p50", 1000], ["first_byte_p99_us", "first byte p99", 1000]]},
	{title: "Bytes a second", unit: bytes, series: [["bytes_in", "from clients", 1], ["bytes_out", "to clients", 1]]},
];

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axisOf(spec) {
	const y = {
		type: spec.logarithmic ? "logarithmic" : "linear",
		grid: {drawBorder: false},
		ticks: {maxTicksLimit: 5, callback: v => spec.unit(v)},
	};

	if (spec.logarithmic)
		y.ticks.callback = v => /^[1]0*$/.test(String(Math.round(v * 1e6))) ? spec.unit(v) : null;
	else
		y.beginAtZero = true;
	return y;
}

function makeChart(spec) {
	const figure = made("figure", at("charts")), caption = made("figcaption", figure);
	const canvas = made("canvas", made("div", figure, "plot"));

	caption.textContent = spec.title;
	canvas.setAttribute("role", "img");
	spec.canvas = canvas;
	spec.chart = new Chart(canvas, {
		type: "line",
		data: {datasets: spec.series.map(([, label], i) =>
			({label, data: [], borderWidth: 2, borderDash: DASHES[i], pointRadius: 0, spanGaps: 15000}))},
		options: {
			animation: false, parsing: false, normalized: true, responsive: true, maintainAspectRatio: false,
			interaction: {mode: "index", intersect: false},
			scales: {
				x: {type: "linear", grid: {display: false}, ticks: {maxRotation: 0, maxTicksLimit: 6,
					callback: v => clock(new Date(v))}},
				y: axisOf(spec),
			},
			plugins: {
				legend: {display: spec.series.length > 1, align: "start",
					labels: {usePointStyle: true, pointStyle: "line", pointStyleWidth: 30, padding: 10}},
				tooltip: {animation: false, callbacks: {
					title: items => items.length > 0 ? clock(new Date(items[0].parsed.x)) : "",
					label: item => item.dataset.label + ": " + spec.unit(item.parsed.y),
				}},
			},
		},
	});
}

function paintCharts() {
	for (const spec of CHARTS) {
		const o = spec.chart.options;

		spec.chart.data.datasets.forEach((d, i) => {
			d.borderColor = d.backgroundColor = colour("--c" + (i + 1));
		});
		for (const s of [o.scales.x, o.scales.y]) {
			s.ticks.color = colour("--soft");
			s.grid.color = colour("--grid");
		}
		o.plugins.legend.labels.color = colour("--text");
		spec.chart.update("none");
	}
}

/* What a reader of the screen is told: the last numbers. */
function describe(spec) {
	const words = spec.chart.data.datasets.map(d => {
		const last = d.data[d.data.length - 1];

		return d.label + " " + (last ? spec.unit(last.y) : "\u2013");
	});

	spec.canvas.setAttribute("aria-label", spec.title + ", now: " + words.join(", "));
}

function fillCharts(history, seconds) {
	const times = history.at_ms, end = times[times.length - 1] || Date.now();
	/* A young process has less to show: its minutes are not squeezed into a corner. */
	const begin = Math.max(end - seconds * 1000, Math.min(times[0] || end, end - 60000));
	const by = new Map(history.series.map(s => [s.name, s.values]));

	for (const spec of CHARTS) {
		spec.series.forEach(([word, , divisor], i) => {
			const values = by.get(word) || [], data = [];

			values.forEach((v, k) => {
				if (times[k] >= begin)
					data.push({x: times[k], y: v === null ? NaN : v / divisor});
			});
			spec.chart.data.datasets[i].data = data;
		});
		spec.chart.options.scales.x.min = begin;
		spec.chart.options.scales.x.max = end;
		describe(spec);
		spec.chart.update("none");
	}
}

function makeCharts() {
	Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
	Chart.defaults.font.size = 12;
	CHARTS.forEach(makeChart);
	paintCharts();
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintCharts);
}
