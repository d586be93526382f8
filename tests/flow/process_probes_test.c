/* The USDT probes of the program that users run: which there are, that each is one nop, and what a tracer then reads
 * of a real connection. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/probe.h"
#include "tests/flow/kit/programs.h"

#define NOP 0x90

/* The note of one place: what readelf prints, in its order. */
struct place {
	char name[64];
	unsigned long at;
	int arguments;
};

static void need_probes(void)
{
	program_need("readelf");
	if (!PROBES_BUILT) {
		print_message("[  SKIPPED ] built without sys/sdt.h\n");
		skip();
	}
}

static int count_words(const char *text)
{
	int n = 0;

	for (bool in = false; *text != '\0'; text++) {
		n += !in && *text != ' ' && *text != '\n';
		in = *text != ' ' && *text != '\n';
	}
	return n;
}

/* All places of our provider.   Returns  how many. */
static size_t list_places(struct place *p, size_t most)
{
	struct kit_child *c = program_run("readelf", KIT_ARGV("readelf", "-n", kit_binary()));
	FILE *f = fopen(c->out, "r");
	char line[512];
	bool ours = false;
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL && n < most) {
		char word[64];

		if (sscanf(line, " Provider: %63s", word) == 1)
			ours = strcmp(word, "staunch") == 0;
		if (!ours)
			continue;
		(void)!sscanf(line, " Name: %63s", p[n].name);
		(void)!sscanf(line, " Location: 0x%lx", &p[n].at);
		if (strstr(line, "Arguments: ") != NULL)
			p[n++].arguments = count_words(strstr(line, ": ") + 1);
	}
	fclose(f);
	return n;
}

/* The byte at an address of the program, by its program headers. */
static int byte_at(int fd, unsigned long at)
{
	Elf64_Ehdr h;
	unsigned char b;

	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	for (unsigned i = 0; i < h.e_phnum; i++) {
		Elf64_Phdr p;

		assert_int_equal(pread(fd, &p, sizeof(p), (off_t)(h.e_phoff + i * sizeof(p))), sizeof(p));
		if (p.p_type != PT_LOAD || at < p.p_vaddr || at >= p.p_vaddr + p.p_filesz)
			continue;
		assert_int_equal(pread(fd, &b, 1, (off_t)(p.p_offset + at - p.p_vaddr)), 1);
		return b;
	}
	return -1;
}

static void o20_each_probe_is_listed_and_is_one_nop(void **state)
{
	static const struct {
		const char *name;
		int arguments;
	} rows[] = {
#define X(name, n, ...) {#name, n},
		PROBE_TBL(X)
#undef X
	};
	static struct place places[128];
	bool seen[array_len(rows)] = {false};
	size_t n;
	int fd;

	(void)state;
	need_probes();
	n = list_places(places, array_len(places));
	fd = open(kit_binary(), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i++) {
		size_t row = 0;

		while (row < array_len(rows) && strcmp(rows[row].name, places[i].name) != 0)
			row++;
		if (row == array_len(rows))
			kit_fail("%s is no row of probe_tbl.h", places[i].name);
		seen[row] = true;
		if (places[i].arguments != rows[row].arguments || byte_at(fd, places[i].at) != NOP)
			kit_fail("%s at %#lx: %d arguments, byte %#x", places[i].name, places[i].at,
				 places[i].arguments, byte_at(fd, places[i].at));
	}
	for (size_t row = 0; row < array_len(rows); row++)
		if (!seen[row])
			kit_fail("%s is not in the program", rows[row].name);
	close(fd);
}

/* gdb stops at each probe, prints its arguments and goes on. */
static const char *const script =
	"set pagination off\n"
	"set debuginfod enabled off\n"
	"break -probe-stap staunch:conn_accept\ncommands\nsilent\n"
	"printf \"conn_accept %s\\n\", (char *)$_probe_arg1\nset $conn = $_probe_arg0\ncontinue\nend\n"
	"break -probe-stap staunch:pick\ncommands\nsilent\n"
	"printf \"pick %d %s %s %d\\n\", $conn == $_probe_arg0, (char *)$_probe_arg1, "
	"(char *)$_probe_arg2, $_probe_arg3\n"
	"continue\nend\n"
	"break -probe-stap staunch:dial\ncommands\nsilent\n"
	"printf \"dial %d %s\\n\", $conn == $_probe_arg0, (char *)$_probe_arg1\ncontinue\nend\n"
	"break -probe-stap staunch:connected\ncommands\nsilent\n"
	"printf \"connected %d %s %d\\n\", $conn == $_probe_arg0, (char *)$_probe_arg1, $_probe_arg2\ncontinue\nend\n"
	"break -probe-stap staunch:first_byte\ncommands\nsilent\n"
	"printf \"first_byte %d %d\\n\", $conn == $_probe_arg0, $_probe_arg1 > 0\ncontinue\nend\n"
	"break -probe-stap staunch:conn_end\ncommands\nsilent\n"
	"printf \"conn_end %d %d %d %d\\n\", $conn == $_probe_arg0, $_probe_arg1, $_probe_arg2, $_probe_arg3\n"
	"detach\nquit\nend\n"
	"printf \"attached\\n\"\n"
	"continue\n";

/* One server refuses, the other answers. */
static void o20_a_tracer_reads_the_story(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int bad = kit_refuser(kit_ip(2)), good = kit_peer_port(echo), fd;
	char path[KIT_PATH], said[8192], want[1024];
	struct kit_child *gdb;
	struct edge e;
	const char *from;

	(void)state;
	need_probes();
	program_need("gdb");
	e = edge_start("upstream: back", textf("  - {name: back, servers: [\"%s:%d\", \"%s:%d\"]}\n", kit_ip(2), bad,
					       kit_ip(0), good));
	kit_file_write("gdb", script, path);
	gdb = kit_child_start("gdb", KIT_ARGV("gdb", "-nx", "-batch", "-p", textf("%d", (int)e.s->child->pid), "-x",
					      path));
	kit_file_wait(gdb->out, "attached", 1);
	kit_file_read(gdb->err, said, sizeof(said));
	if (strstr(said, "ptrace: Operation not permitted") != NULL) {
		print_message("[  SKIPPED ] gdb may not attach here\n");
		skip();
	}
	fd = edge_connect(&e);
	kit_send(fd, "hello", 5);
	kit_expect(fd, "hello", 5);
	end_orderly(fd);
	kit_child_wait(gdb);
	kit_file_read(gdb->out, said, sizeof(said));
	from = strstr(said, "conn_accept");
	snprintf(want, sizeof(want),
		 "conn_accept edge\npick 1 back back/%s:%d 0\ndial 1 back/%s:%d\nconnected 1 back/%s:%d %d\n"
		 "pick 1 back back/%s:%d 0\ndial 1 back/%s:%d\nconnected 1 back/%s:%d 0\nfirst_byte 1 1\n"
		 "conn_end 1 1 5 5\n", kit_ip(2), bad, kit_ip(2), bad, kit_ip(2), bad, ECONNREFUSED, kit_ip(0), good,
		 kit_ip(0), good, kit_ip(0), good);
	if (from == NULL || strncmp(from, want, strlen(want)) != 0)
		kit_fail("gdb said:\n%s\nand not:\n%s", said, want);
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o20_each_probe_is_listed_and_is_one_nop, kit_end),
		cmocka_unit_test_teardown(o20_a_tracer_reads_the_story, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
