/* staunch: the binary under test, started as its users start it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kit/own.h"

/* Each handle the running test has asked for; a test rarely needs more than two. */
static struct kit_staunch instances[16];
static size_t n_instances;

void staunch_end_all(void)
{
	n_instances = 0;
}

const char *kit_tls_records;

/* Every `tls: {` gets the record layer that the test runs with. Returns the text itself, or a static copy. */
static const char *with_records(const char *config)
{
	static char text[65536];
	const char *at;
	size_t n = 0;

	if (kit_tls_records == NULL)
		return config;
	while ((at = strstr(config, "tls: {")) != NULL) {
		int more = snprintf(text + n, sizeof(text) - n, "%.*srecords: %s, ", (int)(at - config + 6), config,
				    kit_tls_records);

		n += (size_t)more;
		config = at + 6;
		if (n >= sizeof(text))
			kit_fail("a configuration of more than %zu bytes", sizeof(text));
	}
	snprintf(text + n, sizeof(text) - n, "%s", config);
	return text;
}

const char *kit_binary(void)
{
	const char *path = getenv("STAUNCH");

	return path != NULL ? path : "build/staunch";
}

struct kit_staunch *kit_staunch_spawn(const char *config)
{
	struct kit_staunch *s = &instances[n_instances];
	char name[32];

	if (n_instances == array_len(instances))
		kit_fail("more than %zu instances of staunch in one test", array_len(instances));
	snprintf(name, sizeof(name), "staunch%zu.yaml", n_instances++);
	kit_file_write(name, with_records(config), s->config);
	s->child = kit_child_start("staunch", KIT_ARGV(kit_binary(), "run", "-c", s->config));
	if (strstr(config, "@DIR@/access.log") != NULL)
		snprintf(s->access, sizeof(s->access), "%s/access.log", kit_dir());
	else
		memcpy(s->access, s->child->out, sizeof(s->access));
	return s;
}

static bool ready_or_gone(void *arg)
{
	struct kit_staunch *s = arg;

	return kit_file_count(s->child->err, "ready") > 0 || !kit_child_alive(s->child);
}

struct kit_staunch *kit_staunch_start(const char *config)
{
	struct kit_staunch *s = kit_staunch_spawn(config);
	char text[8192];

	if (kit_wait(ready_or_gone, s, KIT_MS) && kit_child_alive(s->child))
		return s;
	kit_file_read(s->child->err, text, sizeof(text));
	if (!kit_child_alive(s->child))
		kit_fail("staunch ended with status %d before it was ready:\n%s", s->child->status, text);
	kit_fail("staunch does not get ready:\n%s", text);
}

void kit_staunch_rewrite(struct kit_staunch *s, const char *config)
{
	char fresh[KIT_PATH];

	kit_file_write("staunch.fresh", with_records(config), fresh);
	if (rename(fresh, s->config) != 0)
		kit_fail("cannot replace %s", s->config);
}

int kit_staunch_stop(struct kit_staunch *s, int sig)
{
	kit_child_signal(s->child, sig);
	return kit_child_wait(s->child);
}

int kit_staunch_log(const struct kit_staunch *s, const char *text)
{
	return kit_file_count(s->access, text);
}

void kit_staunch_wait_log(struct kit_staunch *s, const char *text, int lines)
{
	kit_file_wait(s->access, text, lines);
}

void kit_staunch_wait_err(struct kit_staunch *s, const char *text, int lines)
{
	kit_file_wait(s->child->err, text, lines);
}
