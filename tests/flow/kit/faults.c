/* The shared table, the program under faults.so, the walk, and the ledger of a walk's failures. */
#include "tests/flow/kit/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
	const char *name, *errors[2]; /* by fault_when */
} calls[] = {
#define X(ret, name, params, args, object, fail, ...) {#name, {__VA_ARGS__}},
	FAULT_TBL(X)
#undef X
#define X(ret, name, params, last, args, object, fail, ...) {#name, {__VA_ARGS__}},
	FAULT_MORE_TBL(X)
#undef X
};

const char *fault_call_name(unsigned call)
{
	return calls[call].name;
}

const char *fault_text(const struct fault_rule *r)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s:%u%s:%s", calls[r->call].name, r->nth, r->sticky ? "+" : "",
		 strerrorname_np(r->err));
	return text;
}

/* ---- the program ---- */

void faults_open(struct faults *f)
{
	int fd;

	*f = (struct faults){0};
	kit_file_write("faults", "", f->table_path);
	fd = open(f->table_path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(*f->table)) != 0)
		kit_fail("cannot make %s", f->table_path);
	f->table = mmap(NULL, sizeof(*f->table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (f->table == MAP_FAILED)
		kit_fail("cannot map %s", f->table_path);
}

void faults_close(struct faults *f)
{
	munmap(f->table, sizeof(*f->table));
	f->table = NULL;
}

/* build/test of build/test/tests/faults/x_test: the program and faults.so are of the same build as
 * the test. */
static void build_dir(char dir[KIT_PATH])
{
	ssize_t n = readlink("/proc/self/exe", dir, KIT_PATH - 1);
	char *end;

	dir[n > 0 ? n : 0] = '\0';
	end = strstr(dir, "/tests/");
	if (end == NULL)
		kit_fail("%s is not where a test is built", dir);
	*end = '\0';
}

void faults_spawn(struct faults *f, const char *config)
{
	char dir[KIT_PATH], preload[KIT_PATH + 64], table[KIT_PATH + 64], binary[KIT_PATH + 64], asan[512];
	const char *options = getenv("ASAN_OPTIONS");

	build_dir(dir);
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s/tests/faults.so", dir);
	snprintf(table, sizeof(table), "STAUNCH_FAULT_TABLE=%s", f->table_path);
	snprintf(binary, sizeof(binary), "%s/staunch", dir);
	/* faults.so comes before the sanitizer's own library, so that it sees malloc. */
	snprintf(asan, sizeof(asan), "ASAN_OPTIONS=verify_asan_link_order=0:%s", options != NULL ? options : "");
	memset(f->table->count, 0, sizeof(f->table->count));
	f->child = kit_child_start("staunch", KIT_ARGV("env", preload, table, asan, binary, "run", "-c", config));
}

void faults_arm(struct faults *f, const struct fault_rule *r)
{
	struct fault_rule *mine = &f->table->rule[0];

	faults_disarm(f);
	*mine = *r;
	mine->on = mine->seen = mine->hits = 0;
	__atomic_store_n(&mine->on, 1, __ATOMIC_RELEASE);
}

unsigned faults_hits(const struct faults *f)
{
	return __atomic_load_n(&f->table->rule[0].hits, __ATOMIC_ACQUIRE);
}

void faults_disarm(struct faults *f)
{
	__atomic_store_n(&f->table->rule[0].on, 0, __ATOMIC_SEQ_CST);
}

void faults_hasten_log(struct faults *f)
{
	f->table->rule[1] = (struct fault_rule){
		.on = 1,
		.call = FAULT_sem_clockwait,
		.thread = FAULT_THREADS,
		.nth = 1,
		.sticky = true,
		.err = ETIMEDOUT,
	};
}

/* ---- the walk ---- */

static bool fault_walks_all(unsigned call)
{
	const char *which = getenv("FAULTS");

	return which != NULL && (strcmp(which, "all") == 0 || strcmp(which, calls[call].name) == 0);
}

/* Whether FAULTS names another call. */
static bool fault_is_left_out(unsigned call)
{
	const char *which = getenv("FAULTS");

	return which != NULL && which[0] != '\0' && !fault_walks_all(call);
}

static uint64_t fault_seed(void)
{
	static uint64_t seed;
	const char *given = getenv("FAULTS_SEED");

	if (seed == 0) {
		seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)kit_now_ms() % 1000000 + 1;
		print_message("FAULTS_SEED=%llu\n", (unsigned long long)seed);
	}
	return seed;
}

void fault_walk_init(struct fault_walk *w, const struct faults *f, unsigned thread)
{
	for (unsigned c = 0; c < FAULT_CALLS; c++) {
		w->count[c] = 0;
		for (unsigned t = 0; t < FAULT_THREADS; t++)
			if (thread == FAULT_THREADS || thread == t)
				w->count[c] += __atomic_load_n(&f->table->count[t][c], __ATOMIC_RELAXED);
	}
	w->call = w->error = w->step = 0;
	w->sticky = false;
}

/* The ith error of the text, or 0. */
static int fault_error(const char *names, unsigned i)
{
	size_t n = strcspn(names, " ");

	for (; i > 0 && names[n] != '\0'; i--) {
		names += n + 1;
		n = strcspn(names, " ");
	}
	if (n == 0 || i > 0)
		return 0;
	for (int e = 1; e < 200; e++) {
		const char *name = strerrorname_np(e);

		if (name != NULL && strlen(name) == n && memcmp(name, names, n) == 0)
			return e;
	}
	kit_fail("no errno is called %.*s", (int)n, names);
}

/* How many n of a call are tried with one error, and which the ith is: of memory more, since
 * there is one error only. */
static unsigned fault_steps(const struct fault_walk *w)
{
	unsigned n = w->count[w->call], some = n / 24 < 16 ? n / 24 + 1 : 16;

	if (fault_is_left_out(w->call) || n == 0)
		return 0;
	if (fault_walks_all(w->call))
		return n;
	return strcmp(calls[w->call].errors[w->when], NO_MEMORY) == 0 ? some : 1;
}

static unsigned fault_nth(const struct fault_walk *w)
{
	uint64_t place = (uint64_t)w->call << 32 | w->error << 24 | (uint64_t)w->sticky << 20 | w->step, word;

	if (fault_walks_all(w->call))
		return w->step + 1;
	kit_stream_fill(fault_seed(), place * 8, &word, sizeof(word));
	return (unsigned)(word % w->count[w->call]) + 1;
}

/* A choice takes one of the two, for each error of each call. */
static bool fault_takes(const struct fault_walk *w, int err)
{
	uint64_t word;

	/* Interrupted for ever is a loop for ever, as it should be. */
	if (err == EINTR)
		return !w->sticky;
	if (!w->sticky_too || fault_walks_all(w->call))
		return true;
	kit_stream_fill(fault_seed(), ((uint64_t)w->call << 16 | w->error) * 8, &word, sizeof(word));
	return (word & 1) == w->sticky;
}

/* To the next error, or to sticky, or to the next call. */
static void fault_walk_on(struct fault_walk *w, bool another_error)
{
	w->step = 0;
	if (another_error && w->sticky_too && !w->sticky) {
		w->sticky = true;
		return;
	}
	w->sticky = false;
	w->error = another_error ? w->error + 1 : 0;
	w->call += !another_error;
}

bool fault_walk_next(struct fault_walk *w, struct fault_rule *r)
{
	for (; w->call < FAULT_CALLS; fault_walk_on(w, r->err != 0)) {
		r->err = fault_error(calls[w->call].errors[w->when], w->error);
		if (r->err == 0 || w->step >= fault_steps(w) || !fault_takes(w, r->err))
			continue;
		r->call = w->call;
		r->nth = fault_nth(w);
		r->sticky = w->sticky;
		w->step++;
		return true;
	}
	return false;
}

/* ---- the ledger ---- */

static bool fault_is(const char *row, const char *name)
{
	return strcmp(row, "*") == 0 || strcmp(row, name) == 0;
}

static bool fault_expected(struct fault_ledger *l, const char *kind, const struct fault_rule *r)
{
	for (size_t i = 0; i < l->nknown; i++) {
		const struct fault_known *k = &l->known[i];

		if (!fault_is(k->kind, kind) || !fault_is(k->call, calls[r->call].name) ||
		    !fault_is(k->error, strerrorname_np(r->err)))
			continue;
		l->seen[i]++;
		return true;
	}
	return false;
}

void fault_note(struct fault_ledger *l, const char *kind, const struct fault_rule *r, const char *outcome)
{
	bool expected;

	assert_true(l->nknown <= array_len(l->seen));
	l->cases++;
	if (outcome == NULL)
		return;
	expected = fault_expected(l, kind, r);
	l->expected += expected;
	l->failed += !expected;
	if (!expected || getenv("FAULTS") != NULL)
		print_error("%s%s %s: %s\n", expected ? "(known) " : "", kind, fault_text(r), outcome);
}

void fault_ledger_close(struct fault_ledger *l)
{
	unsigned failed = l->failed;

	print_message("%u cases, %u fail, %u fail as is known\n", l->cases, failed, l->expected);
	l->cases = l->failed = l->expected = 0;
	if (failed > 0)
		kit_fail("%u cases fail", failed);
}

void fault_ledger_healed(const struct fault_ledger *l)
{
	const char *which = getenv("FAULTS");
	unsigned healed = 0;

	if (which == NULL || strcmp(which, "all") != 0)
		return;
	for (size_t i = 0; i < l->nknown; i++) {
		const struct fault_known *k = &l->known[i];

		if (l->seen[i] == 0)
			print_error("{%s, %s, %s} fails no longer (%s): delete the row\n", k->kind, k->call, k->error,
				    k->why);
		healed += l->seen[i] == 0;
	}
	assert_int_equal(healed, 0);
}
