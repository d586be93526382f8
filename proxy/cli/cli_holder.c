/* cli_holder: address -> inodes of listening sockets (/proc/net) -> process that has one of them
 * open (/proc/PID/fd) -> its program and config file (/proc/PID/exe, cmdline, environ). Every
 * file may vanish while it is read: a process that ends meanwhile is not seen. */
#include "proxy/cli/cli_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "proxy/cli/cli_tbl.h"

#define INODES_MAX 32 /* of the listening sockets of one port: any of them leads to the process */
#define LISTENING  10 /* TCP_LISTEN, as /proc/net/tcp writes it */
#define WORDS_MAX  4096

struct inodes {
	unsigned long id[INODES_MAX];
	size_t n;
};

static void note_inode(struct inodes *found, unsigned long id)
{
	if (found->n < INODES_MAX && id != 0)
		found->id[found->n++] = id;
}

/* ---- sockets ---- */

/* " 0: 0100007F:1F90 00000000:0000 0A ...": only port, state and inode are read. Two addresses
 * of one port may overlap in ways that only the kernel knows, so any listener of the port
 * counts. */
static no_inline void find_tcp(struct inodes *found, const char *path, unsigned port)
{
	FILE *f = fopen(path, "re");
	char line[512];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		unsigned at, state;
		unsigned long inode;

		if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu", &at,
			   &state, &inode) != 3)
			continue;
		if (at == port && state == LISTENING)
			note_inode(found, inode);
	}
	if (f != NULL)
		fclose(f);
}

/* "0000: 00000002 00000000 00010000 0001 01 12345 /run/x.sock"; an abstract name begins with @,
 * as in the config. */
static no_inline void find_unix(struct inodes *found, const struct np_addr *a)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char line[512], text[NP_ADDR_TEXT];
	const char *name = text + strlen("unix:");

	np_addr_format(&a->u.sa, a->len, text, sizeof(text));
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		unsigned long inode;
		int at = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu %n", &inode, &at) != 1 || at == 0)
			continue;
		if (strcmp(line + at, name) == 0)
			note_inode(found, inode);
	}
	if (f != NULL)
		fclose(f);
}

/* ---- processes ---- */

static bool has_one(const struct inodes *found, const char *link)
{
	unsigned long inode;

	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < found->n; i++)
		if (found->id[i] == inode)
			return true;
	return false;
}

static bool has_open(pid_t pid, const struct inodes *found)
{
	char path[64], link[64];
	bool has = false;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir != NULL && !has && (e = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		has = has_one(found, link);
	}
	if (dir != NULL)
		closedir(dir);
	return has;
}

/* A file of /proc/PID whose parts end in NUL. Owns the text, which is terminated; NULL: it
 * cannot be read. */
static char *read_words(pid_t pid, const char *file, size_t *n)
{
	char path[64], *words = malloc(WORDS_MAX);
	FILE *f;

	*n = 0;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = words != NULL ? fopen(path, "re") : NULL;
	if (f == NULL) {
		free(words);
		return NULL;
	}
	*n = fread(words, 1, WORDS_MAX - 1, f);
	words[*n] = '\0';
	fclose(f);
	return words;
}

/* The file that a link of /proc names. Owns the text; NULL: not to be seen. */
static char *read_link(const char *path)
{
	char *to = calloc(1, PATH_MAX);

	if (to != NULL && readlink(path, to, PATH_MAX - 1) > 0)
		return to;
	free(to);
	return NULL;
}

/* ---- the same instance? ---- */

/* The last part of a program's path; of an upgraded one, too, whose file is gone. */
static void program_name(const char *path, char name[64])
{
	const char *slash = strrchr(path, '/');

	snprintf(name, 64, "%.63s", slash != NULL ? slash + 1 : path);
	name[strcspn(name, " ")] = '\0';
}

static bool is_this_program(pid_t pid)
{
	char path[64], theirs[64] = "", ours[64] = "", *link;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	link = read_link(path);
	if (link != NULL)
		program_name(link, theirs);
	free(link);
	link = read_link("/proc/self/exe");
	if (link != NULL)
		program_name(link, ours);
	free(link);
	return ours[0] != '\0' && strcmp(theirs, ours) == 0;
}

/* The value of -c, -f or --config among the words of a command line; NULL: none. */
static const char *config_word(const char *words, size_t n)
{
	for (const char *w = words; w < words + n; w += strlen(w) + 1) {
		const char *next = w + strlen(w) + 1;

		if (strncmp(w, "--config=", 9) == 0)
			return w + 9;
		if (strcmp(w, "-c") == 0 || strcmp(w, "-f") == 0 || strcmp(w, "--config") == 0)
			return next < words + n ? next : NULL;
		if ((strncmp(w, "-c", 2) == 0 || strncmp(w, "-f", 2) == 0) && w[2] != '\0')
			return w + 2;
	}
	return NULL;
}

static const char *config_of_environment(const char *words, size_t n)
{
	for (const char *w = words; w < words + n; w += strlen(w) + 1)
		if (strncmp(w, CLI_CONFIG_ENV "=", sizeof(CLI_CONFIG_ENV)) == 0)
			return w + sizeof(CLI_CONFIG_ENV);
	return CLI_CONFIG_PATH;
}

/* Their word for the file is seen from the directory in which they were started. */
static bool is_same_file(pid_t pid, const char *word, const char *config_path)
{
	char *path = NULL, *theirs = NULL, *ours = realpath(config_path, NULL);
	bool same;

	if (word[0] != '/' && asprintf(&path, "/proc/%d/cwd/%s", (int)pid, word) < 0)
		path = NULL;
	if (word[0] == '/' || path != NULL)
		theirs = realpath(word[0] == '/' ? word : path, NULL);
	same = theirs != NULL && ours != NULL && strcmp(theirs, ours) == 0;
	free(path);
	free(theirs);
	free(ours);
	return same;
}

static bool has_config(pid_t pid, const char *config_path)
{
	size_t n, m;
	char *words = read_words(pid, "cmdline", &n), *env = read_words(pid, "environ", &m);
	const char *word = words != NULL ? config_word(words, n) : NULL;
	bool same = words != NULL;

	if (word == NULL)
		word = env != NULL ? config_of_environment(env, m) : CLI_CONFIG_PATH;
	same = same && is_same_file(pid, word, config_path);
	free(words);
	free(env);
	return same;
}

static void read_name(pid_t pid, char name[32])
{
	size_t n;
	char *words = read_words(pid, "comm", &n);

	if (words != NULL)
		words[strcspn(words, "\n")] = '\0';
	snprintf(name, 32, "%.31s", words != NULL ? words : "?");
	free(words);
}

/* The first process that has one of the sockets; of an instance of ours any will do. */
static no_inline struct cli_holder find_process(const struct inodes *found, const char *config_path)
{
	struct cli_holder h = {.kind = CLI_HOLDER_UNSEEN};
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc != NULL && h.kind != CLI_HOLDER_SAME_FILE && (e = readdir(proc)) != NULL) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (!isdigit((unsigned char)e->d_name[0]) || !has_open(pid, found))
			continue;
		h.kind = CLI_HOLDER_STRANGER;
		if (is_this_program(pid) && has_config(pid, config_path))
			h.kind = CLI_HOLDER_SAME_FILE;
		h.pid = pid;
		read_name(pid, h.name);
	}
	if (proc != NULL)
		closedir(proc);
	return h;
}

struct cli_holder cli_holder_of(const struct np_addr *a, const char *config_path)
{
	struct inodes found = {.n = 0};

	if (np_addr_is_unix(a)) {
		find_unix(&found, a);
	} else {
		find_tcp(&found, "/proc/net/tcp", (unsigned)np_addr_port(&a->u.sa));
		find_tcp(&found, "/proc/net/tcp6", (unsigned)np_addr_port(&a->u.sa));
	}
	DCHECK(found.n <= INODES_MAX, "more sockets than there is room for");
	if (found.n == 0)
		return (struct cli_holder){.kind = CLI_HOLDER_NONE};
	return find_process(&found, config_path);
}
