/* key: the rows of the table are sound: their paths form a tree, defaults read, bounds hold,
 * texts are there. */
#include "config/key.h"

#include "config/value.h"
#include "tests/unit/config/load.h"

/* Every row can be reached from the top by its own path, and by no other. */
static size_t walk(const char *prefix)
{
	const struct config_key *k = NULL;
	size_t n = 0;

	while ((k = key_next(prefix, k)) != NULL) {
		assert_ptr_equal(key_child(prefix, key_name(k)), k);
		assert_ptr_equal(key_find(k->path), k);
		n++;
		if (key_is_section(k))
			n += walk(key_inside(k));
	}
	return n;
}

static void rows_form_a_tree(void **state)
{
	(void)state;
	assert_int_equal(walk(""), key_count);
	assert_null(key_child("", "listener"));
	assert_null(key_child("", "idle"));
	assert_null(key_child("listeners[]", "timeouts.idle"));
	assert_null(key_child("listeners", "name"));
	assert_null(key_find("listeners[].timeouts.idle "));
	assert_string_equal(key_child("listeners[].timeouts", "idle")->path, "listeners[].timeouts.idle");
}

static void scopes_cover_the_rows(void **state)
{
	size_t next = 0;

	(void)state;
	for (size_t i = 0; i < KEY_SCOPES; i++) {
		assert_int_equal(key_scopes[i].first, next);
		for (size_t j = 0; j < key_scopes[i].n; j++, next++) {
			assert_int_equal(key_rows[next].scope, i);
			assert_true(key_rows[next].offset < key_scopes[i].origin);
			assert_int_equal(strncmp(key_rows[next].path, key_scopes[i].prefix,
				strlen(key_scopes[i].prefix)), 0);
		}
	}
	assert_int_equal(next, key_count);
}

static void members_lie_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < key_count; i++)
		for (size_t j = i + 1; j < key_count; j++)
			if (!key_is_section(&key_rows[i]) && !key_is_section(&key_rows[j]) &&
			    key_rows[i].scope == key_rows[j].scope)
				assert_int_not_equal(key_rows[i].offset, key_rows[j].offset);
}

static void origins_are_the_rows_own(void **state)
{
	struct config_listener l = {0};

	(void)state;
	key_origin(key_find("listeners[].name"), &l)->line = 7;
	key_origin(key_find("listeners[].timeouts.linger"), &l)->line = 9;
	assert_int_equal(l.origin[0].line, 7);
	assert_int_equal(l.origin[CONFIG_LISTENER_KEYS - 1].line, 9);
}

/* What the table says of a row holds: no default of what must be written, texts for people. */
static void rows_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < key_count; i++) {
		const struct config_key *k = &key_rows[i];
		bool needed = (k->flags & KEY_NEEDED) != 0;

		assert_true(strlen(k->help) > 10 && k->help[strlen(k->help) - 1] != '.');
		assert_true(strlen(k->help) <= 78); /* explain shows it on one line */
		assert_true(k->min <= k->max);
		if (key_is_section(k))
			continue;
		assert_false(needed && k->def != NULL);
		assert_true(strlen(k->more) > 10 && k->more[strlen(k->more) - 1] == '.');
		assert_non_null(k->example);
		assert_int_equal(k->kind == KEY_ENUM || k->kind == KEY_WORDS, k->words != NULL);
		assert_true(!key_is_several(k) || (k->def == NULL && k->max > 0));
	}
}

static void defaults_are_values_within_bounds(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, ARENA_LIMIT);
	for (size_t i = 0; i < key_count; i++) {
		const struct config_key *k = &key_rows[i];
		struct value_reader r = {.arena = &a};
		int64_t room[8], n;

		if (k->def == NULL)
			continue;
		if (value_read(&r, k, k->def, room) != 0)
			fail_msg("%s: the default %s: %s", k->path, k->def, r.why);
		if (k->kind != KEY_COUNT && k->kind != KEY_DURATION)
			continue;
		n = room[0];
		assert_true(n == CONFIG_OFF || (k->flags & (KEY_AUTO | KEY_SAME)) || (n >= k->min && n <= k->max));
	}
	arena_fini(&a);
}

static void lists_are_kept(void **state)
{
	struct config c = {0};
	struct config_upstream u[3];
	const struct config_key *k = key_find("upstreams");

	(void)state;
	key_set_list(k, &c, (struct key_list){u, 3});
	assert_ptr_equal(c.upstreams, u);
	assert_int_equal(c.nupstreams, 3);
	assert_ptr_equal(key_get_list(k, &c).elements, u);
	assert_ptr_equal(key_elements(k), &key_scopes[KEY_UPSTREAM]);
	assert_ptr_equal(key_elements(key_find("upstreams[].servers")), &key_scopes[KEY_SERVER]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_form_a_tree),
		cmocka_unit_test(scopes_cover_the_rows),
		cmocka_unit_test(members_lie_apart),
		cmocka_unit_test(origins_are_the_rows_own),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(defaults_are_values_within_bounds),
		cmocka_unit_test(lists_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
