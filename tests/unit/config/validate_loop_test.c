/* validate_loop: V20, circles over wildcards, own addresses and several hops: which are errors,
 * which are warnings, and what is a use. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include "tests/unit/config/load.h"

#define HEAD  "listeners:\n"
#define UPS   "upstreams:\n"
#define A(bind, more) "  - {name: a, bind: " bind more "}\n"
#define B(bind, more) "  - {name: b, bind: " bind more "}\n"
#define U(name, server, more) "  - {name: " name ", servers: [" server "]" more "}\n"
#define APP   U("app", "\"192.0.2.9:1\"", "")
#define CERTS ", tls: {certificates: [{cert: /c, key: /k}]}"
#define TO_A  U("to_a", "\"127.0.0.1:80\"", "")
#define TO_B  U("to_b", "\"127.0.0.1:81\"", "")

/* The address of the one bind, the server, and whether they are one place. */
static const struct {
	const char *bind, *server;
	bool loop;
} places[] = {
	{"\":80\"", "127.0.0.1:80", true},
	{"\":80\"", "127.9.9.9:80", true},
	{"\":80\"", "[::1]:80", true},
	{"\":80\"", "[::]:80", true},
	{"\":80\"", "0.0.0.0:80", true},
	{"\":80\"", "[::ffff:127.0.0.1]:80", true},
	{"\":80\"", "127.0.0.1:81", false},
	{"\":80\"", "192.0.2.1:80", false},
	{"\"0.0.0.0:80\"", "127.0.0.1:80", true},
	{"\"0.0.0.0:80\"", "0.0.0.0:80", true},
	{"\"0.0.0.0:80\"", "[::1]:80", false},
	{"\"0.0.0.0:80\"", "[::ffff:127.0.0.1]:80", true},
	{"\"[::]:80\"", "127.0.0.1:80", true},
	{"[\"[::]:80\", \"0.0.0.0:81\"]", "127.0.0.1:80", true},
	{"[\"0.0.0.0:81\", \"[::]:81\", \"[::1]:80\"]", "127.0.0.1:80", false},
	{"\"127.0.0.1:80\"", "127.0.0.1:80", true},
	{"\"127.0.0.1:80\"", "127.0.0.2:80", false},
	{"\"127.0.0.1:80\"", "0.0.0.0:80", true},
	{"\"[::1]:80\"", "[::]:80", true},
	{"\"192.0.2.1:80\"", "192.0.2.1:80", true},
	{"\"unix:/run/a\"", "unix:/run/a", true},
	{"\"unix:/run/a\"", "unix:/run/b", false},
};

static void V20_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(places); i++) {
		char text[512];
		struct load l;

		snprintf(text, sizeof(text), HEAD A("%s", ", upstream: u") UPS U("u", "\"%s\"", ""), places[i].bind,
			 places[i].server);
		l = load_text(text);
		if ((strstr(l.report->text, "error[E305]") != NULL) != places[i].loop)
			fail_msg("%s and %s:\n%s", places[i].bind, places[i].server, l.report->text);
		load_free(&l);
	}
}

static void V20_own_addresses(void **state)
{
	char text[512], host[INET6_ADDRSTRLEN] = "";
	struct ifaddrs *all;
	struct load l;

	(void)state;
	assert_int_equal(getifaddrs(&all), 0);
	for (struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET && !(i->ifa_flags & IFF_LOOPBACK))
			inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, host, sizeof(host));
	freeifaddrs(all);
	if (host[0] == '\0')
		skip();
	snprintf(text, sizeof(text), HEAD A("\":80\"", ", upstream: u") UPS U("u", "\"%s:80\"", ""), host);
	l = load_text(text);
	assert_non_null(strstr(l.report->text, "error[E305]"));
	load_free(&l);
}

static const struct load_row circles[] = {
	{HEAD A("\":80\"", ", upstream: to_a") UPS TO_A,
	 "error[E305]: the server 127.0.0.1:80 is the listener \"a\" itself, which uses this upstream\n"
	 "  --> t.yaml:4:28          note: bound at 2:21\n"},
	{HEAD A("\":80\"", ", upstream: to_b") B("\":81\"", ", upstream: to_a") UPS TO_A TO_B,
	 "error[E305]: the server 127.0.0.1:80 leads back to listener \"a\": a -> b -> a\n"
	 "  --> t.yaml:5:28          note: bound at 2:21\n"},
	/* whichever rule is chosen */
	{HEAD A("\":80\"", ", routes: [{sni: x.y, upstream: to_b}], upstream: to_a") B("\":81\"", ", upstream: to_a")
	 UPS TO_A TO_B, "error[E305]: the server 127.0.0.1:80 leads back to listener \"a\": a -> b -> a\n"},
	{HEAD A("\":80\"", CERTS ", upstream: u") UPS
	 U("u", "\"127.0.0.1:80\"", ", tls: {verify: true, name: x.y}"), "error[E305]"},
	{HEAD A("\":80\"", ", upstream: u") UPS U("u", "\"192.0.2.1:1\", \"127.0.0.1:80\"", ""), "error[E305]"},
	/* a rule may lead out */
	{HEAD A("\":80\"", ", routes: [{sni: x.y, upstream: to_a}], upstream: app") UPS TO_A APP,
	 "warning[W308]: the server 127.0.0.1:80 may lead back to listener \"a\": a -> a\n"
	 "  --> t.yaml:4:28          note: bound at 2:21\n"},
	{HEAD A("\":80\"", ", routes: [{sni: x.y, upstream: app}], upstream: to_b") B("\":81\"", ", upstream: to_a")
	 UPS TO_A TO_B APP, "warning[W308]: the server 127.0.0.1:80 may lead back to listener \"a\": a -> b -> a\n"},
	{HEAD A("\":80\"", ", routes: [{sni: x.y, upstream: to_a}]") UPS TO_A, "warning[W308]"},
	/* a TLS leg with another name */
	{HEAD A("\":80\"", ", routes: [{sni: x.y, upstream: to_b}], upstream: app")
	 B("\":81\"", CERTS ", upstream: u") UPS TO_B APP
	 U("u", "\"127.0.0.1:80\"", ", tls: {sni: z.y}"), "warning[W308]"},
	/* the second pass is refused: plain bytes at TLS, no header where one is required */
	{HEAD A("\":80\"", CERTS ", upstream: to_a") UPS TO_A, "warning[W308]"},
	{HEAD A("\":80\"", ", proxy_protocol: {accept: required, trusted: [\"::1\"]}, upstream: to_a") UPS TO_A,
	 "warning[W308]"},
	/* listener to listener is a use */
	{HEAD A("\":80\"", ", upstream: to_b") B("\":81\"", ", upstream: app") UPS TO_B APP, NULL},
	{HEAD A("\":80\"", ", routes: [{sni: x.y, upstream: to_b}], upstream: app")
	 B("\":81\"", CERTS ", upstream: app") UPS TO_B APP, NULL},
	/* a route that takes everything hides what stands behind it */
	{HEAD A("\":80\"", ", routes: [{upstream: app}, {sni: x.y, upstream: to_a}]") UPS TO_A APP,
	 "\n1 warning - configuration loaded\n"},
};

static void V20_circles(void **state)
{
	(void)state;
	load_rows(circles, array_len(circles));
}

/* A file of the largest size is judged in no time: every listener leads to every other. */
static void V20_many_listeners(void **state)
{
	size_t room = 1 << 18, at = 0;
	char *text = malloc(room);
	struct load l;

	(void)state;
	assert_non_null(text);
	at += (size_t)snprintf(text + at, room - at, HEAD);
	for (int i = 0; i < 300; i++)
		at += (size_t)snprintf(text + at, room - at,
				       "  - {name: l%d, bind: \":%d\", upstream: u}\n", i, 1000 + i);
	at += (size_t)snprintf(text + at, room - at, UPS "  - name: u\n    servers:\n");
	for (int i = 0; i < 300; i++)
		at += (size_t)snprintf(text + at, room - at, "      - \"127.0.0.1:%d\"\n", 1000 + i);
	l = load_text(text);
	assert_true(diag_count(l.d, DIAG_ERROR) >= 300);
	load_free(&l);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V20_places),
		cmocka_unit_test(V20_own_addresses),
		cmocka_unit_test(V20_circles),
		cmocka_unit_test(V20_many_listeners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
