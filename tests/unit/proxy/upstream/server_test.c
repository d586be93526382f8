/* server: one count per upstream and address, kept as long as anybody needs it. */
#include "tests/unit/proxy/upstream/servers.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/kit.h"

static struct server_registry *registry;

static int open_registry(void **state)
{
	(void)state;
	registry = server_registry_new(1);
	return registry == NULL;
}

static int free_registry(void **state)
{
	(void)state;
	registry = server_registry_free(registry);
	return 0;
}

static struct server *get(const char *upstream, const char *address)
{
	struct np_addr addr;
	struct server *s;

	assert_int_equal(np_addr_parse(&addr, address, NULL), 0);
	s = server_get(registry, upstream, &addr, address);
	assert_non_null(s);
	return s;
}

static void give_all(struct server **s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		server_put(registry, s[i]);
}

static const struct identity_row {
	const char *what, *upstream, *address, *name;
	bool same; /* as app and 10.0.0.1:80 */
} identities[] = {
	{"the same", "app", "10.0.0.1:80", "app/10.0.0.1:80", true},
	{"another port", "app", "10.0.0.1:81", "app/10.0.0.1:81", false},
	{"another host", "app", "10.0.0.2:80", "app/10.0.0.2:80", false},
	{"another upstream", "api", "10.0.0.1:80", "api/10.0.0.1:80", false},
	{"a longer name", "app2", "10.0.0.1:80", "app2/10.0.0.1:80", false},
	{"a shorter name", "ap", "10.0.0.1:80", "ap/10.0.0.1:80", false},
	{"IPv6", "app", "[::1]:80", "app/[::1]:80", false},
	{"a path", "app", "unix:/run/app.sock", "app/unix:/run/app.sock", false},
};

static void one_per_upstream_and_address(void **state)
{
	struct server *first = get("app", "10.0.0.1:80");

	(void)state;
	for (size_t i = 0; i < array_len(identities); i++) {
		const struct identity_row *r = &identities[i];
		struct server *s = get(r->upstream, r->address);

		if ((s == first) != r->same)
			fail_msg("%s", r->what);
		assert_string_equal(s->name, r->name);
		assert_string_equal(s->text, r->address);
		server_put(registry, s);
	}
	server_put(registry, first);
}

static void first_spelling_stays(void **state)
{
	struct np_addr addr;
	struct server *s[2];
	char text[] = "db.example:80";

	(void)state;
	assert_int_equal(np_addr_parse(&addr, "10.0.0.1:80", NULL), 0);
	s[0] = server_get(registry, "app", &addr, text);
	text[0] = 'x';
	s[1] = server_get(registry, "app", &addr, text);
	assert_ptr_equal(s[0], s[1]);
	assert_string_equal(s[0]->text, "db.example:80");
	assert_true(np_addr_equal(&s[0]->addr, &addr));
	give_all(s, 2);
}

/* source_hash rests on it: another value would move the clients of a fleet amid its upgrade. */
static void hash_never_changes(void **state)
{
	struct server *s[] = {
		get("app", "10.0.0.1:80"), get("api", "10.0.0.1:80"), get("app", "10.0.0.1:81")};

	(void)state;
	assert_true(s[0]->hash == UINT64_C(0x529f5a4b643fa605));
	assert_true(s[1]->hash == s[0]->hash);
	assert_true(s[2]->hash != s[0]->hash);
	give_all(s, array_len(s));
}

static void limit_is_exact(void **state)
{
	struct server *s = get("app", "10.0.0.1:80");

	(void)state;
	assert_true(server_try_take(s, 2));
	assert_true(server_try_take(s, 2));
	assert_false(server_try_take(s, 2));
	assert_false(server_try_take(s, 1));
	assert_true(server_try_take(s, 3));
	assert_true(server_try_take(s, 0));
	assert_int_equal(server_active(s), 4);
	for (int i = 4; i > 0; i--)
		server_release(s);
	assert_int_equal(server_active(s), 0);
	server_put(registry, s);
}

/* E20: nobody lists it any more; it stays for its last connection and no longer. */
static void lives_until_the_last_slot_is_back(void **state)
{
	struct server *s = get("app", "10.0.0.1:80");

	(void)state;
	assert_true(server_try_take(s, 0));
	assert_true(server_try_take(s, 0));
	server_put(registry, s);
	server_registry_sweep(registry);
	assert_int_equal(server_registry_count(registry), 1);
	server_release(s);
	server_registry_sweep(registry);
	assert_int_equal(server_registry_count(registry), 1);
	assert_string_equal(s->name, "app/10.0.0.1:80");
	server_release(s);
	server_registry_sweep(registry);
	assert_int_equal(server_registry_count(registry), 0);
}

static void returns_with_its_count(void **state)
{
	struct server *s = get("app", "10.0.0.1:80");

	(void)state;
	assert_true(server_try_take(s, 0));
	server_put(registry, s);
	assert_ptr_equal(get("app", "10.0.0.1:80"), s);
	assert_int_equal(server_active(s), 1);
	server_release(s);
	server_registry_sweep(registry); /* held again: not swept */
	assert_int_equal(server_registry_count(registry), 1);
	server_put(registry, s);
}

static void held_twice_is_put_twice(void **state)
{
	struct server *s = get("app", "10.0.0.1:80");

	(void)state;
	assert_ptr_equal(get("app", "10.0.0.1:80"), s);
	server_put(registry, s);
	server_registry_sweep(registry);
	assert_int_equal(server_registry_count(registry), 1);
	server_put(registry, s);
	server_registry_sweep(registry);
	assert_int_equal(server_registry_count(registry), 0);
}

static void many_are_found_again(void **state)
{
	static struct server *s[5000];
	char address[32];

	(void)state;
	for (size_t i = 0; i < array_len(s); i++) {
		snprintf(address, sizeof(address), "10.0.%zu.%zu:80", i / 250, i % 250);
		s[i] = get("app", address);
	}
	assert_int_equal(server_registry_count(registry), array_len(s));
	for (size_t i = 0; i < array_len(s); i++) {
		struct server *again = server_get(registry, "app", &s[i]->addr, "");

		assert_ptr_equal(again, s[i]);
		server_put(registry, again);
	}
	give_all(s, array_len(s));
	server_registry_sweep(registry);
	assert_int_equal(server_registry_count(registry), 0);
}

#define THREADS 4
#define ROUNDS  20000

/* Returns how often it saw more slots taken than the limit allows. */
static void *take_and_release(void *arg)
{
	struct server *s = arg;
	uintptr_t over = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (!server_try_take(s, THREADS - 1))
			continue;
		over += server_active(s) > THREADS - 1;
		server_release(s);
	}
	return (void *)over;
}

static void threads_never_exceed_the_limit(void **state)
{
	struct server *s = get("app", "10.0.0.1:80");
	pthread_t threads[THREADS];
	void *over;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_release, s), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &over), 0);
		assert_null(over);
	}
	assert_int_equal(server_active(s), 0);
	server_put(registry, s);
}

static void *work_and_release(void *arg)
{
	struct server *s = arg;
	uintptr_t wrong = strcmp(s->name, "app/10.0.0.1:80") != 0;

	server_release(s);
	return (void *)wrong;
}

static bool swept_empty(void *arg)
{
	server_registry_sweep(arg);
	return server_registry_count(arg) == 0;
}

/* The control thread frees what a worker has just let go of: the worker's reads are over by then,
 * which ThreadSanitizer would dispute if the release did not say so. Its upstream is held until then. */
static void freed_behind_a_worker(void **state)
{
	struct server *s = get("app", "10.0.0.1:80");
	struct upstream_live *live = server_registry_live(registry, "app");
	pthread_t worker;
	void *wrong;

	(void)state;
	assert_true(server_try_take(s, 0));
	server_put(registry, s);
	assert_int_equal(pthread_create(&worker, NULL, work_and_release, s), 0);
	assert_true(kit_wait(swept_empty, registry, KIT_MS));
	assert_int_equal(pthread_join(worker, &wrong), 0);
	assert_null(wrong);
	upstream_live_put(live);
}

/* The signal that ends a child which runs fn; 0 when it returns. */
static int signal_of(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void release_once_too_often(void)
{
	server_release(get("app", "10.0.0.1:80"));
}

static void put_once_too_often(void)
{
	struct server *s = get("app", "10.0.0.1:80");

	server_put(registry, s);
	server_put(registry, s);
}

static void free_while_a_slot_is_taken(void)
{
	struct server *s = get("app", "10.0.0.1:80");

	if (server_try_take(s, 0))
		server_put(registry, s);
	server_registry_free(registry);
}

static void free_while_held(void)
{
	get("app", "10.0.0.1:80");
	server_registry_free(registry);
}

static void the_last_failure_is_told_whole(void **state)
{
	struct upstream_live live = {.had = 1};
	struct server s = {.live = &live};
	const struct server_failure f = {.why = 12, .err = -111, .at = INT64_C(86400000000000000)};
	struct server_failure got = server_last_failure(&s);

	(void)state;
	assert_int_equal(got.why, 0);
	server_note_failure(&s, &f);
	got = server_last_failure(&s);
	assert_true(got.why == f.why && got.err == f.err && got.at == f.at);
}

static void misuse_aborts(void **state)
{
	(void)state;
	assert_int_equal(signal_of(release_once_too_often), SIGABRT);
	assert_int_equal(signal_of(put_once_too_often), SIGABRT);
	assert_int_equal(signal_of(free_while_a_slot_is_taken), SIGABRT);
	assert_int_equal(signal_of(free_while_held), SIGABRT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_registry, free_registry)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_per_upstream_and_address),
		TEST(first_spelling_stays),
		TEST(hash_never_changes),
		TEST(limit_is_exact),
		TEST(lives_until_the_last_slot_is_back),
		TEST(returns_with_its_count),
		TEST(held_twice_is_put_twice),
		TEST(many_are_found_again),
		TEST(threads_never_exceed_the_limit),
		TEST(freed_behind_a_worker),
		TEST(the_last_failure_is_told_whole),
		TEST(misuse_aborts),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
