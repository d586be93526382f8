/* O23: the rows of doctor over a prepared machine: all in order is no finding, and each thing that is wrong is one,
 * with its value and the wanted one. What a test may change for real is in tests/flow/cli_doctor_test.c. */
#include "proxy/cli/cli_doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "tests/kit/kit.h"

/* A file below the test's directory, with the directories above it. */
static void put(const char *name, const char *text)
{
	char path[KIT_PATH + 128];

	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	for (char *p = path + strlen(kit_dir()) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	kit_file_write(name, text, path);
}

#define SYS "proc/sys/"
#define CONNTRACK SYS "net/netfilter/nf_conntrack_"
#define THP "sys/kernel/mm/transparent_hugepage/enabled"
#define V2  "31 24 0:27 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

/* A machine on which all is in order. */
static const struct {
	const char *name, *text;
} well[] = {
	{SYS "net/core/somaxconn", "4096\n"},
	{SYS "net/ipv4/tcp_max_syn_backlog", "8192\n"},
	{SYS "net/ipv4/tcp_syncookies", "1\n"},
	{SYS "net/ipv4/ip_local_port_range", "1024\t65535\n"},
	{SYS "net/ipv4/tcp_congestion_control", "bbr\n"},
	{SYS "fs/pipe-max-size", "1048576\n"},
	{SYS "fs/pipe-user-pages-soft", "0\n"},
	{SYS "vm/max_map_count", "65530\n"},
	{THP, "always [madvise] never\n"},
	{"proc/self/cgroup", "0::/a\n"},
	{"proc/self/mountinfo", V2},
};

static const char config_text[] =
	"workers: 2\n"
	"listeners: [{name: web, bind: \"127.0.0.1:8080\", upstream: app}]\n"
	"upstreams: [{name: app, servers: [\"127.0.0.1:9\"]}]\n"
	"limits: {max_connections: 10000}\n"
	"log: {access: off}\n"
	"control: {socket: off, state: off}\n";

/* All findings that are problems or notes of the machine's files, one line each. Features and the clock of the real
 * machine are left out: they are not the test's. */
static const char *look(struct doctor *d)
{
	static char out[8192];
	struct diag *problems = diag_new();
	struct config *c = NULL;
	const char **passed = calloc(doctor_row_count + 1, sizeof(*passed));
	const char **unseen = calloc(doctor_row_count + 1, sizeof(*unseen));
	size_t n = 0;

	assert_non_null(problems);
	assert_int_equal(config_parse("test.yaml", config_text, sizeof(config_text) - 1, &c, problems), 0);
	d->root = kit_dir();
	d->c = c;
	d->file = "test.yaml";
	if (d->nofile == 0)
		d->nofile = 1000000;
	if (d->clock.now == 0)
		d->clock.now = INT64_C(1) << 40;
	d->findings = calloc(DOCTOR_FINDINGS, sizeof(*d->findings));
	doctor_run(d, passed, unseen);
	out[0] = '\0';
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->findings[i].row->word, "feature") != 0)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s %s %s|%s\n", d->findings[i].row->word,
					      d->findings[i].note ? "note" : "problem", d->findings[i].value,
					      d->findings[i].wanted);
	for (size_t i = 0; unseen[i] != NULL; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "unseen %s\n", unseen[i]);
	free(d->findings);
	free(passed);
	free(unseen);
	config_free(c);
	diag_free(problems);
	return out;
}

static void put_well(void)
{
	for (size_t i = 0; i < array_len(well); i++)
		put(well[i].name, well[i].text);
}

static void nothing_is_found_where_all_is_in_order(void **state)
{
	(void)state;
	put_well();
	assert_string_equal(look(&(struct doctor){0}), "");
}

static void each_setting_is_found(void **state)
{
	static const struct {
		const char *name, *text, *more, *more_text, *expected;
	} rows[] = {
		{SYS "net/core/somaxconn", "4095\n", NULL, NULL, "somaxconn problem 4095|4096\n"},
		{SYS "net/core/somaxconn", "x\n", NULL, NULL, "unseen somaxconn\n"},
		{SYS "net/ipv4/tcp_max_syn_backlog", "1\n", NULL, NULL, "syn_backlog note 1|4096\n"},
		{SYS "net/ipv4/tcp_max_syn_backlog", "1\n", SYS "net/ipv4/tcp_syncookies", "0\n",
		 "syn_backlog problem 1|4096\n"},
		{SYS "net/ipv4/ip_local_port_range", "50000 59998\n", NULL, NULL,
		 "ports problem 50000 59998, 9999 ports for up to 10000 connections|1024 65535\n"},
		{SYS "net/ipv4/ip_local_port_range", "50000 59999\n", NULL, NULL, ""},
		{CONNTRACK "max", "19999\n", NULL, NULL, "conntrack problem 19999|20000\n"},
		{CONNTRACK "max", "20000\n", CONNTRACK "count", "16000\n", ""},
		{CONNTRACK "max", "20000\n", CONNTRACK "count", "16001\n",
		 "conntrack_used problem 16001 of 20000|40000\n"},
		{SYS "fs/pipe-max-size", "65536\n", NULL, NULL, "pipe_size note 65536|1048576\n"},
		{SYS "fs/pipe-user-pages-soft", "1024\n", NULL, NULL, "pipe_pages note 1024|8192\n"},
		{SYS "net/ipv4/tcp_congestion_control", "reno\n", NULL, NULL, "congestion note reno|cubic\n"},
		{THP, "[always] madvise never\n", NULL, NULL, "thp note always|madvise\n"},
		{"cg/a/cpu.max", "150000 100000\n", NULL, NULL, ""},
		{"cg/a/cpu.max", "100000 100000\n", NULL, NULL, "cpu problem 2|1\n"},
		{"cg/a/memory.max", "170000000\n", NULL, NULL,
		 "memory problem 162 MiB for up to 10000 connections|166 MiB\n"},
		{"cg/a/memory.max", "180000000\n", NULL, NULL, ""},
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		const char *got;

		put_well();
		put(rows[i].name, rows[i].text);
		if (rows[i].more != NULL)
			put(rows[i].more, rows[i].more_text);
		got = look(&(struct doctor){0});
		if (strcmp(got, rows[i].expected) != 0)
			kit_fail("%s %s: %s", rows[i].name, rows[i].text, got);
		kit_end(state); /* the directory goes; the next row starts with an empty one */
	}
}

static void a_sandbox_that_hides_proc_is_no_finding(void **state)
{
	(void)state;
	put("nothing", "");
	assert_string_equal(look(&(struct doctor){0}), "unseen somaxconn\nunseen syn_backlog\nunseen ports\n"
						       "unseen ports_used\nunseen thp\nunseen pipe_size\n"
						       "unseen pipe_pages\nunseen maps\nunseen congestion\n");
}

static void the_clock_is_judged(void **state)
{
	(void)state;
	put_well();
	assert_string_equal(look(&(struct doctor){.clock.unsynced = true}),
			    "clock problem not synchronised|synchronised\n");
	assert_string_equal(look(&(struct doctor){.clock.error_us = 1000000}), "");
	assert_string_equal(look(&(struct doctor){.clock.error_us = 2000001}),
			    "clock problem may be off by 2 s|synchronised\n");
	assert_non_null(strstr(look(&(struct doctor){.clock.now = 1}), "clock_behind problem "));
}

static void descriptors_are_judged(void **state)
{
	(void)state;
	put_well();
	assert_non_null(strstr(look(&(struct doctor){.nofile = 20000}), "nofile problem 20000|20"));
	assert_string_equal(look(&(struct doctor){.nofile = 20400}), "");
}

#define SERVERS(list) "{\"servers\":[" list "]}"
#define SERVER(address, active) "{\"upstream\":\"u\",\"server\":\"" address "\",\"active\":" active "}"

/* What a process says that has no row of its own, and its servers. */
static void a_process_is_heard(void **state)
{
	struct doctor d = {.servers = SERVERS(""),
			   .status = "{\"warnings\":[{\"code\":\"new\",\"text\":\"a \\\"b\\\"\"},"
				     "{\"code\":\"certificate_expires\",\"text\":\"c\"}]}"};

	(void)state;
	put_well();
	assert_string_equal(look(&d), "warning problem a \"b\"|\n");
	d = (struct doctor){.servers = SERVERS(SERVER("10.0.0.1:1", "51610") "," SERVER("unix:/a", "60000"))};
	assert_string_equal(look(&d), "ports_used problem 51610 of 64512|80 % at most\n");
	d = (struct doctor){.servers = SERVERS(SERVER("10.0.0.1:1", "51609"))};
	assert_string_equal(look(&d), "");
}

static void names_stand_for_what_was_found(void **state)
{
	const struct doctor_row row = {.word = "w"};
	const struct doctor d = {.file = "f.yaml", .pid = 7};
	const struct doctor_finding f = {.row = &row, .subject = "s", .value = "v", .wanted = "9"};
	char *text = doctor_expand(&d, &f, "{value} {wanted}{subject} {file} {pid} {} {other} {");

	(void)state;
	assert_string_equal(text, "v 9s f.yaml 7 {} {other} {");
	free(text);
}

/* A tired operator gets a reason and a command with each. */
static void each_row_says_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < doctor_row_count; i++) {
		const struct doctor_row *r = &doctor_rows[i];

		assert_true(strlen(r->word) > 0 && strlen(r->what) > 0 && strlen(r->fix) > 0 && strlen(r->why) > 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(r->word, doctor_rows[j].word);
		if (strlen(r->fix) > 80 - 9)
			kit_fail("%s: the command has %zu columns", r->word, strlen(r->fix));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nothing_is_found_where_all_is_in_order, kit_end),
		cmocka_unit_test_teardown(each_setting_is_found, kit_end),
		cmocka_unit_test_teardown(a_sandbox_that_hides_proc_is_no_finding, kit_end),
		cmocka_unit_test_teardown(the_clock_is_judged, kit_end),
		cmocka_unit_test_teardown(descriptors_are_judged, kit_end),
		cmocka_unit_test_teardown(a_process_is_heard, kit_end),
		cmocka_unit_test_teardown(names_stand_for_what_was_found, kit_end),
		cmocka_unit_test_teardown(each_row_says_what_to_do, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
