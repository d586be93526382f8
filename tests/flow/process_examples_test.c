/* V18: every file under config/examples starts, with real sockets and real certificates. An
 * operator copies these files; what is changed here is what an operator has to change:
 * addresses, paths, and figures of a large machine. */
#include <glob.h>

#include "tests/flow/kit/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/kit/cert.h"

#define TEXT     32768
#define PASSWORD "secret"

struct text {
	char p[TEXT];
	size_t n;
};

static void add(struct text *t, const char *s, size_t n)
{
	if (t->n + n >= sizeof(t->p))
		kit_fail("an example of more than %d bytes", TEXT);
	memcpy(t->p + t->n, s, n);
	t->n += n;
	t->p[t->n] = '\0';
}

/* ---- addresses that are listened on ---- */

/* Each port of the file gets one of ours, the same each time it is named. */
static int port_for(int theirs)
{
	static int known[64][2];
	static size_t n;

	for (size_t i = 0; i < n; i++)
		if (known[i][0] == theirs)
			return known[i][1];
	if (n == array_len(known))
		kit_fail("more than %zu ports", n);
	known[n][0] = theirs;
	known[n][1] = kit_port("0.0.0.0");
	return known[n++][1];
}

/* Wildcards stay: how they go together is a part of what is tried. */
static void add_address(struct text *t, const char *s, size_t n)
{
	const char *port = memrchr(s, ':', n);
	char out[64];
	int host = port != NULL ? (int)(port - s) : 0;
	bool wildcard = host == 0 || strncmp(s, "0.0.0.0:", 8) == 0 || strncmp(s, "[::]:", 5) == 0;

	if (strncmp(s, "unix:", 5) == 0) {
		add(t, s, n);
		return;
	}
	assert_non_null(port);
	snprintf(out, sizeof(out), "%.*s:%d", wildcard ? host : (int)strlen(kit_ip(0)), wildcard ? s : kit_ip(0),
		 port_for((int)strtol(port + 1, NULL, 10)));
	add(t, out, strlen(out));
}

/* Every quoted text of the line is an address. */
static void add_binds(struct text *t, const char *line, size_t n)
{
	const char *end = line + n, *open, *close;

	while ((open = memchr(line, '"', (size_t)(end - line))) != NULL) {
		close = memchr(open + 1, '"', (size_t)(end - open - 1));
		assert_non_null(close);
		add(t, line, (size_t)(open + 1 - line));
		add_address(t, open + 1, (size_t)(close - open - 1));
		line = close;
		add(t, line++, 1);
	}
	add(t, line, (size_t)(end - line));
}

/* `bind:` and, when its own line has no address, the elements below it. */
static void replace_binds(struct text *out, const char *in)
{
	bool below = false;
	size_t bound = 0; /* how far the last "bind:" is indented */

	for (const char *line = in; *line != '\0';) {
		size_t n = strcspn(line, "\n") + 1, indent = strspn(line, " ");
		const char *bind = memmem(line, n, "bind:", 5);
		bool element = below && (strncmp(line + indent, "- \"", 3) == 0 ||
					 strncmp(line + indent, "- address: \"", 12) == 0);

		if (bind != NULL || element || memmem(line, n, " http: \"", 8) != NULL)
			add_binds(out, line, n);
		else
			add(out, line, n);
		if (bind != NULL)
			bound = (size_t)(bind - line);
		below = bind != NULL ? memchr(bind, '"', n - bound) == NULL : below && indent > bound;
		line += n;
	}
}

/* ---- files ---- */

static struct kit_cert *root, *middle;

static bool ends(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

/* An identity named "x": x.pem, x.key, encrypted if the file has x.pass, and a response about
 * it. */
static void make_identity(const char *stem, bool encrypted)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){
		.dns = "a.test",
		.ocsp = "http://127.0.0.1:1/",
		.issuer = middle,
		.key = strstr(stem, "rsa") != NULL ? KIT_RSA2048 : KIT_P256,
	});
	char path[KIT_PATH];
	uint8_t der[4096];
	size_t n = kit_cert_ocsp(&(struct kit_ocsp_opts){.about = c, .from = -60, .until = 3600}, der, sizeof(der));
	FILE *f;

	kit_cert_write(c, textf("%s.pem", stem), path);
	kit_cert_write_key(c, textf("%s.key", stem), encrypted ? PASSWORD : NULL, path);
	snprintf(path, sizeof(path), "%s/%s.ocsp", kit_dir(), stem);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(der, 1, n, f), n);
	fclose(f);
}

/* A name that has a .key beside it is an identity; issuer.pem has issued them all, and any other
 * .pem holds authorities. */
static void make_file(const char *name, const char *text)
{
	char stem[64], path[KIT_PATH];

	snprintf(stem, sizeof(stem), "%.*s", (int)strcspn(name, "."), name);
	if (ends(name, ".pass"))
		kit_file_write(name, PASSWORD "\n", path);
	if (ends(name, ".token")) {
		kit_file_write(name, "0123456789abcdef0123456789abcdef\n", path);
		assert_int_equal(chmod(path, 0600), 0);
	}
	if (ends(name, ".txt"))
		kit_file_write(name, "192.0.2.0/24 # a network\n", path);
	if (ends(name, ".crl"))
		kit_cert_write_crl(root, NULL, 0, name, path);
	if (ends(name, ".key"))
		make_identity(stem, strstr(text, textf("/%s.pass", stem)) != NULL);
	if (ends(name, ".pem") && strstr(text, textf("/%s.key", stem)) == NULL)
		kit_cert_write(strcmp(name, "issuer.pem") == 0 ? middle : root, name, path);
}

/* Absolute paths become those of the test's directory, flat; the files they name are made. */
static void replace_paths(struct text *out, const char *in)
{
	static const char *const tops[] = {"/etc/", "/run/", "/var/"};

	for (const char *s = in; *s != '\0';) {
		char name[64];
		size_t n = strcspn(s, "\" ,}]\n"), base = n;
		bool found = false;

		for (size_t i = 0; i < array_len(tops); i++)
			found |= strncmp(s, tops[i], strlen(tops[i])) == 0;
		if (!found) {
			add(out, s++, 1);
			continue;
		}
		while (s[base - 1] != '/')
			base--;
		snprintf(name, sizeof(name), "%.*s", (int)(n - base), s + base);
		make_file(name, in);
		add(out, "@DIR@/", 6);
		add(out, name, strlen(name));
		s += n;
	}
}

/* Connections for which a test machine has no descriptors, and a delay that nobody needs here. */
static void lower_figures(char *text)
{
	char *most = strstr(text, "max_connections: 200000"), *delay = strstr(text, "delay: 5s");

	if (most != NULL)
		memcpy(most, "max_connections: 2000  ", 23);
	if (delay != NULL)
		memcpy(delay, "delay: 0s", 9);
}

static void starts(const char *path)
{
	static char text[TEXT];
	static struct text binds, paths;
	struct kit_staunch *s;

	kit_file_read(path, text, sizeof(text));
	binds.n = paths.n = 0;
	print_message("%s\n", path);
	lower_figures(text);
	replace_binds(&binds, text);
	replace_paths(&paths, binds.p);
	s = kit_staunch_start(paths.p);
	assert_true(kit_file_count(s->child->err, "\"listening\"") > 0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void V18_every_example_starts(void **state)
{
	glob_t found, all;

	(void)state;
	root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	middle = kit_cert_make(&(struct kit_cert_opts){.cn = "middle", .ca = true, .issuer = root});
	assert_int_equal(glob("config/examples/*.yaml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		starts(found.gl_pathv[i]);
	assert_true(found.gl_pathc >= 7);
	/* Nothing lies beside them that no test starts. */
	assert_int_equal(glob("config/examples/*", GLOB_PERIOD, NULL, &all), 0);
	assert_int_equal(all.gl_pathc, found.gl_pathc + 2);
	globfree(&found);
	globfree(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(V18_every_example_starts, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
