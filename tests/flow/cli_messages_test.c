/* V60: what an operator reads when a file is refused or a start fails, word by word. Each file of tests/flow/messages
 * is a transcript of a terminal; every case of it is a test, which runs the commands and compares all that they print.
 *
 *   === a key that does not exist
 *   listeners:                                 up to the first "$ ": the text of staunch.yaml
 *     - {name: web, bind: "127.0.0.1:80", upsteam: app}
 *   $ staunch check --offline staunch.yaml     what bash runs in a directory of the case
 *   error[E102]: unknown key "upsteam" ...     stdout and stderr, as they come
 *   [78]                                       the exit code, unless it is 0
 *
 * A case that begins with "===root" is run by root alone, one with "===plain" under no sanitizer, one with
 * "===root,plain" both, and one with "===unconfigured" where no config file stands in its usual place. In YAML and
 * commands stand @PORT@ (free), @HELD@ (this test listens there), @BOUND@ (a socket is bound and does not listen), @IP@
 * and @DIR@; in what is printed they stand for these again, and so do @TIME@, @PID@ (of this test) and @USER@.
 * as-nobody runs a program without any right. A file of TLS that a case names is made (make_files).
 *
 * UPDATE=1 writes what was printed into the transcripts: read the difference before you commit it. */
#include <glob.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/cli/cli_tbl.h"
#include "tests/flow/kit/service.h"
#include "tests/kit/cert.h"

#define CASES_MOST 512
#define ROOM       65536

static struct message_case {
	const char *file; /* the transcript */
	char *text;       /* from "===" to the next case */
	size_t n;
} cases[CASES_MOST];

static char names[CASES_MOST][128];

/* ---- words that differ from run to run ---- */

static struct word {
	const char *name;
	char value[KIT_PATH];
} words[] = {{"@DIR@", ""}, {"@IP@", ""}, {"@PORT@", ""}, {"@HELD@", ""}, {"@BOUND@", ""},
	     {"process @PID@", ""}, {"user @USER@", ""}, {"user @USER@", ""}};

static int bound = -1;

/* Of a socket that is bound and does not listen; it shares with nobody. */
static int bound_port(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	socklen_t n = sizeof(a);

	bound = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bound, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(bound, (struct sockaddr *)&a, &n), 0);
	return ntohs(a.sin6_port);
}

/* Those that the case names; the others have no value and are not looked for in what is printed. */
static void set_words(const char *text)
{
	int port = 0;

	for (size_t i = 0; i < array_len(words); i++)
		words[i].value[0] = '\0';
	snprintf(words[0].value, KIT_PATH, "%s/case", kit_dir());
	snprintf(words[1].value, KIT_PATH, "%s", kit_ip(0));
	if (strstr(text, "@PORT@") != NULL)
		snprintf(words[2].value, KIT_PATH, "%d", kit_port(kit_ip(0)));
	if (strstr(text, "@HELD@") != NULL) {
		kit_listen("0.0.0.0", &port, 1);
		snprintf(words[3].value, KIT_PATH, "%d", port);
	}
	if (strstr(text, "@BOUND@") != NULL)
		snprintf(words[4].value, KIT_PATH, "%d", bound_port());
	snprintf(words[5].value, KIT_PATH, "process %d", (int)getpid());
	/* The longer one first: root is told that it is root. */
	if (geteuid() == 0)
		snprintf(words[6].value, KIT_PATH, "user root, who may use any port and read any file");
	snprintf(words[7].value, KIT_PATH, "user %s", getpwuid(geteuid())->pw_name);
}

static void append(char *to, const char *s, size_t n)
{
	size_t at = strlen(to);

	if (at + n >= ROOM)
		kit_fail("a case of more than %d bytes", ROOM);
	memcpy(to + at, s, n);
	to[at + n] = '\0';
}

/* Names become values, or, `back`, values names. */
static const char *put_words(const char *s, char out[ROOM], bool back)
{
	out[0] = '\0';
	while (*s != '\0') {
		const char *to = NULL;
		size_t n = 1;

		for (size_t i = 0; i < array_len(words) && to == NULL; i++) {
			const char *from = back ? words[i].value : words[i].name;

			if (words[i].value[0] == '\0' || strncmp(s, from, strlen(from)) != 0)
				continue;
			to = back ? words[i].name : words[i].value;
			n = strlen(from);
		}
		append(out, to != NULL ? to : s, to != NULL ? strlen(to) : 1);
		s += n;
	}
	return out;
}

/* The time of each line of the process log. */
static void hide_times(char *text)
{
	static const char key[] = "{\"time\":\"";
	char *at = text;

	while ((at = strstr(at, key)) != NULL) {
		char *from = at + strlen(key), *end = strchr(from, '"');

		if (end == NULL)
			return;
		memcpy(from, "@TIME@", 6);
		memmove(from + 6, end, strlen(end) + 1);
		at = from;
	}
}

/* ---- files of TLS ---- */

static struct kit_cert *root, *leaf, *other, *huge, *weak_ca;

static bool names_file(const char *text, const char *name)
{
	return strstr(text, name) != NULL;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(textf("%s/case/%s", kit_dir(), name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* A pair, NAME.pem and NAME.key, if the case names it. */
static void make_pair(const char *text, const char *name, const struct kit_cert_opts *o, const char *password)
{
	struct kit_cert *c;
	char path[KIT_PATH];

	if (!names_file(text, textf("%s.", name)))
		return;
	c = kit_cert_make(o);
	kit_cert_write(c, textf("case/%s.pem", name), path);
	kit_cert_write_key(c, textf("case/%s.key", name), password, path);
}

static void make_answer(const char *text, const char *name, const struct kit_ocsp_opts *o)
{
	uint8_t der[4096];

	if (names_file(text, name))
		write_file(name, der, kit_cert_ocsp(o, der, sizeof(der)));
}

/* Each is what its name says. */
static void make_files(const char *text)
{
	static char large[110000];
	char path[KIT_PATH];

	if (!names_file(text, ".pem"))
		return;
	if (root == NULL) {
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
		leaf = kit_cert_make(&(struct kit_cert_opts){.dns = "a.test", .issuer = root});
		other = kit_cert_make(&(struct kit_cert_opts){.dns = "b.test"});
		memset(large, 'x', sizeof(large));
		weak_ca = kit_cert_make(&(struct kit_cert_opts){
			.cn = "weak", .ca = true, .issuer = root, .key = KIT_RSA1024});
		huge = kit_cert_make(&(struct kit_cert_opts){
			.cn = "huge", .ca = true, .issuer = root, .raw = large, .raw_n = sizeof(large)});
	}
	kit_cert_write(root, "case/root.pem", path);
	kit_cert_write_key(root, "case/root.key", NULL, path);
	kit_cert_write(leaf, "case/good.pem", path);
	kit_cert_write_key(leaf, "case/good.key", NULL, path);
	kit_cert_write_key(other, "case/other.key", NULL, path);
	make_pair(text, "old", &(struct kit_cert_opts){.dns = "a.test", .from_days = -9, .to_days = -2}, NULL);
	make_pair(text, "soon", &(struct kit_cert_opts){.dns = "a.test", .to_days = 1, .to_hours = 12}, NULL);
	make_pair(text, "later", &(struct kit_cert_opts){.dns = "a.test", .to_days = 5, .to_hours = 12}, NULL);
	make_pair(text, "locked", &(struct kit_cert_opts){.dns = "a.test"}, "secret");
	make_pair(text, "rare", &(struct kit_cert_opts){.cn = "me", .key = KIT_BRAINPOOL256}, NULL);
	make_pair(text, "weak", &(struct kit_cert_opts){.dns = "a.test", .key = KIT_RSA1024}, NULL);
	make_pair(text, "short", &(struct kit_cert_opts){.dns = "a.test", .issuer = weak_ca}, NULL);
	make_pair(text, "asks",
		  &(struct kit_cert_opts){.dns = "a.test", .issuer = root, .ocsp = "https://ocsp.test/"}, NULL);
	make_pair(text, "ocsp",
		  &(struct kit_cert_opts){.dns = "a.test", .issuer = root, .ocsp = "http://127.0.0.1:1/"}, NULL);
	make_pair(text, "large", &(struct kit_cert_opts){.dns = "a.test", .issuer = huge}, NULL);
	make_answer(text, "other.ocsp", &(struct kit_ocsp_opts){.about = other, .from = -60, .until = 3600});
}

/* ---- a case ---- */

/* The line at *s, without its end; *s moves behind it. */
static size_t next_line(const char **s, const char **line)
{
	size_t n = strcspn(*s, "\n");

	*line = *s;
	*s += n + ((*s)[n] == '\n');
	return n;
}

static void run_command(const char *command, char out[ROOM])
{
	static char printed[ROOM];
	const char *script = "cd \"$0/case\" && export PATH=\"$0/bin:$PATH\" && "
			     "unset STAUNCH_CONFIG; set -o pipefail; ulimit -n 1024; exec 2>&1; eval \"$1\"";
	struct kit_child *c = kit_child_start("bash", KIT_ARGV("bash", "-c", script, kit_dir(), command));
	int status = kit_child_wait(c);

	if (kit_file_read(c->out, printed, ROOM) >= ROOM - 1)
		kit_fail("%s prints more than %d bytes", command, ROOM);
	hide_times(printed);
	put_words(printed, out, true);
	if (out[0] != '\0' && out[strlen(out) - 1] != '\n')
		append(out, "\n", 1);
	if (status != 0) {
		const char *code = textf("[%d]\n", status);

		append(out, code, strlen(code));
	}
}

/* The commands' directory: staunch.yaml and the files that the case names. */
static void lay_out(const char *text, const char *yaml)
{
	char *path = realpath(kit_binary(), NULL);
	static char filled[ROOM];
	char script[KIT_PATH];

	assert_non_null(path);
	chmod(kit_dir(), 0755);
	assert_int_equal(mkdir(textf("%s/bin", kit_dir()), 0755), 0);
	assert_int_equal(mkdir(textf("%s/case", kit_dir()), 0755), 0);
	assert_int_equal(symlink(path, textf("%s/bin/staunch", kit_dir())), 0);
	free(path);
	kit_file_write("bin/as-nobody",
		       "#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"\n", script);
	chmod(script, 0755);
	put_words(yaml, filled, false);
	write_file("staunch.yaml", filled, strlen(filled));
	make_files(text);
}

/* The case as it is in the transcript, with what the commands print now. */
static void replay(const char *text, char out[ROOM])
{
	static char yaml[ROOM], part[ROOM], command[ROOM];
	const char *s = text, *line;
	size_t n = next_line(&s, &line);

	out[0] = yaml[0] = '\0';
	append(out, line, n + 1);
	while (*s != '\0' && strncmp(s, "$ ", 2) != 0) {
		n = next_line(&s, &line);
		append(yaml, line, n + 1);
	}
	append(out, yaml, strlen(yaml));
	lay_out(text, yaml);
	while (*s != '\0') {
		n = next_line(&s, &line);
		if (strncmp(line, "$ ", 2) != 0)
			continue;
		append(out, line, n + 1);
		snprintf(part, sizeof(part), "%.*s", (int)n - 2, line + 2);
		put_words(part, command, false);
		run_command(command, part);
		append(out, part, strlen(part));
	}
	append(out, "\n", 1);
}

static void show_difference(const char *was, const char *is)
{
	static char text[ROOM];
	struct kit_child *c;

	write_file("was", was, strlen(was));
	write_file("is", is, strlen(is));
	c = kit_child_start("diff", KIT_ARGV("diff", "-U99", "--label=transcript", "--label=printed",
					     textf("%s/case/was", kit_dir()), textf("%s/case/is", kit_dir())));
	(void)kit_child_wait(c);
	kit_file_read(c->out, text, sizeof(text));
	print_error("%s", text);
}

static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#else
	return false;
#endif
}

/* A word between === and the title of a case asks for a machine that can bring it about. */
static void skip_if(const struct message_case *c, const char *word, bool unable, const char *why)
{
	const char *at = strstr(c->text, word);

	if (!unable || at == NULL || at > strchr(c->text, ' '))
		return;
	print_message("[  SKIPPED ] %s\n", why);
	skip();
}

/* The same but for where lines are broken, which the length of a process's number decides. */
static bool reads_same(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0') {
		size_t n = strspn(a, " \n"), m = strspn(b, " \n");

		if ((n > 0) != (m > 0) || (n == 0 && *a != *b))
			return false;
		a += n > 0 ? n : 1;
		b += m > 0 ? m : 1;
	}
	return *a == *b;
}

static void V60_case(void **state)
{
	static char now[ROOM];
	struct message_case *c = *state;

	skip_if(c, "root", geteuid() != 0, "only root can set it up");
	skip_if(c, "plain", is_sanitized(), "a sanitizer takes descriptors and threads itself");
	skip_if(c, "unconfigured", access(CLI_CONFIG_PATH, F_OK) == 0, "this machine has a " CLI_CONFIG_PATH);
	set_words(c->text);
	replay(c->text, now);
	if (strcmp(now, c->text) == 0 || (strstr(now, "@PID@") != NULL && reads_same(now, c->text)))
		return;
	if (getenv("UPDATE") == NULL) {
		show_difference(c->text, now);
		kit_fail("%s: a case prints something else; UPDATE=1 writes it down", c->file);
	}
	free(c->text);
	c->text = strdup(now);
}

/* ---- transcripts ---- */

static int end_case(void **state)
{
	if (bound >= 0)
		close(bound);
	bound = -1;
	return kit_end(state);
}

static char *heading_of(char *text)
{
	char *at = strncmp(text, "===", 3) == 0 ? text : strstr(text, "\n===");

	return at == NULL || *at == '=' ? at : at + 1;
}

/* What stands before the first case is a remark: a case of its own that is not run. */
static size_t read_transcript(const char *path, size_t n)
{
	static char text[1 << 20];
	char *at = text, *next;

	if (kit_file_read(path, text, sizeof(text)) >= sizeof(text) - 1 || heading_of(text) == NULL)
		return n;
	for (; at != NULL && *at != '\0' && n < CASES_MOST; at = next) {
		next = heading_of(*at == '=' ? at + 3 : at);
		cases[n].file = path;
		cases[n].text = strndup(at, next != NULL ? (size_t)(next - at) : strlen(at));
		n++;
	}
	return n;
}

/* UPDATE: all cases of a file, one after the other. */
static void write_transcripts(size_t n)
{
	FILE *f = NULL;

	for (size_t i = 0; i < n; i++) {
		if (i == 0 || cases[i].file != cases[i - 1].file)
			f = fopen(cases[i].file, "we");
		if (f == NULL)
			return;
		fputs(cases[i].text, f);
		if (i + 1 == n || cases[i].file != cases[i + 1].file)
			fclose(f);
	}
}

int main(void)
{
	static struct CMUnitTest tests[CASES_MOST];
	size_t n = 0, ntests = 0;
	glob_t found;
	int failed;

	umask(022); /* nobody reads the files of a case, too */
	setenv("COLUMNS", "80", 1);
	setenv("TMPDIR", "/tmp", 1); /* a name of another length would break lines elsewhere */
	if (glob("tests/flow/messages/*.txt", 0, NULL, &found) != 0)
		return 1;
	for (size_t i = 0; i < found.gl_pathc; i++)
		n = read_transcript(found.gl_pathv[i], n);
	for (size_t i = 0; i < n; i++) {
		const char *title = strchr(cases[i].text, ' ');

		if (strncmp(cases[i].text, "===", 3) != 0 || title == NULL)
			continue;
		snprintf(names[i], sizeof(names[i]), "V60_%.*s", (int)strcspn(title + 1, "\n"), title + 1);
		for (char *c = names[i]; (c = strchr(c, ' ')) != NULL;)
			*c = '_';
		tests[ntests++] = (struct CMUnitTest){names[i], V60_case, NULL, end_case, &cases[i]};
	}
	failed = _cmocka_run_group_tests("messages", tests, ntests, NULL, NULL);
	if (getenv("UPDATE") != NULL)
		write_transcripts(n);
	globfree(&found);
	return failed;
}
