/* staunch-log(7) (O25, O30): whatever a log may say stands in it, and in the tables of which it is made. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/close.h"
#include "proxy/log/access_tbl.h"
#include "proxy/log/event_tbl.h"
#include "tests/flow/kit/service.h"

/* The page as roff, in a file. */
static const char *page(void)
{
	struct kit_child *c;

	c = kit_child_start("man", KIT_ARGV(kit_binary(), "man", "staunch-log"));
	assert_int_equal(kit_child_wait(c), 0);
	return c->out;
}

static void stands_in(const char *roff, const char *word, const char *beside)
{
	char item[256] = "\n.B ";
	size_t n = strlen(item);

	for (const char *at = word; *at != '\0'; at++) {
		if (*at == '-')
			item[n++] = '\\';
		item[n++] = *at;
	}
	snprintf(item + n, sizeof(item) - n, beside != NULL ? "\n.RI ( %s )\n" : "\n", beside);
	if (strstr(roff, item) == NULL)
		kit_fail("the page has no %s", word);
}

static void every_row_of_the_tables(void **state)
{
	static char roff[1 << 16];

	(void)state;
	kit_file_read(page(), roff, sizeof(roff));
#define X(id, full, brief, help) stands_in(roff, full, brief);
	ACCESS_FIELD_TBL(X)
#undef X
#define X(event, levels, help) stands_in(roff, #event, levels);
	EVENT_TBL(X)
#undef X
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_REASONS; why++)
		stands_in(roff, close_word(why), NULL);
}

static void runs(const char *script, const char *const argv[])
{
	char path[KIT_PATH];
	struct kit_child *check;

	if (!kit_have("python3"))
		skip();
	kit_file_write("check.py", script, path);
	check = kit_child_start("python3", KIT_ARGV("python3", path, argv[0], argv[1], argv[2]));
	if (kit_child_wait(check) != 0)
		kit_file_wait(check->err, "the check passes", 1); /* shows what does not */
}

/* Each call that logs, and its levels: the table has them all, and no other. Where the level is chosen elsewhere, the
 * table knows better. */
static const char sources[] =
	"import glob, re, sys\n"
	"rows = dict(re.findall(r'X\\((\\w+), \"([^\"]+)\"', open('proxy/log/event_tbl.h').read()))\n"
	"assert list(rows) == sorted(rows), 'the order of the alphabet'\n"
	"call = r'\\b(?:log_msg|log_limited|log_problems|event_log|load_refuse|syslog_tell)\\s*\\('\n"
	"call += r'([^;\"]*?(?:\"E\\d+\", )?)\"([a-z0-9_]+)\"'\n"
	"said = {'suppressed'}\n"
	"for path in glob.glob('proxy/**/*.c', recursive=True):\n"
	"    for before, event in re.findall(call, open(path).read()):\n"
	"        assert event in rows, (path, event)\n"
	"        said.add(event)\n"
	"        for level in re.findall(r'LVL_(\\w+)', before):\n"
	"            assert level.lower() in rows[event].split(', '), (path, event, level)\n"
	"assert said == set(rows), said ^ set(rows)\n"
	"assert len(said) > 60\n";

static void every_event_of_the_sources(void **state)
{
	(void)state;
	runs(sources, (const char *const[]){"", "", ""});
}

/* Every name of a line of either log is a name of the page, and so is every event and every reason. */
static const char lines[] =
	"import json, re, sys\n"
	"page = open(sys.argv[1]).read().replace('\\\\-', '-')\n"
	"words = set(re.findall(r'^\\.B (\\S+)$', page, re.M))\n"
	"seen = set()\n"
	"for path in sys.argv[2:]:\n"
	"    for line in open(path):\n"
	"        r = json.loads(line)\n"
	"        seen |= set(r)\n"
	"        assert set(r) <= words, (set(r) - words, line)\n"
	"        assert r['event'] in words or r['event'].startswith('connection_'), line\n"
	"        assert r['event'] in page, line\n"
	"        assert 'staunch.close_reason' not in r or r['staunch.close_reason'] in words, line\n"
	"assert len(seen) > 30 and 'problems' in seen and 'staunch.tried' in seen, seen\n";

static void every_name_of_a_real_log(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), fd;
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *config = textf("workers: 2\nlog: {access: \"@DIR@/access.log\", start: true, periodic: 1s}\n"
				   "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app,\n"
				   "     routes: [{sni: a.example, upstream: app}],\n"
				   "     proxy_protocol: {accept: required, trusted: [127.0.0.0/8]}}\n"
				   "upstreams:\n  - {name: app, servers: [\"%s:%d\", \"%s:%d\"]}\n",
				   ip, port, ip, kit_refuser(ip), ip, kit_peer_port(echo));
	struct kit_staunch *s = kit_staunch_start(config);

	(void)state;
	for (int i = 0; i < 4; i++) {
		fd = kit_connect(ip, port);
		kit_send(fd, "PROXY TCP4 192.0.2.1 192.0.2.2 7 8\r\nhello", 41);
		kit_expect(fd, "hello", 5);
		if (i < 3)
			end_orderly(fd);
	}
	kit_staunch_wait_log(s, "connection_update", 1);
	kit_reset(fd);
	kit_staunch_rewrite(s, "workers: many\n");
	kit_child_signal(s->child, SIGHUP);
	kit_staunch_wait_err(s, "\"reload_failed\"", 1);
	kit_staunch_wait_log(s, "connection_end", 4);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	runs(lines, (const char *const[]){page(), s->access, s->child->err});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_row_of_the_tables, kit_end),
		cmocka_unit_test_teardown(every_event_of_the_sources, kit_end),
		cmocka_unit_test_teardown(every_name_of_a_real_log, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
