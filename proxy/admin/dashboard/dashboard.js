"use strict";
/* dashboard: asks every two seconds, and says what the answers mean. It only reads. */

const EVERY = 2000, PATIENCE = 5000, ROWS = 100, EVENTS = 50, RECENT = 60000;

const state = {last: 0, pid: 0, ends: [], span: 600, paused: false, busy: false, answers: null};

const NUM = "num", WIDE = "wide";
const tables = {
	servers: makeTable("t-servers", "Servers", [{name: "Server"}, {name: "State", cls: "wide bare"},
		{name: "Open", cls: NUM}, {name: "Weight", cls: NUM}, {name: "New/s", cls: NUM}, {name: "Failed/s", cls: NUM},
		{name: "Connect p50 / p99", cls: NUM}, {name: "First byte p50 / p99", cls: NUM},
		{name: "Connects that failed", cls: WIDE}, {name: "Last failure", cls: WIDE}]),
	upstreams: makeTable("t-upstreams", "Upstreams", [{name: "Upstream"}, {name: "Usable", cls: WIDE},
		{name: "Open", cls: NUM}, {name: "Waiting", cls: NUM}, {name: "New/s", cls: NUM}, {name: "Retries/s", cls: NUM}, {name: "Failed/s", cls: NUM},
		{name: "In/s", cls: NUM}, {name: "Out/s", cls: NUM}, {name: "Connect p50 / p99", cls: NUM},
		{name: "First byte p50 / p99", cls: NUM}, {name: "Balance", cls: "word"}]),
	listeners: makeTable("t-listeners", "Listeners", [{name: "Listener"}, {name: "Address", cls: WIDE},
		{name: "To"}, {name: "Open", cls: NUM}, {name: "New/s", cls: NUM}, {name: "Failed/s", cls: NUM},
		{name: "Turned away/s", cls: NUM}, {name: "In/s", cls: NUM}, {name: "Out/s", cls: NUM},
		{name: "Duration p50 / p99", cls: NUM}, {name: "TLS handshakes", cls: NUM}]),
	reasons: makeTable("t-reasons", "How connections ended", [{name: "Reason"}, {name: "Meaning", cls: "wide bare"},
		{name: "Last minute", cls: NUM}, {name: "Since the start", cls: NUM}, {name: "Listeners", cls: WIDE}]),
	limits: makeTable("t-limits", "Limits", [{name: "Limit"}, {name: "Used", cls: WIDE}, {name: "Most so far", cls: NUM},
		{name: "Times it acted", cls: NUM}, {name: "Last time"}, {name: "Now"}]),
	events: makeTable("t-events", "Events", [{name: "Time"}, {name: "Event"}, {name: "What", cls: "wide bare"}]),
};

/* ---- asking ---- */

class Refused extends Error {}

async function get(path, missing) {
	const r = await fetch(path, {cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE)});

	if (missing && !r.ok)
		return null;
	if (!r.ok) {
		const said = await r.json().catch(() => null);

		const why = said?.error?.message || "status " + r.status;

		/* The verb's proxy says of the process that it is not there: that is no refusal. */
		throw r.status === 502 || r.status === 504 ? new Error(why) : new Refused(path + ": " + why);
	}
	return missing ? r.text() : r.json();
}

/* JSON lines, of which the last may be cut. */
function lines(text) {
	return text.split("\n").flatMap(line => {
		try {
			return line ? [JSON.parse(line)] : [];
		} catch {
			return [];
		}
	});
}

async function ask() {
	const [status, listeners, upstreams, servers, history, events] = await Promise.all([
		get("/v1/status"), get("/v1/listeners"), get("/v1/upstreams"), get("/v1/servers"), get("/v1/history"),
		get("/v1/events?follow=0", true)]);

	return {status, history, listeners: listeners.listeners, upstreams: upstreams.upstreams, servers: servers.servers,
		events: events === null ? null : lines(events)};
}

/* ---- the verdict ---- */

function failures(a) {
	const found = [];

	for (const s of a.servers)
		if (s.rates.failed > 0)
			found.push("server " + s.upstream + "/" + s.server + ": " + rate(s.rates.failed) + " connects a second fail" +
				(s.last_connect_error ? ", last: " + s.last_connect_error.text : ""));
	if (found.length > 5)
		found.splice(4, found.length, "and connects to " + (found.length - 4) + " more servers fail");
	if (a.status.rates.failed > 0)
		found.unshift(rate(a.status.rates.failed) + " connections a second fail: no server took their clients");
	return found;
}

function verdict(cls, word, problems) {
	const marks = {good: "\u2713 ", warn: "\u25b2 ", bad: "\u2716 "};

	dress(at("verdict"), cls);
	put(at("verdict-word"), marks[cls] + word);
	fill(at("problems"), problems, parent => made("li", parent), (li, text) => put(li, text));
	document.title = marks[cls] + (cls === "warn" ? problems.length + " " : "") + "staunch";
}

function judge(a) {
	const problems = failures(a).concat(a.status.warnings.map(w => w.text));
	const bad = a.status.warnings.some(w => w.code === "upstream_down" || w.code === "certificate_expired") ||
		a.status.rates.failed > 0;

	if (a.status.state !== "serving")
		problems.unshift("the process is " + a.status.state + ": " + count(a.status.connections.active) +
			" connections are still open");
	if (problems.length === 0)
		verdict("good", "All is well", []);
	else
		verdict(bad ? "bad" : "warn", bad ? "Some clients are not served" : "It serves, but look at this", problems);
}

function showSilence(error) {
	const since = state.last === 0 ? "" : " for " + duration(Date.now() - state.last);
	const last = state.last === 0 ? [] : ["The numbers below are of " + clock(new Date(state.last)) + "."];

	document.body.classList.toggle("stale", state.last !== 0);
	if (error instanceof Refused)
		verdict("bad", "The process refuses to tell", [error.message].concat(last));
	else
		verdict("bad", "The process does not answer" + since,
			[error.name === "TimeoutError" ? "no answer within 5 s" : String(error.message)].concat(last));
}

/* ---- the numbers ---- */

function showTiles(a) {
	const s = a.status, h = new Map(a.history.series.map(x => [x.name, x.values]));
	const cpu = (h.get("cpu_permille") || []).at(-1), u = s.upstreams;

	fillList("tiles", [
		["Open", count(s.connections.active), "of " + count(s.connections.max)],
		["New/s", rate(s.rates.connections), count(s.connections.total) + " in all"],
		["Failed/s", rate(s.rates.failed), "clients not served", s.rates.failed > 0],
		["Turned away/s", rate(s.rates.rejected), "by rule or limit", s.rates.rejected > 0],
		["From clients", bytes(s.rates.bytes_in) + "/s", bytes(s.connections.bytes_in) + " in all"],
		["To clients", bytes(s.rates.bytes_out) + "/s", bytes(s.connections.bytes_out) + " in all"],
		["Servers usable", u.usable + " of " + u.servers, u.spare > 0 ? u.spare + " in reserve" : "",
			u.usable + u.spare < u.servers],
		["CPU", cpu == null ? "\u2013" : number(cpu / 10, 0) + " %", "of one core"],
	]);
	put(at("who"), "version " + s.version + ", process " + s.pid + ", up " + duration(s.uptime_ms));
	put(at("asked"), "as of " + clock(new Date(s.time)));
}

function failedConnects(c) {
	return ["refused", "timeout", "reset", "failed"].filter(k => c[k] > 0).map(k => count(c[k]) + " " + k).join(", ");
}

function serverState(s) {
	const words = {yes: "usable", spare: "in reserve", no: "not usable"};
	const why = s.why_text === null ? "" : ": " + s.why_text + "; for " + duration(s.for_ms) +
		(s.back_text ? "; back " + s.back_text : "");
	const also = [s.tier > 0 && "tier " + s.tier, s.note_text,
		s.dns === "leaving" && "its name no longer has it"].filter(Boolean).map(w => ", " + w).join("");

	const fails = s.usable !== "no" && s.rates.failed > 0;

	return {text: (words[s.usable] || s.usable) + why + also + (fails ? ", but connects fail" : ""),
		cls: s.usable === "yes" && !s.full && !fails ? "good" : "warn"};
}

const worth = s => (s.usable === "no" ? 2 : 0) + (s.rates.failed > 0 ? 3 : 0) + (s.full ? 1 : 0);

function showServers(a) {
	const wanted = at("filter").value.trim().toLowerCase();
	const named = a.servers.filter(s => (s.upstream + "/" + s.server).toLowerCase().includes(wanted));
	const rows = named.map((s, i) => ({s, i})).sort((x, y) => worth(y.s) - worth(x.s) || x.i - y.i).slice(0, ROWS);

	at("servers-filter").hidden = a.servers.length <= 10;
	put(at("servers-more"), named.length > ROWS ? "The first " + ROWS + " of " + named.length +
		" are shown, those with trouble first. Type a part of a name to see others." : "");
	fillTable(tables.servers, rows.map(({s}) => ({
		mark: s.rates.failed > 0 ? "bad" : s.usable === "no" ? "warn" : "",
		cells: [s.upstream + "/" + s.server, serverState(s),
			count(s.active) + (s.max_connections === null ? "" : " of " + count(s.max_connections)),
			s.effective_weight === s.weight ? count(s.weight) : count(s.effective_weight) + " (set: " + count(s.weight) + ")",
			rate(s.rates.connects), {text: rate(s.rates.failed), cls: s.rates.failed > 0 ? "warn" : ""},
			quantiles(s.connect_ms), quantiles(s.first_byte_ms), failedConnects(s.connects),
			s.last_connect_error === null ? "" :
				s.last_connect_error.text + ", " + duration(s.last_connect_error.ago_ms) + " ago"],
	})));
}

/* What is more than a count: which tier carries it, a panic, servers that a name has. */
function upstreamUsable(u) {
	const tiers = u.tiers.length > 1 ? u.tiers.map(t => "tier " + t.tier + ": " + t.usable + " of " + t.servers) : [];

	return [u.usable + " of " + u.servers, u.spare > 0 && u.spare + " in reserve",
		u.panics && "panic: servers that are held out are used"].concat(tiers,
		u.dns_members !== null && u.dns_members + " by DNS").filter(Boolean).join(", ");
}

function showUpstreams(a) {
	fillTable(tables.upstreams, a.upstreams.map(u => ({
		mark: u.usable + u.spare === 0 ? "bad" : u.usable < u.servers ? "warn" : "",
		cells: [u.name, upstreamUsable(u), count(u.active),
			u.queue === null ? "" : {text: count(u.queue.length) + (u.queue.length > 0 ? " of " + count(u.queue.max) : ""),
				cls: u.queue.length > 0 ? "warn" : ""}, rate(u.rates.connects), rate(u.rates.retries),
			{text: rate(u.rates.failed), cls: u.rates.failed > 0 ? "warn" : ""}, bytes(u.rates.bytes_in),
			bytes(u.rates.bytes_out), quantiles(u.connect_ms), quantiles(u.first_byte_ms), u.balance],
	})));
}

function showListeners(a) {
	fillTable(tables.listeners, a.listeners.map(l => ({
		mark: l.rates.failed > 0 ? "warn" : "",
		cells: [l.name, l.addresses.join(", "),
			[l.upstream, l.routes > 0 && l.routes + (l.routes === 1 ? " route" : " routes")].filter(Boolean).join(", "),
			count(l.active) + (l.max_connections === null ? "" : " of " + count(l.max_connections)),
			rate(l.rates.connections), {text: rate(l.rates.failed), cls: l.rates.failed > 0 ? "warn" : ""},
			{text: rate(l.rates.rejected), cls: l.rates.rejected > 0 ? "warn" : ""},
			bytes(l.rates.bytes_in), bytes(l.rates.bytes_out), quantiles(l.duration_ms),
			l.tls ? count(l.handshakes.ok) + ", " + count(l.handshakes.failed) + " failed" : ""],
	})));
}

/* Sums over listeners: reason -> {n, where} */
function endsOf(a) {
	const ends = new Map();

	for (const l of a.listeners)
		for (const [why, n] of Object.entries(l.closed).concat(Object.entries(l.rejected))) {
			const e = ends.get(why) || {n: 0, where: []};

			e.n += n;
			e.where.push(l.name + " " + count(n));
			ends.set(why, e);
		}
	return ends;
}

/* Only this page knows how it was a minute ago, once it has been open so long. */
function showReasons(a) {
	const ends = endsOf(a), now = Date.now(), fault = why => !NO_FAULT.includes(why);
	const old = () => state.ends.length > 1 && state.ends[1].now <= now - RECENT;

	state.ends.push({now, ends});
	while (old())
		state.ends.shift();
	const first = state.ends[0], whole = now - first.now >= RECENT - EVERY;
	const recent = why => Math.max(0, ends.get(why).n - (first.ends.get(why)?.n || 0));
	const rows = [...ends.keys()].sort((x, y) => fault(y) - fault(x) || recent(y) - recent(x) || ends.get(y).n - ends.get(x).n);

	fillTable(tables.reasons, rows.map(why => ({
		mark: fault(why) ? recent(why) > 0 ? "warn" : "" : "soft",
		cells: [why, REASONS[why] || "",
			count(recent(why)) + (whole ? "" : " in " + duration(now - first.now)), count(ends.get(why).n),
			ends.get(why).where.join(", ")],
	})));
}

function showLimits(a) {
	fillTable(tables.limits, a.status.limits.map(l => ({
		mark: l.episode ? "bad" : "",
		cells: [(l.listener || l.upstream ? (l.listener || l.upstream) + ": " : "") + l.name.replace(/^[a-z]+\[\]\./, ""),
			l.max === null ? count(l.used) + ", no limit" :
				{text: count(l.used) + " of " + count(l.max), share: l.max > 0 ? l.used / l.max : 0},
			count(l.high), count(l.hits), l.last_hit === null ? "never" : duration(l.last_hit_ago_ms) + " ago",
			{text: l.episode ? "acts" : "free", cls: l.episode ? "bad" : "good"}],
	})));
}

/* What an event has beside its time and name, without a structure that this page would have to know. */
function eventText(e) {
	const known = ["schema", "generation", "time", "seq", "event", "type", "kind", "message", "text", "level"];
	const rest = Object.entries(e).filter(([k, v]) => !known.includes(k) && v !== null)
		.map(([k, v]) => k + " " + (typeof v === "object" ? JSON.stringify(v) : v));

	return [e.message || e.text].concat(rest).filter(Boolean).join(", ");
}

function showEvents(a) {
	at("events").hidden = a.events === null || a.events.length === 0;
	if (a.events !== null)
		fillTable(tables.events, a.events.slice(-EVENTS).reverse().map(e =>
			({cells: [moment(e.time), String(e.event || e.type || e.kind || ""), eventText(e)]})));
}

function showFacts(a) {
	const c = a.status.config;

	fillList("facts", [
		["Configuration", c.path === null ? "from the command line" : c.path, "hash " + (c.hash || "\u2013")],
		["In force", "generation " + a.status.generation, "loaded " + moment(c.loaded_at)],
		["Last reload", c.last_error === null ? "accepted" : "refused: " + c.last_error, "", c.last_error !== null],
		["Process", String(a.status.pid) + ", " + a.status.state, "version " + a.status.version],
	]);
}

/* ---- the round ---- */

function show(a) {
	/* Another process, or one that began anew: its counts have nothing to do with those before. */
	if (a.status.pid !== state.pid)
		state.ends = [];
	state.pid = a.status.pid;
	state.answers = a;
	state.last = Date.now();
	document.body.classList.remove("stale");
	judge(a);
	showTiles(a);
	fillCharts(a.history, state.span);
	showServers(a);
	showUpstreams(a);
	showListeners(a);
	showReasons(a);
	showLimits(a);
	showEvents(a);
	showFacts(a);
}

async function turn() {
	if (state.busy || state.paused || document.hidden)
		return;
	state.busy = true;
	try {
		show(await ask());
	} catch (error) {
		showSilence(error);
	}
	state.busy = false;
}

at("pause").addEventListener("click", () => {
	state.paused = !state.paused;
	at("pause").setAttribute("aria-pressed", String(state.paused));
	put(at("pause"), state.paused ? "Paused: go on" : "Pause");
	turn();
});
at("filter").addEventListener("input", () => state.answers && showServers(state.answers));
at("span").addEventListener("change", e => {
	state.span = Number(e.target.value);
	if (state.answers)
		fillCharts(state.answers.history, state.span);
});
document.addEventListener("visibilitychange", turn);

makeCharts();
turn();
setInterval(turn, EVERY);
