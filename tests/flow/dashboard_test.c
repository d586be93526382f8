/* The dashboard: the page as a browser shows it, from control.http and through `staunch dashboard`, and who may see it:
 * O22, O38. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/close.h"
#include "tests/flow/kit/control.h"
#include "tests/flow/kit/programs.h"

#define SIZE_MOST (150 * 1024)
#define CHANGE    "X-Staunch: 1\r\n"

static const char *const paths[] = {"/", "/assets/dashboard.css", "/assets/dashboard.js", "/assets/parts.js",
				    "/assets/charts.js", "/assets/chart.js", "/assets/icon.svg"};

struct world {
	struct kit_staunch *s;
	int web, http, good, refuser;
};

/* One server works, one refuses, one is drained, and the last has a name that a careless page takes for markup. */
static struct world start_world(void)
{
	struct kit_peer *good = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct world w = {.web = kit_port(kit_ip(0)), .http = kit_port(kit_ip(0))};

	w.good = kit_peer_port(good);
	w.refuser = kit_refuser(kit_ip(1));
	w.s = kit_staunch_start(textf(
		TWO_WORKERS "control: {socket: \"%s\", http: \"%s:%d\"}\n"
		"listeners: [{name: web, bind: \"%s:%d\", upstream: app}]\n"
		"upstreams: [{name: app, balance: round_robin, health: {passive: off},\n"
		"  servers: [\"%s:%d\", \"%s:%d\", \"%s:7\",\n"
		"  {address: \"unix:@DIR@/<i id=bad>x\", weight: 0}]}]\n",
		control_socket(), kit_ip(0), w.http, kit_ip(0), w.web, kit_ip(0), w.good, kit_ip(1), w.refuser,
		kit_ip(2)));
	assert_non_null(strstr(control_raw(textf("POST /v1/servers/app/%s:7 HTTP/1.1\r\nHost: localhost\r\n" CHANGE
						 "Connection: close\r\nContent-Length: 17\r\n\r\n{\"state\":\"drain\"}",
						 kit_ip(2))), "HTTP/1.1 200 "));
	for (int i = 0; i < 6; i++)
		end_orderly(served(kit_ip(0), w.web));
	return w;
}

static void end_of(struct world *w)
{
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
}

/* What must not be in the page. */
static void expect_no(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		kit_fail("there is \"%s\" in:\n%s", part, text);
}

/* What curl prints, with these arguments. */
static const char *curl(const char *args)
{
	return control_shell_ok(textf("cd %s && curl -sS %s", kit_dir(), args));
}

/* The status code that curl sees. */
static const char *status_of(const char *args)
{
	return curl(textf("-o /dev/null -w '%%{http_code}' %s", args));
}

/* ---- a browser ---- */

/* The page as it is some seconds of its own clock later. What the browser complains of, and each address that it
 * asked, are in *said and in kit_dir()/net. */
static const char *browse(const char *url, char *said, size_t room)
{
	static char dom[1 << 18];
	const char *browser = kit_have("chromium-headless-shell") ? "chromium-headless-shell" : "chromium";
	struct kit_child *c;

	program_need(browser);
	c = program_run("browser",
			KIT_ARGV("env", textf("HOME=%s", kit_dir()), browser, "--headless", "--no-sandbox",
				 "--disable-gpu", "--no-first-run", "--disable-background-networking",
				 "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
				 "--disable-breakpad", textf("--user-data-dir=%s/browser", kit_dir()),
				 textf("--log-net-log=%s/net", kit_dir()), "--enable-logging=stderr",
				 "--virtual-time-budget=5000", "--dump-dom", url));
	kit_file_read(c->out, dom, sizeof(dom));
	kit_file_read(c->err, said, room);
	return dom;
}

/* Every request that the browser began went there. */
static void asked_only(const char *origin)
{
	expect_part(control_shell_ok(textf("grep -o '\"url\":\"[a-z]*://[^/\"]*' %s/net | sort | uniq -c", kit_dir())),
		    origin);
	expect_no(control_shell_ok(textf("grep -o '\"url\":\"[a-z]*://[^/\"]*' %s/net | "
					 "grep -v '%s$' || true",
					 kit_dir(), origin)),
		  "url");
}

/* What a person looks for: each listener and server, its state and why. */
static void shows_the_world(const char *dom, const struct world *w)
{
	expect_part(dom, "It serves, but look at this");
	expect_part(dom, "upstream app: 2 of 4 servers usable");
	expect_part(dom, textf(">app/%s:%d<", kit_ip(1), w->refuser));
	expect_part(dom, " refused<");
	expect_part(dom, "not usable: an operator drains it");
	expect_part(dom, "not usable: its weight is 0");
	expect_part(dom, "connection refused, ");
	expect_part(dom, textf("%s:%d", kit_ip(0), w->web));
	expect_part(dom, ">client_fin<");
	expect_part(dom, "limits.max_connections");
	expect_part(dom, "generation 1");
	expect_part(dom, ">accepted<");
	expect_part(dom, "aria-label=\"Connections a second, now: accepted ");
	expect_part(dom, "&lt;i id=bad&gt;x");
	expect_no(dom, "<i id");
}

/* In a real browser, from the numbers of a process that has served and has lost a server. */
static void o22_a_browser_shows_it(void **state)
{
	struct world w = start_world();
	char said[8192];
	const char *dom;

	(void)state;
	dom = browse(textf("http://%s:%d/", kit_ip(0), w.http), said, sizeof(said));
	shows_the_world(dom, &w);
	expect_no(said, "Content Security Policy");
	expect_no(said, "Uncaught");
	asked_only(textf("%s:%d", kit_ip(0), w.http));
	end_of(&w);
}

/* ---- what is served ---- */

/* One page, no foreign address in it, and headers that forbid any. */
static void o22_small_and_alone(void **state)
{
	struct world w = start_world();
	char at[64];
	const char *got;
	long all = 0;

	(void)state;
	snprintf(at, sizeof(at), "http://%s:%d", kit_ip(0), w.http);
	program_need("curl");
	for (size_t i = 0; i < array_len(paths); i++) {
		all += strtol(curl(textf("-o /dev/null -w '%%{size_download}' %s%s", at, paths[i])), NULL, 10);
		got = curl(textf("-I %s%s", at, paths[i]));
		expect_part(got, "HTTP/1.1 200 ");
		expect_part(got, "Content-Encoding: gzip\r\n");
		expect_part(got, "Cache-Control: no-cache\r\n");
		expect_part(got, "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n");
		got = curl(textf("--etag-save t -o /dev/null %s%s", at, paths[i]));
		got = curl(textf("--etag-compare t -D - %s%s", at, paths[i]));
		expect_part(got, "HTTP/1.1 304 ");
		assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");
	}
	if (all < 1000 || all > SIZE_MOST)
		kit_fail("it has %ld bytes", all);
	got = curl(textf("--compressed %s/", at));
	expect_no(got, "://");
	expect_no(got, "style=");
	expect_no(got, "<style");
	expect_no(got, "onload");
	for (size_t i = 1; i < 5; i++)
		expect_no(curl(textf("--compressed %s%s", at, paths[i])), "innerHTML");
	assert_string_equal(status_of(textf("-H 'Accept-Encoding: br' %s/", at)), "406");
	assert_string_equal(status_of(textf("%s/assets/", at)), "404");
	assert_string_equal(status_of(textf("%s/assets/index.html", at)), "404");
	assert_string_equal(status_of(textf("%s/other", at)), "404");
	assert_string_equal(status_of(textf("-X POST %s/", at)), "403");
	assert_string_equal(status_of(textf("-H 'Host: evil.example' %s/", at)), "403");
	assert_string_equal(curl(textf("-o /dev/null -w '%%{http_code}' --unix-socket %s http://localhost/",
				       control_socket())), "200");
	end_of(&w);
}

/* The page has a sentence for each reason: that of the table. */
static void o22_each_reason_has_its_meaning(void **state)
{
	struct world w = start_world();
	char *parts;

	(void)state;
	program_need("curl");
	parts = strdup(curl(textf("--compressed http://%s:%d/assets/parts.js", kit_ip(0), w.http)));
	assert_non_null(parts);
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_REASONS; why++)
		expect_part(parts, textf("\t%s: \"%s\",\n", close_word(why), close_sentence(why)));
	free(parts);
	end_of(&w);
}

/* Whoever can only connect sees nothing. */
static void o38_beyond_loopback_it_needs_a_token(void **state)
{
	static const char token[] = "tttttttttttttttttttttttttttttttt";
	int http = kit_port(kit_ip(0));
	char path[KIT_PATH];
	struct kit_staunch *s;
	const char *ip, *at;

	(void)state;
	program_need("curl");
	ip = control_shell_ok("ip -4 -o addr show scope global | sed 's/.*inet \\([0-9.]*\\).*/\\1/' | "
			      "head -1 | tr -d '\\n'");
	if (*ip == '\0') {
		print_message("[  SKIPPED ] the machine has no address but loopback\n");
		skip();
	}
	at = textf("http://%s:%d", ip, http);
	kit_file_write("token", token, path);
	control_shell_ok(textf("chmod 600 %s", path));
	s = kit_staunch_start(controlled(kit_port(kit_ip(0)), kit_refuser(kit_ip(0)),
					 textf(", http: \":%d\", token_file: token", http), ""));
	for (size_t i = 0; i < array_len(paths); i++) {
		assert_string_equal(status_of(textf("%s%s", at, paths[i])), "403");
		assert_string_equal(status_of(textf("-H 'Authorization: Bearer %s' %s%s", token, at, paths[i])), "200");
	}
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* ---- the verb ---- */

struct verb {
	struct kit_child *c;
	char url[128], base[64];
};

static bool has_said(void *arg)
{
	struct verb *v = arg;
	char *end;

	kit_file_read(v->c->out, v->url, sizeof(v->url));
	end = strchr(v->url, '\n');
	if (end == NULL)
		return !kit_child_alive(v->c);
	*end = '\0';
	return true;
}

static struct verb start_verb(void)
{
	struct verb v = {0};

	v.c = kit_child_start("dashboard", KIT_ARGV(kit_binary(), "dashboard", "--socket", control_socket()));
	if (!kit_wait(has_said, &v, KIT_MS) || strncmp(v.url, "http://127.0.0.1:", 17) != 0)
		kit_fail("the verb says: %s", v.url);
	snprintf(v.base, sizeof(v.base), "%.*s", (int)(strrchr(v.url, '/') - v.url), v.url);
	return v;
}

static void end_verb(struct verb *v, int sig)
{
	kit_child_signal(v->c, sig);
	assert_int_equal(kit_child_wait(v->c), 0);
	assert_int_equal(control_shell_ok(textf("curl -s %s/ || echo -n gone", v->base))[0], 'g');
}

/* A second browser with the same path finds nothing, and the first one stays in. */
static void o22_the_path_works_once(void **state)
{
	struct world w = start_world();
	struct verb v;
	const char *got;

	(void)state;
	program_need("curl");
	v = start_verb();
	assert_int_equal(strlen(strrchr(v.url, '/')), 33);
	/* without the path, or with one that is like it; and asking for its head does not use it up */
	assert_string_equal(status_of(textf("%s/", v.base)), "404");
	assert_string_equal(status_of(textf("%s0", v.url)), "404");
	assert_string_equal(status_of(textf("-I %s", v.url)), "404");
	expect_part(curl(textf("-H 'Host: evil.example' %s", v.url)), "the Host is none of ours");
	got = curl(textf("-c mine -D - %s", v.url));
	expect_part(got, "HTTP/1.1 303 See Other");
	expect_part(got, "the dashboard is at /");
	expect_part(got, "Location: /\r\n");
	expect_part(got, "; Path=/; HttpOnly; SameSite=Strict\r\n");
	/* another user, who comes later */
	assert_string_equal(status_of(textf("-c other %s", v.url)), "404");
	expect_part(curl(textf("-b other %s/", v.base)), "there is nothing here");
	assert_string_equal(status_of(textf("-b 'staunch-%s=00000000000000000000000000000000' %s/",
					    strrchr(v.base, ':') + 1, v.base)), "404");
	expect_part(curl(textf("-b mine --compressed %s/", v.base)), "<title>staunch</title>");
	expect_part(curl(textf("-b mine %s/v1/servers?upstream=app", v.base)), "\"why\":\"drain\"");
	expect_part(curl(textf("-b mine --http1.0 %s/v1/history", v.base)), "\"series\":[");
	end_verb(&v, SIGINT);
	end_of(&w);
}

/* POST, a foreign Host and a wrong cookie reach nothing behind it. */
static void o22_the_verb_only_reads(void **state)
{
	struct world w = start_world();
	const char *port;
	struct verb v;
	char *post;

	(void)state;
	program_need("curl");
	v = start_verb();
	curl(textf("-c mine %s", v.url));
	post = strdup(curl(textf("-b mine -X POST -D - -H 'X-Staunch: 1' %s/v1/reload", v.base)));
	assert_non_null(post);
	expect_part(post, "405 Method Not Allowed");
	expect_part(post, "Allow: GET, HEAD\r\n");
	expect_part(post, "this only reads");
	free(post);
	assert_string_equal(status_of(textf("-X POST -H 'X-Staunch: 1' %s/v1/reload", v.base)), "404");
	expect_part(curl(textf("-b mine -X DELETE %s/v1/reload", v.base)), "this is no request that it understands");
	expect_part(curl(textf("-b mine --request-target %s/ %s/", v.base, v.base)), "the target is no path");
	expect_part(curl(textf("-b mine -I %s/", v.base)), "HTTP/1.1 200 ");
	assert_string_equal(status_of(textf("-b mine -H 'Host: evil.example' %s/", v.base)), "403");
	assert_string_equal(status_of(textf("-b mine -H 'Host: localhost' %s/", v.base)), "403");
	port = strrchr(v.base, ':') + 1;
	expect_part(curl(textf("-b \"staunch-%s=$(grep -o '[0-9a-f]\\{32\\}$' mine)\" -I -H 'Host: localhost:%s' %s/",
			       port, port, v.base)),
		    "HTTP/1.1 200 ");
	assert_int_equal(kit_file_count(w.s->child->err, "generation 2"), 0);
	end_of(&w);
	expect_part(curl(textf("-b mine -D - %s/", v.base)), "502 Bad Gateway");
	expect_part(curl(textf("-b mine %s/", v.base)), "the process is not there");
	end_verb(&v, SIGTERM);
}

/* The browser is sent on from the path to the page, with the cookie; and it says when the process is gone. */
static void o22_a_browser_through_the_verb(void **state)
{
	struct world w = start_world();
	struct verb v = start_verb();
	char said[8192];

	(void)state;
	shows_the_world(browse(v.url, said, sizeof(said)), &w);
	asked_only(v.base + 7);
	end_verb(&v, SIGINT);
	end_of(&w);
}

/* The page must not show old numbers as if they were new. */
static void o22_silence_is_said(void **state)
{
	struct world w = start_world();
	char said[8192];
	const char *dom;

	(void)state;
	control_shell_ok(textf("mkdir -p %s/www/assets && cd %s/www && "
			       "curl -sS --compressed -o index.html http://%s:%d/ && "
			       "for f in dashboard.css dashboard.js parts.js charts.js chart.js; do "
			       "curl -sS --compressed -o assets/$f http://%s:%d/assets/$f; done",
			       kit_dir(), kit_dir(), kit_ip(0), w.http, kit_ip(0), w.http));
	end_of(&w);
	program_need("python3");
	program_serve("python",
		      KIT_ARGV("python3", "-m", "http.server", "-d", textf("%s/www", kit_dir()), "-b", kit_ip(0),
			       textf("%d", w.http)),
		      kit_ip(0), w.http);
	dom = browse(textf("http://%s:%d/", kit_ip(0), w.http), said, sizeof(said));
	expect_part(dom, "The process refuses to tell");
	expect_part(dom, ": status 404"); /* whichever question was answered first */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o22_a_browser_shows_it, kit_end),
		cmocka_unit_test_teardown(o22_small_and_alone, kit_end),
		cmocka_unit_test_teardown(o22_each_reason_has_its_meaning, kit_end),
		cmocka_unit_test_teardown(o38_beyond_loopback_it_needs_a_token, kit_end),
		cmocka_unit_test_teardown(o22_the_path_works_once, kit_end),
		cmocka_unit_test_teardown(o22_the_verb_only_reads, kit_end),
		cmocka_unit_test_teardown(o22_a_browser_through_the_verb, kit_end),
		cmocka_unit_test_teardown(o22_silence_is_said, kit_end),
	};

	return cmocka_run_group_tests_name("flow/dashboard", tests, NULL, NULL);
}
