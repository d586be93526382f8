/* Records of connections that live (O30, O17): that of the begin, and those that come again and again. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	int port, down, fds;
};

/* Listeners "web", whose server echoes, and "down", whose server refuses. */
static const char *config_of(const struct world *w, const char *log)
{
	static int echo, gone;

	if (w->fds == 0) {
		echo = kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
		gone = kit_refuser(kit_ip(0));
	}
	return textf("workers: 2\nlog: {access: \"@DIR@/access.log\"%s}\nlisteners:\n"
		     "  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "  - {name: down, bind: \"%s:%d\", upstream: gone}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n  - {name: gone, servers: [\"%s:%d\"]}\n",
		     log, kit_ip(1), w->port, kit_ip(1), w->down, kit_ip(0), echo, kit_ip(0), gone);
}

static struct world start(const char *log)
{
	struct world w = {.port = kit_port(kit_ip(1)), .down = kit_port(kit_ip(1))};

	w.s = kit_staunch_start(config_of(&w, log));
	w.fds = kit_proc_fds(w.s->child->pid);
	return w;
}

static void end(struct world *w)
{
	kit_proc_wait_fds(w->s->child->pid, w->fds);
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
}

/* Of the log's records `r`, by connection in `conns`, all of this holds. */
static void records_hold(const struct world *w, const char *checks)
{
	char script[KIT_PATH];
	struct kit_child *check;

	if (!kit_have("python3"))
		return;
	kit_file_write("check.py",
		       textf("import json, sys\n"
			     "conns = {}\n"
			     "for line in open(sys.argv[1], encoding='ascii'):\n"
			     "    r = json.loads(line)\n"
			     "    conns.setdefault(r['staunch.conn_id'], []).append(r)\n"
			     "for of in conns.values():\n"
			     "    events = [r['event'][len('connection_'):] for r in of]\n"
			     "    last = of[-1]\n"
			     "    assert events[-1] == 'end' and events.count('end') == 1, of\n"
			     "    assert all('staunch.close_reason' not in r for r in of[:-1]), of\n"
			     "    assert sorted(r['time'] for r in of) == [r['time'] for r in of], of\n"
			     "    same = ('client.port', 'staunch.listener', 'staunch.server', 'event.start',\n"
			     "            'network.local.port', 'network.peer.port', 'staunch.accepted.address')\n"
			     "    other = [(f, r.get(f), last.get(f))\n"
			     "             for r in of for f in same if r.get(f) != last.get(f)]\n"
			     "    assert not other, other\n"
			     "    bytes = [r['staunch.bytes_in'] for r in of]\n"
			     "%s",
			     checks),
		       script);
	check = kit_child_start("python3", KIT_ARGV("python3", script, w->s->access));
	if (kit_child_wait(check) != 0)
		kit_file_wait(check->err, "the records hold", 1); /* shows what does not */
}

static void exchange(int fd)
{
	kit_send(fd, "hello", 5);
	kit_expect(fd, "hello", 5);
}

/* ---- the begin ------------------------------------------------------------------------------- */

/* O30: the record of the begin is there while the connection lives; who reaches no server has that of its end. */
static void o30_begin_and_end(void **state)
{
	struct world w = start(", start: true");
	int fd, refused;

	(void)state;
	fd = kit_connect(kit_ip(1), w.port);
	kit_staunch_wait_log(w.s, "\"connection_start\"", 1);
	assert_int_equal(kit_staunch_log(w.s, "connection_end"), 0);
	exchange(fd);
	end_orderly(fd);
	refused = kit_connect(kit_ip(1), w.down);
	kit_expect_fin(refused);
	close(refused);
	kit_staunch_wait_log(w.s, "\"connection_end\"", 2);
	assert_int_equal(kit_staunch_log(w.s, "\"connection_start\""), 1);
	records_hold(&w, "    assert events == (['end'] if last['staunch.listener'] == 'down' else ['start', 'end'])\n"
			 "    assert last['staunch.listener'] == 'down' or bytes == [0, 5], of\n"
			 "    assert last['staunch.listener'] == 'down' or of[0]['staunch.connect_ms'] > 0, of\n"
			 "    assert all('staunch.bytes_in_delta' not in r for r in of), of\n");
	end(&w);
}

/* O29, O30: a connection without a byte whose begin was told has its end told, too. */
static void o30_no_begin_without_an_end(void **state)
{
	struct world w = start(", start: true, skip_empty: true");

	(void)state;
	end_orderly(kit_connect(kit_ip(1), w.port));
	kit_staunch_wait_log(w.s, "\"connection_end\"", 1);
	records_hold(&w, "    assert events == ['start', 'end'], of\n");
	end(&w);
}

/* O30: a line for people says what it tells of. */
static void o30_as_text(void **state)
{
	struct world w = start(", start: true, format: text");
	int fd = kit_connect(kit_ip(1), w.port);

	(void)state;
	kit_staunch_wait_log(w.s, " event=connection_start in=0 out=0 ", 1);
	exchange(fd);
	end_orderly(fd);
	kit_staunch_wait_log(w.s, " reason=client_fin by=client in=5 out=5 ", 1);
	assert_int_equal(kit_staunch_log(w.s, " event="), 1);
	end(&w);
}

/* ---- updates --------------------------------------------------------------------------------- */

/* O30, O17: an idle connection and a busy one have theirs, without a control plane; what the records say is new adds
 * up to all. A short one has none. */
static void o30_updates_add_up(void **state)
{
	struct world w = start(", periodic: 2s, start: true");
	int idle = kit_connect(kit_ip(1), w.port), busy = kit_connect(kit_ip(1), w.port), n;

	(void)state;
	end_orderly(served(kit_ip(1), w.port));
	for (n = 1; n <= 3; n++) {
		exchange(busy);
		kit_staunch_wait_log(w.s, "\"connection_update\"", 2 * n);
	}
	exchange(busy);
	end_orderly(busy);
	end_orderly(idle);
	kit_staunch_wait_log(w.s, "\"connection_end\"", 3);
	records_hold(&w, "    new = [r['staunch.bytes_in_delta'] for r in of if 'staunch.bytes_in_delta' in r]\n"
			 "    passed = [r['staunch.interval_ms'] for r in of if 'staunch.interval_ms' in r]\n"
			 "    ages = [r['staunch.duration_ms'] for r in of]\n"
			 "    assert sum(new) in (0, last['staunch.bytes_in']), of\n"
			 "    assert len(new) in (0, len(of) - 1), of\n"
			 "    assert not passed or abs(sum(passed) - ages[-1]) < 100, of\n"
			 "    assert ages == sorted(ages) and all(a > 2000 for a in ages[1:-1]), of\n"
			 "    assert len(of) == 2 or [int(a // 2000) for a in ages[1:-1]] == \\\n"
			 "        sorted({int(a // 2000) for a in ages[1:-1]}), of\n"
			 "ends = [c[-1]['staunch.bytes_in'] for c in conns.values()]\n"
			 "assert len(ends) == 3 and 0 in ends and 20 in ends, ends\n");
	assert_in_range(kit_staunch_log(w.s, "\"connection_update\""), 6, 1000);
	end(&w);
}

/* O30: switched on by a reload, it reaches connections that were there before, and those without a byte. */
static void o30_switched_on_meanwhile(void **state)
{
	struct world w = start("");
	int fd = kit_connect(kit_ip(1), w.port);

	(void)state;
	exchange(fd);
	kit_staunch_rewrite(w.s, config_of(&w, ", periodic: 1s, skip_empty: true"));
	kit_child_signal(w.s->child, SIGHUP);
	kit_staunch_wait_err(w.s, "\"reloaded\"", 1);
	kit_staunch_wait_log(w.s, "\"connection_update\"", 2);
	end_orderly(fd);
	fd = kit_connect(kit_ip(1), w.port);
	kit_staunch_wait_log(w.s, "\"staunch.bytes_in\":0", 1);
	end_orderly(fd);
	kit_staunch_wait_log(w.s, "\"connection_end\"", 2);
	records_hold(&w, "    assert events[0] == 'update', of\n");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o30_begin_and_end, kit_end),
		cmocka_unit_test_teardown(o30_no_begin_without_an_end, kit_end),
		cmocka_unit_test_teardown(o30_as_text, kit_end),
		cmocka_unit_test_teardown(o30_updates_add_up, kit_end),
		cmocka_unit_test_teardown(o30_switched_on_meanwhile, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
