/* units: each text reads as exactly one value, and each slip is refused with its sentence. */
#include "config/units.h"

#include "netpoll/err.h"
#include "tests/unit/config/load.h"

/* A text, the value it must read as and the text that value is printed as; or the sentence it is
 * refused with. */
struct row {
	const char *text;
	int64_t     value;
	const char *out, *why;
};

static const struct row durations[] = {
	{"", 0, NULL, "it starts with a number"},
	{"s", 0, NULL, "it starts with a number"},
	{"off", 0, NULL, "it starts with a number"},
	{" 5s", 0, NULL, "it starts with a number"},
	{"+5s", 0, NULL, "it starts with a number"},
	{"-5s", 0, NULL, "it cannot be negative"},
	{"0", 0, NULL, "a unit is required: ms, s, m, h or d"},
	{"5", 0, NULL, "a unit is required: ms, s, m, h or d"},
	{"1h30", 0, NULL, "a unit is required: ms, s, m, h or d"},
	{"1.5s", 0, NULL, "whole numbers only: 1.5s is written 1s500ms"},
	{"5 s", 0, NULL, "number and unit are written without a space"},
	{"5S", 0, NULL, "the units are ms, s, m, h and d"},
	{"5sec", 0, NULL, "the units are ms, s, m, h and d"},
	{"5us", 0, NULL, "the units are ms, s, m, h and d"},
	{"5s ", 0, NULL, "it starts with a number"},
	{"05s", 0, NULL, "numbers are written without leading zeros"},
	{"1m1h", 0, NULL, "larger units come first, each once: 1h30m"},
	{"1s1s", 0, NULL, "larger units come first, each once: 1h30m"},
	{"106752d", 0, NULL, "the duration is too long"},
	{"106751d106751d", 0, NULL, "larger units come first, each once: 1h30m"},
	{"106751d23h47m17s", 0, NULL, "the duration is too long"},
	{"99999999999999999999s", 0, NULL, "the number is too large"},
	{"0s", 0, "0s", NULL},
	{"0ms", 0, "0s", NULL},
	{"1ms", UNITS_MS, "1ms", NULL},
	{"200ms", 200 * UNITS_MS, "200ms", NULL},
	{"1000ms", UNITS_S, "1s", NULL},
	{"60s", UNITS_M, "1m", NULL},
	{"90m", 90 * UNITS_M, "1h30m", NULL},
	{"1h30m", 90 * UNITS_M, "1h30m", NULL},
	{"1d", UNITS_D, "1d", NULL},
	{"1d2h3m4s5ms", UNITS_D + 2 * UNITS_H + 3 * UNITS_M + 4 * UNITS_S + 5 * UNITS_MS, "1d2h3m4s5ms", NULL},
	{"106751d23h47m16s854ms", INT64_MAX / UNITS_MS * UNITS_MS, "106751d23h47m16s854ms", NULL},
};

static const struct row sizes[] = {
	{"", 0, NULL, "it starts with a number"},
	{"-1B", 0, NULL, "it cannot be negative"},
	{"64", 0, NULL, "a unit is required: B, KiB, MiB or GiB"},
	{"64k", 0, NULL, "write KiB: a bare k is 1000 to some and 1024 to others"},
	{"64KB", 0, NULL, "write KiB: a bare k is 1000 to some and 1024 to others"},
	{"1m", 0, NULL, "write MiB: a bare m is a million to some and 1048576 to others"},
	{"1G", 0, NULL, "write GiB: a bare g means different things to different people"},
	{"1TiB", 0, NULL, "the units are B, KiB, MiB and GiB"},
	{"1MiB2KiB", 0, NULL, "nothing may follow the unit"},
	{"8589934592GiB", 0, NULL, "the size is too large"},
	{"9223372036854775808B", 0, NULL, "the number is too large"},
	{"0B", 0, "0B", NULL},
	{"100B", 100, "100B", NULL},
	{"64KiB", 65536, "64KiB", NULL},
	{"1024KiB", 1 << 20, "1MiB", NULL},
	{"1536KiB", 1536 << 10, "1536KiB", NULL},
	{"2GiB", INT64_C(2) << 30, "2GiB", NULL},
	{"9223372036854775807B", INT64_MAX, "9223372036854775807B", NULL},
};

static const struct row counts[] = {
	{"", 0, NULL, "it starts with a number"},
	{"auto", 0, NULL, "it starts with a number"},
	{"-1", 0, NULL, "it cannot be negative"},
	{"1k", 0, NULL, "digits alone make a number"},
	{"1_000", 0, NULL, "digits alone make a number"},
	{"1e3", 0, NULL, "digits alone make a number"},
	{"0x10", 0, NULL, "digits alone make a number"},
	{"007", 0, NULL, "numbers are written without leading zeros"},
	{"9223372036854775808", 0, NULL, "the number is too large"},
	{"0", 0, NULL, NULL},
	{"9223372036854775807", INT64_MAX, NULL, NULL},
};

static const struct row shares[] = {
	{"", 0, NULL, "it starts with a number"},
	{"off", 0, NULL, "it starts with a number"},
	{"-5%", 0, NULL, "it cannot be negative"},
	{"50", 0, NULL, "a share is whole percent with the sign, as in 50%"},
	{"0.5", 0, NULL, "a share is whole percent with the sign, as in 50%"},
	{"12.5%", 0, NULL, "a share is whole percent with the sign, as in 50%"},
	{"50 %", 0, NULL, "a share is whole percent with the sign, as in 50%"},
	{"50%%", 0, NULL, "nothing may follow the sign"},
	{"050%", 0, NULL, "numbers are written without leading zeros"},
	{"0%", 0, NULL, NULL},
	{"50%", 50, NULL, NULL},
	{"125%", 125, NULL, NULL},
};

static const struct row rates[] = {
	{"", 0, NULL, "it starts with a number"},
	{"20", 0, NULL, "a rate is a number in a second or a minute, as in 20/s or 30/m"},
	{"20/h", 0, NULL, "a rate is a number in a second or a minute, as in 20/s or 30/m"},
	{"20 /s", 0, NULL, "a rate is a number in a second or a minute, as in 20/s or 30/m"},
	{"20/s/s", 0, NULL, "a rate is a number in a second or a minute, as in 20/s or 30/m"},
	{"-1/s", 0, NULL, "it cannot be negative"},
	{"9223372036854775807/s", 0, NULL, "the number is too large"},
	{"20/s", 1200, "20/s", NULL},
	{"30/m", 30, "30/m", NULL},
	{"120/m", 120, "2/s", NULL},
};

typedef int read_fn(int64_t *, const char *, struct units_refusal *);

static void check_row(const struct row *r, read_fn *read, const char *(*format)(int64_t, char *))
{
	int64_t v = 77;
	struct units_refusal u = {.why = NULL};
	char out[UNITS_TEXT];
	int err = read(&v, r->text, &u);

	if (r->why != NULL) {
		if (err != -NP_EINVAL || u.why == NULL || strcmp(u.why, r->why) != 0)
			fail_msg("\"%s\": %d, %s", r->text, err, u.why == NULL ? "no sentence" : u.why);
		assert_int_equal(v, 77);
		return;
	}
	if (err != 0)
		fail_msg("\"%s\": %s", r->text, u.why);
	assert_true(v == r->value);
	if (r->out != NULL)
		assert_string_equal(format(v, out), r->out);
}

static void duration(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(durations); i++)
		check_row(&durations[i], units_duration, units_duration_format);
}

static void size(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(sizes); i++)
		check_row(&sizes[i], units_size, units_size_format);
}

static void byte_rate(void **state)
{
	static const struct row rows[] = {
		{"", 0, NULL, "a rate is a size a second, as in 50MiB/s"},
		{"50MiB", 0, NULL, "a rate is a size a second, as in 50MiB/s"},
		{"50MiB/m", 0, NULL, "a rate is a size a second, as in 50MiB/s"},
		{"50Mbit/s", 0, NULL, "write MiB: a bare m is a million to some and 1048576 to others"},
		{"/s", 0, NULL, "it starts with a number"},
		{"50/s", 0, NULL, "a unit is required: B, KiB, MiB or GiB"},
		{"50MiB /s", 0, NULL, "nothing may follow the unit"},
		{"000000000000000000000000000000000000000000000000000000000000000001B/s", 0, NULL,
		 "the number is too large"},
		{"50MiB/s", 50 << 20, NULL, NULL},
		{"4096B/s", 4096, NULL, NULL},
	};
	struct units_refusal u = {.why = NULL};
	int64_t n;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		check_row(&rows[i], units_byte_rate, NULL);
	assert_int_equal(units_byte_rate(&n, "50MiB", &u), -NP_EINVAL);
	assert_string_equal(u.suggestion, "50MiB/s");
}

static void rate(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rates); i++)
		check_row(&rates[i], units_rate, units_rate_format);
}

static void share(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(shares); i++)
		check_row(&shares[i], units_share, NULL);
}

static void count(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(counts); i++)
		check_row(&counts[i], units_count, NULL);
}

static void hex(void **state)
{
	static const struct row rows[] = {
		{"", 0, NULL, "it starts with a number"},
		{"0x", 0, NULL, "0x is followed by digits and letters from a to f"},
		{"0xg", 0, NULL, "0x is followed by digits and letters from a to f"},
		{"0x-1", 0, NULL, "0x is followed by digits and letters from a to f"},
		{"0x10 ", 0, NULL, "0x is followed by digits and letters from a to f"},
		{"0X10", 0, NULL, "digits alone make a number"},
		{"e0", 0, NULL, "it starts with a number"},
		{"0x8000000000000000", 0, NULL, "the number is too large"},
		{"0x7fffffffffffffff", INT64_MAX, NULL, NULL},
		{"0x0", 0, NULL, NULL},
		{"0xEf", 0xEF, NULL, NULL},
		{"224", 0xE0, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		check_row(&rows[i], units_hex, NULL);
}

static void boolean(void **state)
{
	static const char *const bad[] = {"", "True", "TRUE", "yes", "on", "1", "truee", "no", "off", "False"};
	struct units_refusal u = {.why = NULL};
	bool b = true;

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		assert_int_equal(units_bool(&b, bad[i], &u), -NP_EINVAL);
	assert_true(b);
	assert_int_equal(units_bool(&b, "false", &u), 0);
	assert_false(b);
	assert_int_equal(units_bool(&b, "true", &u), 0);
	assert_true(b);
}

static void address(void **state)
{
	static const struct {
		const char *text;
		int         err;
		const char *why;
	} rows[] = {
		{"", -NP_EINVAL, ""},
		{"8080", -NP_EINVAL, "a port alone"},
		{"*:80", -NP_EINVAL, "every address is written without the star"},
		{"10.0.0.1", -NP_EINVAL, ""},
		{"10.0.0.1:99999", -NP_EINVAL, ""},
		{"10.0.0.256:80", -NP_EINVAL, ""},
		{"[::1:80", -NP_EINVAL, ""},
		{"unix:", -NP_EINVAL, ""},
		{"systemd:web", -EOPNOTSUPP, "a socket of systemd is for `bind`"},
		{"srv:_db._tcp.example", -EOPNOTSUPP, "SRV records"},
		{":8000-8100", -EOPNOTSUPP, "port ranges"},
		{"[::1]:8000-8100", -EOPNOTSUPP, "port ranges"},
		{"db.example:5432", -EOPNOTSUPP, "a name is for servers"},
		{"localhost", -EOPNOTSUPP, "a name is for servers"},
		{"my-db_1:5432", -EOPNOTSUPP, "a name is for servers"},
		{"10.0.0.1:80", 0, NULL},
		{":80", 0, NULL},
		{"[::1]:80", 0, NULL},
		{"unix:/run/a-b:80-90", 0, NULL},
		{"unix:@abstract", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct np_addr a;
		struct units_refusal u = {.why = NULL};
		int err = units_address(&a, rows[i].text, &u);

		if (err != rows[i].err || (err != 0 && strncmp(u.why, rows[i].why, strlen(rows[i].why)) != 0))
			fail_msg("\"%s\": %d, %s", rows[i].text, err, u.why == NULL ? "no sentence" : u.why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duration),
		cmocka_unit_test(size),
		cmocka_unit_test(byte_rate),
		cmocka_unit_test(rate),
		cmocka_unit_test(share),
		cmocka_unit_test(count),
		cmocka_unit_test(hex),
		cmocka_unit_test(boolean),
		cmocka_unit_test(address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
