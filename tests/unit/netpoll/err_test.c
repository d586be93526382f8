/* err: each code has its name, class and text, and kernel codes keep their value. */
#include "netpoll/err.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct row {
	int code;
	const char *name;
	enum np_err_class class;
};

static const struct row rows[] = {
#define X(code, value, class, text) {(code), #code, NP_CLASS_##class},
	NP_ERR_TBL(X)
#undef X
};

static void every_code_has_name_class_and_text_with_either_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		int code = rows[i].code;

		if (code < NP_EOWN)
			assert_string_equal(np_err_name(code), rows[i].name + strlen("NP_"));
		assert_string_equal(np_err_name(-code), np_err_name(code));
		assert_int_equal(np_err_class(code), rows[i].class);
		assert_int_equal(np_err_class(-code), rows[i].class);
		assert_true(strlen(np_err_text(code)) > 3);
		assert_string_equal(np_err_text(-code), np_err_text(code));
	}
}

static void codes_are_positive_and_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		assert_true(rows[i].code > 0);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(rows[i].code, rows[j].code);
	}
}

/* What the kernel says passes through unharmed; what is ours can never be an errno. */
static void kernel_codes_keep_their_value(void **state)
{
	(void)state;
	assert_int_equal(NP_ECONNRESET, ECONNRESET);
	assert_int_equal(NP_EAGAIN, EAGAIN);
	assert_int_equal(NP_EMFILE, EMFILE);
	assert_true(NP_ECLOSING >= NP_EOWN && NP_EDEADLINE >= NP_EOWN && NP_ENOTPOLL >= NP_EOWN);
}

/* V46: an operator finds the names in a log with a search. */
static void codes_of_our_own_have_names_of_the_world(void **state)
{
	(void)state;
	assert_string_equal(np_err_name(-NP_EDEADLINE), "ETIMEDOUT");
	assert_string_equal(np_err_name(NP_ECLOSING), "EBADF");
	assert_string_equal(np_err_name(NP_ENOTPOLL), "EPERM");
	assert_string_equal(np_err_name(NP_ESHORT), "EOF");
	assert_string_equal(np_err_name(NP_ECANCELED), "ECANCELED");
}

/* The classes that callers branch on. */
static void classes_of_the_pollers_own(void **state)
{
	(void)state;
	assert_int_equal(np_err_class(-NP_ECLOSING), NP_CLASS_CLOSING);
	assert_int_equal(np_err_class(-NP_EDEADLINE), NP_CLASS_DEADLINE);
	assert_int_equal(np_err_class(-NP_ENOTPOLL), NP_CLASS_LOCAL);
	assert_int_equal(np_err_class(-NP_ECONNRESET), NP_CLASS_PEER);
	assert_int_equal(np_err_class(-NP_EINVAL), NP_CLASS_BUG);
}

static void unknown_codes_have_a_name_too(void **state)
{
	static const int strange[] = {0, NP_EOWN + 900, 99999, INT_MAX, -INT_MAX};

	(void)state;
	for (size_t i = 0; i < array_len(strange); i++) {
		assert_non_null(np_err_name(strange[i]));
		assert_non_null(np_err_text(strange[i]));
		assert_int_equal(np_err_class(strange[i]), NP_CLASS_LOCAL);
	}
	assert_string_equal(np_err_name(99999), "EUNKNOWN");
	assert_string_equal(np_err_name(-EXDEV), "EXDEV"); /* the C library knows it */
	assert_string_equal(np_err_text(-EXDEV), strerrordesc_np(EXDEV));
}

static void from_errno_is_negative(void **state)
{
	(void)state;
	errno = ECONNREFUSED;
	assert_int_equal(err_from_errno(), -NP_ECONNREFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_name_class_and_text_with_either_sign),
		cmocka_unit_test(codes_are_positive_and_differ),
		cmocka_unit_test(kernel_codes_keep_their_value),
		cmocka_unit_test(codes_of_our_own_have_names_of_the_world),
		cmocka_unit_test(classes_of_the_pollers_own),
		cmocka_unit_test(unknown_codes_have_a_name_too),
		cmocka_unit_test(from_errno_is_negative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
