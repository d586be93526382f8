/* cidr_file: reads line by line, so that a list of any length takes no memory of its own. */
#include "config/cidr_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "netpoll/err.h"

#define LINE_MOST 256 /* bytes: an address, and a remark behind it */
#define BLANKS    " \t\r\n\v\f"

static int fail_at_line(struct cidr_fault *fault, unsigned line, const char *why)
{
	*fault = (struct cidr_fault){line, why};
	return -NP_EINVAL;
}

/* The network of a line, without what surrounds it.   Returns  NULL: it has none. */
static char *network_of(char *line)
{
	line += strspn(line, BLANKS);
	line[strcspn(line, "#")] = '\0';
	for (size_t n = strlen(line); n > 0 && strchr(BLANKS, line[n - 1]) != NULL; n--)
		line[n - 1] = '\0';
	return line[0] != '\0' ? line : NULL;
}

/* What does not fit into the room is a remark, or no network. */
static void skip_rest(FILE *f, const char *line)
{
	int c;

	if (strchr(line, '\n') != NULL)
		return;
	do
		c = fgetc(f);
	while (c != EOF && c != '\n');
}

static int read_lines(FILE *f, cidr_take *take, void *arg, struct cidr_fault *fault)
{
	char line[LINE_MOST];
	int err = 0;

	for (unsigned at = 1; err == 0 && fgets(line, sizeof(line), f) != NULL; at++) {
		const char *why, *text;
		struct cidr net;

		skip_rest(f, line);
		text = network_of(line);
		if (text == NULL)
			continue;
		if (cidr_parse(&net, text, &why) < 0)
			return fail_at_line(fault, at, why);
		err = take(arg, &net);
	}
	return err == 0 && ferror(f) ? fail_at_line(fault, 0, "it cannot be read to its end") : err;
}

/* A FIFO or a device may never end; without O_NONBLOCK a FIFO would not even open. */
int cidr_file_read(const char *path, cidr_take *take, void *arg, struct cidr_fault *fault)
{
	int sysfd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = err_from_errno();
	struct stat st;
	FILE *f;

	if (sysfd < 0)
		return fail_at_line(fault, 0, np_err_text(err));
	if (fstat(sysfd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(sysfd);
		return fail_at_line(fault, 0, "it is no regular file");
	}
	f = fdopen(sysfd, "r");
	if (f == NULL) {
		close(sysfd);
		return -NP_ENOMEM;
	}
	err = read_lines(f, take, arg, fault);
	fclose(f);
	return err;
}

/* ---- the files of a configuration ---- */

static int take_none(void *arg, const struct cidr *net)
{
	(void)arg;
	(void)net;
	return 0;
}

static void check_list(const struct config_cidr *list, size_t n, struct diag *d)
{
	for (size_t i = 0; i < n; i++) {
		const char *path = list[i].file;
		struct cidr_fault fault;

		if (path == NULL || cidr_file_read(path, take_none, NULL, &fault) != -NP_EINVAL || fault.line == 0)
			continue;
		diag_error(d, DIAG_NETWORK, list[i].written.at, "%.200s, line %u: %s", path, fault.line, fault.why);
		diag_help(d, "write one network in each line, and remarks behind a #");
	}
}

void cidr_check_files(const struct config *c, struct diag *d)
{
	for (size_t i = 0; i < c->nlisteners; i++) {
		check_list(c->listeners[i].allow, c->listeners[i].nallow, d);
		check_list(c->listeners[i].deny, c->listeners[i].ndeny, d);
	}
}
