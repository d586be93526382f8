/* The verb top (O21) on a real terminal, which is tmux: what it shows, at which sizes, and how it leaves.
 *
 *   this test -- keys --> tmux: sh, $STAUNCH top --> the control socket of an instance
 *             <-- the screen, as text -- */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define TMUX  "tmux -L top "
#define MANY  1000
#define FIRST 10001 /* of their ports */

static struct world {
	struct kit_staunch *s;
	int refuser, port;
} w;

/* ---- the terminal ---- */

static void type(const char *keys)
{
	control_shell_ok(textf(TMUX "send-keys %s", keys));
}

/* Has the shell run this, which has no single quotes, on an empty screen. */
static void run(const char *command)
{
	type(textf("-l 'clear; %s'", command));
	type("Enter");
}

/* tmux in the foreground, so that it ends with the test; its socket is in the directory of the test. */
static void terminal_start(int columns, int rows)
{
	setenv("STAUNCH", kit_binary(), 0);
	setenv("TMUX_TMPDIR", kit_dir(), 1);
	setenv("S", control_socket(), 1);
	unsetenv("NO_COLOR");
	kit_child_start("tmux", KIT_ARGV("tmux", "-L", "top", "-f", "/dev/null", "-D"));
	control_shell_ok(textf("n=0; until " TMUX "new-session -d -x %d -y %d 'exec sh' 2>/dev/null; do "
			       "n=$((n+1)); [ $n -lt 100 ] || exit 1; sleep 0.1; done", columns, rows));
	type("-l 'unset COLUMNS; PS1=\"ready> \"'");
	type("Enter");
}

/* With "-e" attributes are in it, as escapes. */
static const char *screen(const char *options)
{
	return control_shell_ok(textf(TMUX "capture-pane -p %s", options));
}

/* The nth line, without its newline. */
static const char *line_at(const char *text, int n)
{
	while (n-- > 0 && *text != '\0')
		text += strcspn(text, "\n") + 1;
	return textf("%.*s", (int)strcspn(text, "\n"), text);
}

static bool shows(void *arg)
{
	return strstr(screen(""), arg) != NULL;
}

static bool shows_not(void *arg)
{
	return !shows(arg);
}

/* Waits for it: the screen follows its cause within a second or two. */
static void expect_shown(const char *text)
{
	char part[256];

	snprintf(part, sizeof(part), "%s", text);
	if (!kit_wait(shows, part, KIT_MS))
		kit_fail("without \"%s\":\n%s", part, screen(""));
}

static void expect_not_shown(const char *text)
{
	char part[256];

	snprintf(part, sizeof(part), "%s", text);
	if (!kit_wait(shows_not, part, KIT_MS))
		kit_fail("with \"%s\":\n%s", part, screen(""));
}

/* In "wanted" a "?" stands for any character: rates and ages are of the moment. */
static void expect_line(int n, const char *wanted)
{
	const char *line = line_at(screen(""), n);
	size_t i = 0;

	while (wanted[i] != '\0' && line[i] != '\0' && (wanted[i] == '?' || wanted[i] == line[i]))
		i++;
	if (wanted[i] != '\0' || line[i] != '\0')
		kit_fail("line %d is\n%s\nnot\n%s\nof\n%s", n, line, wanted, screen(""));
}

/* A name in its column: of one that is too long the end is shown. */
static const char *name_cell(const char *name, int width)
{
	size_t n = strlen(name);

	if (n > (size_t)width)
		return textf("~%s", name + n - (size_t)width + 1);
	return textf("%-*s", width, name);
}

/* ---- the instance ---- */

/* One server that refuses; the other one takes all. */
static void instance_start(void)
{
	int port = 0, fd = kit_listen(kit_ip(1), &port, 100);

	w.refuser = kit_refuser(kit_ip(1));
	w.port = kit_port(kit_ip(0));
	w.s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\"}\n"
						  "limits: {max_connections: 100}\n"
						  "listeners: [{name: web, bind: \"%s:%d\", upstream: a}]\n"
						  "upstreams: [{name: a, servers: [\"%s:%d\", \"%s:%d\"]}]\n",
				      control_socket(), kit_ip(0), w.port, kit_ip(1), w.refuser, kit_ip(1), port));
	for (int i = 0; i < 2; i++)
		kit_connect(kit_ip(0), w.port);
	kit_accept(fd);
	kit_accept(fd);
	close(fd);
}

/* before: variables of the environment, with a blank behind them. */
static void top_start(const char *before, const char *options)
{
	run(textf("echo before; %s$STAUNCH top --socket $S %s", before, options));
	expect_shown("servers 1-");
}

/* ---- tests ---- */

#define KEYS "q quit  ? help  / filter  s sort  r turn  d drain  Tab list  arrows PgUp PgDn"

/* O21: 80x24, 120x40 and 40 columns: every line that does not change, and the room of each. */
static void o21_sizes(void **state)
{
	char name[64];

	(void)state;
	terminal_start(80, 24);
	instance_start();
	snprintf(name, sizeof(name), "a/%s:%d", kit_ip(1), w.refuser);
	top_start("", "");
	expect_shown("connections 2 of 100  ");
	assert_non_null(strstr(line_at(screen(""), 0), textf("  process %d  serving  up ", (int)w.s->child->pid)));
	assert_non_null(strstr(line_at(screen(""), 0), "  generation 1"));
	assert_memory_equal(line_at(screen(""), 1), "connections 2 of 100  ", 22);
	/* That one refuses is a warning. */
	assert_memory_equal(line_at(screen(""), 2), "servers 2 of 2 usable  warnings ", 32);
	expect_shown("start\n*listeners 1-1/1 "); /* it is broken, and not cut */
	expect_shown("\n*listeners 1-1/1            active conn/s fail/s   in/s  out/s upstream\n");
	expect_shown("\n*servers 1-2/2           usable active conn/s fail/s p50ms p99ms why, last error\n");
	expect_shown(textf("\n%s    yes      0", name_cell(name, 24)));
	expect_shown("s: refused\n");
	expect_line(23, KEYS);

	control_shell_ok(TMUX "resize-window -x 120 -y 40");
	expect_shown("  rej/s  total upstream");
	expect_shown("\n*servers 1-2/2                           usable active conn/s fail/s p50ms p99ms   in/s  out/s "
		       "why, last error\n");
	expect_shown(textf("\n%s    yes      0", name_cell(name, 40)));
	expect_line(39, KEYS);

	control_shell_ok(TMUX "resize-window -x 40 -y 24");
	expect_shown("usable active fail/s\n");
	expect_shown("\n*listeners 1-1/1    active conn/s fail/s\n");
	expect_shown("\n*servers 1-2/2      usable active fail/s\n");
	expect_shown(textf("\n%s    yes      0", name_cell(name, 19)));
	expect_line(23, "q quit  ? help  / filter  s sort  r tur~");
	type("'?'");
	expect_shown("Ctrl-C     leave");
	type("x");
	expect_shown("servers 1-2/2");
	control_shell_ok(TMUX "resize-window -x 10 -y 4");
	type("q");
	expect_shown("ready>");
}

/* A configuration of so many upstreams, a, b, ..., with so many servers each. */
static const char *many_servers(int upstreams, int each)
{
	static char text[32 * 10 * MANY];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
			     "control: {socket: \"%s\"}\nlisteners: [{name: web, bind: \"%s:%d\", upstream: a}]\n"
			     "upstreams:\n",
			     control_socket(), kit_ip(0), kit_port(kit_ip(0)));
	for (int u = 0; u < upstreams; u++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "- {name: %c, servers: [", 'a' + u);
		for (int i = 0; i < each; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"192.0.2.%d:%d\"", i > 0 ? "," : "",
					      u + 1, FIRST + i);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "]}\n");
	}
	return text;
}

/* O21: 1,000 servers are scrolled, sorted, filtered. */
static void o21_thousand_servers(void **state)
{
	(void)state;
	terminal_start(80, 24);
	w.s = kit_staunch_start(many_servers(1, MANY));
	top_start("", "");
	expect_shown("*servers 1-17/1000");
	expect_line(6, "a/192.0.2.1:10001           yes      0      0      0     -     -");
	expect_line(22, "a/192.0.2.1:10017           yes      0      0      0     -     -");
	type("-N 16 j");
	type("Down");
	expect_shown("*servers 2-18/1000");
	type("NPage");
	expect_shown("*servers 19-35/1000");
	type("G");
	expect_shown("*servers 984-1000/1000");
	expect_line(22, "a/192.0.2.1:11000           yes      0      0      0     -     -");
	type("r");
	expect_shown("a/192.0.2.1:10001 ");
	type("g");
	expect_shown("*servers 1-17/1000");
	expect_line(6, "a/192.0.2.1:11000           yes      0      0      0     -     -");
	type("s");
	expect_shown("servers 1-17/1000       *usable");
	type("/105");
	expect_shown("/105_  Enter keeps, Esc clears");
	expect_shown("servers 1-17/101 "); /* 10105, too */
	type("00 Enter");
	expect_shown("servers 1-1/1 ");
	expect_line(23, "/10500  Esc clears  q quit ? help Tab list s sort r turn d drain");
	expect_line(6, "a/192.0.2.1:10500           yes      0      0      0     -     -");
	expect_not_shown(":10501");
	type("Escape");
	expect_shown("servers 1-17/1000");
	type("/nothing Enter");
	expect_shown("servers none");
	type("q");
	expect_shown("ready>");
}

/* O21: as many servers as a file may have, 10,000 keys and values; more than 4 MiB of them. */
static void o21_largest_file(void **state)
{
	(void)state;
	terminal_start(80, 24);
	w.s = kit_staunch_start(many_servers(10, 990));
	top_start("", "");
	expect_shown("*servers 1-17/9900");
	expect_line(6, "a/192.0.2.1:10001           yes      0      0      0     -     -");
	type("G");
	expect_shown("*servers 9884-9900/9900");
	expect_line(22, "j/192.0.2.10:10990          yes      0      0      0     -     -");
	type("q");
	expect_shown("ready>");
}

/* Three servers, one of which has a name that a screen cannot say. */
static void steered_instance(const char *state_file)
{
	w.s = kit_staunch_start(textf("control: {socket: \"%s\", state: \"%s\"}\n"
				      "listeners: [{name: web, bind: \"%s:%d\", upstream: a}]\n"
				      "upstreams: [{name: a, servers: [\"192.0.2.1:10001\", \"192.0.2.1:10002\", "
				      "\"unix:@DIR@/what?.sock\"]}]\n",
				      control_socket(), state_file, kit_ip(0), kit_port(kit_ip(0))));
}

/* What the instance says of the second one. */
static void expect_why(const char *why)
{
	control_shell_ok(textf("[ \"$(curl -s --unix-socket $S http://localhost/v1/servers | "
			       "jq -r '.servers[1].why')\" = %s ]", why));
}

/* Asks with d, and is asked this. */
static void press_d(const char *question)
{
	type("d");
	expect_shown(question);
	expect_line(23, question);
}

/* O21: d drains the marked server, or makes it ready again, after a y; any other key is a no. */
static void o21_drain(void **state)
{
	(void)state;
	terminal_start(80, 24);
	steered_instance("@DIR@/state.yaml");
	top_start("", "--color never");
	type("'/10002' Enter");
	expect_shown("servers 1-1/1 ");
	press_d("drain a/192.0.2.1:10002? y/n");
	expect_why("null");
	type("n");
	expect_not_shown("? y/n");
	expect_why("null");
	press_d("drain a/192.0.2.1:10002? y/n");
	type("y");
	expect_shown("a/192.0.2.1:10002: drain\n");
	expect_line(23, "a/192.0.2.1:10002: drain");
	expect_shown("\na/192.0.2.1:10002            no      0      0      0     -     - drain\n");
	expect_why("drain");
	press_d("ready a/192.0.2.1:10002? y/n");
	type("y");
	expect_shown("a/192.0.2.1:10002: ready\n");
	expect_shown("a/192.0.2.1:10002           yes ");
	expect_why("null");
	type("Escape");
	expect_shown("\n" KEYS);
	type("'?'");
	expect_shown("d            drain the marked server: it gets no new connections; or make a\n");
	expect_shown("             drained one ready again; asks first\n");
	type("x");
	type("q");
	expect_shown("ready>");
}

/* O21: the marked one is meant, at any place and width; what cannot be done is said in the last line. */
static void o21_drain_which(void **state)
{
	(void)state;
	terminal_start(40, 24);
	steered_instance("off");
	top_start("", "--color never");
	type("'/192' Enter");
	expect_shown("servers 1-2/2");
	type("j");
	assert_non_null(strstr(screen("-e"), "\033[7ma/192.0.2.1:10002"));
	assert_null(strstr(screen("-e"), "\033[7ma/192.0.2.1:10001"));
	press_d("drain a/192.0.2.1:10002? y/n");
	control_shell_ok(TMUX "resize-window -x 26 -y 24");
	expect_shown("drain ~92.0.2.1:10002? y/n\n");
	control_shell_ok(TMUX "resize-window -x 80 -y 24");
	expect_shown("drain a/192.0.2.1:10002? y/n");
	type("y");
	expect_shown("\na/192.0.2.1:10002: drain; not kept over a restart\n");
	type("d");
	expect_shown("ready a/192.0.2.1:10002? y/n");
	kit_child_signal(w.s->child, SIGKILL);
	kit_child_wait(w.s->child);
	expect_shown("gone since ");
	expect_shown("ready a/192.0.2.1:10002? y/n");
	type("y");
	expect_shown("\nno running instance at ");
	type("Tab");
	type("d");
	expect_shown("\nd drains a server: mark one; Tab goes to their list\n");
	type("Tab");
	type("Escape");
	expect_shown("servers 1-3/3");
	type("/what Enter d");
	expect_shown("\nits name has what this screen does not show: staunch server drain\n");
	type("q");
	expect_shown("ready>");
}

/* One run of o21_gone_and_back. */
static void go_and_come_back(const char *before, const char *options, bool red)
{
	instance_start();
	top_start(before, options);
	kit_child_signal(w.s->child, SIGKILL);
	kit_child_wait(w.s->child);
	expect_shown("gone since ");
	expect_shown("asked"); /* and so on: it is broken somewhere */
	expect_shown("running");
	expect_shown("\n*servers 1-2/2           usable active conn/s fail/s p50ms p99ms why, last error\n");
	assert_non_null(strstr(screen("-e"), "\033[2m"));
	assert_int_equal(strstr(screen("-e"), "\033[31m") != NULL, red);
	instance_start();
	expect_not_shown("gone since");
	expect_shown(textf("process %d ", (int)w.s->child->pid));
	assert_null(strstr(screen("-e"), "\033[2m"));
	type("q");
	expect_shown("ready>");
	kit_staunch_stop(w.s, SIGKILL);
}

/* O21: an instance that goes is said to be gone, its numbers stay, greyed; it is found again. Colours are those of
 * --color and NO_COLOR. */
static void o21_gone_and_back(void **state)
{
	(void)state;
	terminal_start(80, 24);
	go_and_come_back("", "", true);
	go_and_come_back("NO_COLOR=1 ", "", false);
	go_and_come_back("NO_COLOR=1 ", "--color always", true);
	go_and_come_back("", "--color never", false);
}

/* O21: however it ends, the terminal is as it was. */
static void o21_terminal_restored(void **state)
{
	static const char *const ends[] = {
		TMUX "send-keys q",
		TMUX "send-keys C-c",
		"kill -TERM $(cat /proc/$(" TMUX "display -p '#{pane_pid}')/task/*/children)",
		"kill -HUP $(cat /proc/$(" TMUX "display -p '#{pane_pid}')/task/*/children)",
	};

	(void)state;
	terminal_start(100, 24);
	instance_start();
	for (size_t i = 0; i < array_len(ends); i++) {
		top_start("", "; echo code $?");
		control_shell_ok(ends[i]);
		expect_shown("code 0\nready>");
		assert_int_equal(strncmp(screen(""), "before\ncode 0\n", 14), 0); /* what stood there is back */
		run("stty -a | tr \";\" \" \" | grep -Eow -- \"-?(echo|icanon|icrnl|isig)\"");
		expect_shown("icrnl\nisig\nicanon\necho\nready>");
		assert_string_equal(control_shell_ok(TMUX "display -p '#{cursor_flag}#{alternate_on}'"), "10\n");
	}
}

/* O21: without a terminal, or with one that has no cursor to place, it refuses and says what a script asks. */
static void o21_refusals(void **state)
{
	int code;

	(void)state;
	terminal_start(100, 24);
	instance_start();
	run("$STAUNCH top --socket $S | cat; echo end");
	expect_shown("staunch: top needs a terminal; a script asks: staunch status --json\n");
	expect_shown("\nend\n");
	control_shell(&code, "$STAUNCH top --socket $S </dev/null 2>/dev/null");
	assert_int_equal(code, 2);
	run("TERM=dumb $STAUNCH top; echo code $?");
	expect_shown("staunch: TERM is \"dumb\": top needs a terminal that places its cursor;");
	expect_shown("code 2\n");
	run("TERM=no-such $STAUNCH top --socket $S; echo code $?");
	expect_shown("staunch: TERM is \"no-such\", which nobody knows here;");
	expect_shown("code 2\n");
	run("$STAUNCH top --socket /nowhere/s; echo code $?");
	expect_shown("staunch: no running instance at /nowhere/s: nobody listens there\n  = help: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o21_sizes, kit_end),
		cmocka_unit_test_teardown(o21_thousand_servers, kit_end),
		cmocka_unit_test_teardown(o21_largest_file, kit_end),
		cmocka_unit_test_teardown(o21_drain, kit_end),
		cmocka_unit_test_teardown(o21_drain_which, kit_end),
		cmocka_unit_test_teardown(o21_gone_and_back, kit_end),
		cmocka_unit_test_teardown(o21_terminal_restored, kit_end),
		cmocka_unit_test_teardown(o21_refusals, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
