"use strict";
/* parts: how numbers become words, and how tables are filled. Every text that comes from the process is set by
 * textContent. */

/* ---- words ---- */

/* proxy/base/close_tbl.h; a test compares them. */
const REASONS = {
	client_fin: "the client ended first; every byte was delivered",
	server_fin: "the server ended first; every byte was delivered",
	client_rst: "the client reset the connection",
	server_rst: "the server reset the connection",
	idle_timeout: "no byte came in either direction within timeouts.idle",
	half_close_timeout: "one side had ended, and the other fell silent",
	lifetime: "the connection reached timeouts.lifetime",
	connect_failed: "no server accepted the connection",
	connect_timeout: "no server answered in time",
	no_live_upstream: "the upstream has no server that may be tried",
	queue_timeout: "every server stayed full for timeouts.queue",
	queue_full: "every server was full, and so was the upstream's queue",
	dns_failed: "no name of the upstream has had an address yet",
	preread_timeout: "the ClientHello was not complete in time",
	proxy_header_timeout: "the PROXY header was not complete in time",
	tls_timeout: "the TLS handshake was not complete in time",
	tls_broken: "the client broke the TLS protocol after its handshake",
	upstream_tls_failed: "the TLS handshake with the server failed",
	upstream_tls_name: "the server's certificate is for another name",
	proxy_header_invalid: "its first bytes are not a valid PROXY header",
	proxy_untrusted: "only trusted networks may connect with a PROXY header",
	hello_invalid: "its first bytes looked like a ClientHello but are not a valid one",
	hello_too_long: "its ClientHello is longer than preread.max_bytes",
	no_route: "no route matched, and there is no default",
	tls_failed: "the TLS handshake failed",
	tls_no_alpn: "no application protocol in common (ALPN)",
	tls_client_cert: "the client's certificate is missing, revoked, not trusted or too large",
	denied: "the listener's allow and deny keep it out, or client_auth.allow does",
	rate_limited: "its source, or its listener, was at a limit of per_source or rate",
	max_handshakes: "the limit of TLS handshakes in progress was reached",
	max_connections: "the limit of connections was reached",
	loop: "the proxy had connected to itself",
	overload: "out of memory or descriptors, or the system refused a call",
	admin: "an operator ended it",
	server_down: "its server is down by its check, and on_down says close",
	drain: "its server is drained, and it was ended in good order",
	drain_deadline: "still open when the drain ran out of time",
	internal: "a bug in staunch; please report it",
};
const NO_FAULT = ["client_fin", "server_fin"];

/* ---- numbers ---- */

function number(n, digits) {
	return n.toLocaleString("en", {maximumFractionDigits: digits});
}

function scaled(n, units) {
	let i = 0;

	while (n >= 999.5 && i < units.length - 1) {
		n /= 1000;
		i++;
	}
	return number(n, n < 9.95 && n > 0 ? 1 : 0) + units[i];
}

const count = n => n == null ? "\u2013" : n < 1e6 ? number(n, 0) : scaled(n, ["", " k", " M", " G", " T"]);
const bytes = n => n == null ? "\u2013" : scaled(n, [" B", " kB", " MB", " GB", " TB", " PB"]);
const rate = n => n == null ? "\u2013" : n > 0 && n < 0.05 ? "< 0.1" : number(n, n < 9.95 ? 1 : 0);

function ms(n) {
	if (n == null)
		return "\u2013";
	if (n >= 1000)
		return duration(n);
	return number(n, n < 1 ? 2 : n < 10 ? 1 : 0) + " ms";
}

function duration(n) {
	const s = n / 1000;

	if (s < 10)
		return number(s, 1) + " s";
	if (s < 120)
		return number(s, 0) + " s";
	if (s < 7200)
		return number(s / 60, 0) + " min";
	if (s < 172800)
		return number(s / 3600, 0) + " h";
	return number(s / 86400, 0) + " days";
}

/* "p50 / p99" of a list of quantiles. */
const quantiles = q => q == null || q.p50 == null ? "\u2013" : ms(q.p50) + " / " + ms(q.p99);

const pad = n => String(n).padStart(2, "0");
const clock = d => pad(d.getHours()) + ":" + pad(d.getMinutes()) + ":" + pad(d.getSeconds());

function moment(text) {
	const d = new Date(text);

	if (text == null || isNaN(d))
		return "\u2013";
	return d.getFullYear() + "-" + pad(d.getMonth() + 1) + "-" + pad(d.getDate()) + " " + clock(d);
}

/* ---- the page ---- */

const at = id => document.getElementById(id);

function put(e, text) {
	if (e.textContent !== text)
		e.textContent = text;
}

function dress(e, words) {
	if (e.className !== words)
		e.className = words;
}

function made(tag, parent, words) {
	const e = document.createElement(tag);

	if (words)
		e.className = words;
	parent.append(e);
	return e;
}

/* As many children as there are things, each filled by its own; what stays is touched only where it differs, so that
 * a selection and the focus stay. */
function fill(parent, things, make, change) {
	while (parent.children.length > things.length)
		parent.lastElementChild.remove();
	things.forEach((thing, i) => change(parent.children[i] || make(parent), thing));
}

/* columns: {name, cls, head}; the first one is the row's heading. */
function makeTable(id, caption, columns) {
	const table = made("table", at(id));
	const row = made("tr", made("thead", table));

	table.setAttribute("aria-label", caption);
	for (const c of columns) {
		const th = made("th", row, c.cls);

		th.scope = "col";
		th.textContent = c.name;
	}
	return {body: made("tbody", table), columns};
}

function makeRow(table) {
	return parent => {
		const tr = made("tr", parent);

		/* On a phone the rows are no longer laid out as a table, but they are one. */
		tr.setAttribute("role", "row");
		table.columns.forEach((c, i) => {
			const cell = made(i === 0 ? "th" : "td", tr, c.cls);

			cell.setAttribute("role", i === 0 ? "rowheader" : "cell");
			if (i === 0)
				cell.scope = "row";
			else
				cell.dataset.name = c.name;
		});
		return tr;
	};
}

/* rows: {mark, cells}; a cell is a text, or {text, cls}, or {text, share} with a bar. */
function fillTable(table, rows) {
	fill(table.body, rows, makeRow(table), (tr, row) => {
		dress(tr, row.mark || "");
		row.cells.forEach((cell, i) => {
			const e = tr.children[i], c = typeof cell === "string" ? {text: cell} : cell;
			const empty = c.text === "" || c.text === "\u2013";

			dress(e, [table.columns[i].cls, c.cls, i > 0 && empty && "none"].filter(Boolean).join(" "));
			if (c.share === undefined)
				put(e, c.text);
			else
				putMeter(e, c);
		});
	});
}

function putMeter(e, c) {
	let m = e.querySelector("meter");

	if (m === null) {
		e.textContent = "";
		m = made("meter", e);
		m.high = 0.8;
		m.optimum = 0;
		made("span", e);
	}
	m.value = c.share;
	m.hidden = c.share === null;
	put(e.lastElementChild, " " + c.text);
}

/* things: [name, text, more, mark] */
function fillList(id, things) {
	fill(at(id), things, parent => {
		const div = made("div", parent);

		made("dt", div);
		made("dd", div);
		made("small", div);
		return div;
	}, (div, [name, text, more, mark]) => {
		dress(div, mark ? "warn" : "");
		put(div.children[0], name);
		put(div.children[1], text);
		put(div.children[2], more || "");
	});
}
