/* dir: one directory per test, and what is looked for in its files. */
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kit/own.h"

static char dir[KIT_PATH / 2]; /* "" while there is none */

const char *kit_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (dir[0] != '\0')
		return dir;
	if (tmp == NULL)
		tmp = "/tmp";
	if (snprintf(dir, sizeof(dir), "%s/staunch-test.XXXXXX", tmp) >= (int)sizeof(dir) ||
	    mkdtemp(dir) == NULL) {
		dir[0] = '\0';
		kit_fail("no directory in %s", tmp);
	}
	return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void kit_file_write_stream(const char *path, uint64_t seed, uint64_t n)
{
	FILE *f = fopen(path, "we");
	char buf[8192];

	if (f == NULL)
		kit_fail("cannot write %s", path);
	for (uint64_t at = 0; at < n; at += sizeof(buf)) {
		size_t some = n - at < sizeof(buf) ? (size_t)(n - at) : sizeof(buf);

		kit_stream_fill(seed, at, buf, some);
		assert_int_equal(fwrite(buf, 1, some, f), some);
	}
	assert_int_equal(fclose(f), 0);
}

void kit_file_expect_stream(const char *path, uint64_t seed, uint64_t n, const char *tail)
{
	FILE *f = fopen(path, "re");
	char buf[8192];

	if (f == NULL)
		kit_fail("cannot read %s", path);
	for (uint64_t at = 0; at < n; at += sizeof(buf)) {
		size_t some = n - at < sizeof(buf) ? (size_t)(n - at) : sizeof(buf);

		assert_int_equal(fread(buf, 1, some, f), some);
		if (!kit_stream_same(seed, at, buf, some))
			kit_fail("%s: a wrong byte within %zu bytes from %llu", path, some, (unsigned long long)at);
	}
	assert_int_equal(fread(buf, 1, sizeof(buf), f), strlen(tail));
	assert_memory_equal(buf, tail, strlen(tail));
	fclose(f);
}

void dir_end(void)
{
	if (dir[0] != '\0')
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	dir[0] = '\0';
}

/* The text with @DIR@ filled in goes to f. */
static void expand(FILE *f, const char *text)
{
	const char *at;

	while ((at = strstr(text, "@DIR@")) != NULL) {
		fprintf(f, "%.*s%s", (int)(at - text), text, kit_dir());
		text = at + strlen("@DIR@");
	}
	fputs(text, f);
}

void kit_file_write(const char *name, const char *text, char path[KIT_PATH])
{
	FILE *f;

	if (snprintf(path, KIT_PATH, "%s/%s", kit_dir(), name) >= KIT_PATH)
		kit_fail("file name too long: %s", name);
	f = fopen(path, "we");
	if (f == NULL)
		kit_fail("cannot write %s", path);
	expand(f, text);
	if (fclose(f) != 0)
		kit_fail("cannot write %s", path);
}

size_t kit_file_read(const char *path, char *out, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t r;

	out[0] = '\0';
	if (fd < 0)
		return 0;
	while (got < n - 1 && (r = read(fd, out + got, n - 1 - got)) > 0)
		got += (size_t)r;
	close(fd);
	out[got] = '\0';
	return got;
}

int kit_file_count(const char *path, const char *text)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int count = 0;

	if (f == NULL)
		return 0;
	while ((n = getline(&line, &room, f)) > 0)
		if (line[n - 1] == '\n' && strstr(line, text) != NULL)
			count++;
	free(line);
	fclose(f);
	return count;
}

struct wanted {
	const char *path, *text;
	int         lines;
};

static bool has_lines(void *arg)
{
	const struct wanted *w = arg;

	return kit_file_count(w->path, w->text) >= w->lines;
}

void kit_file_wait(const char *path, const char *text, int lines)
{
	struct wanted w = {path, text, lines};
	char shown[4096];

	if (kit_wait(has_lines, &w, KIT_MS))
		return;
	kit_file_read(path, shown, sizeof(shown));
	kit_fail("%s: %d of %d lines with \"%s\":\n%s", path, kit_file_count(path, text), lines, text,
		 shown);
}
