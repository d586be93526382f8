/* units: the texts of single values. Strict on purpose: what is read is exactly what was
 * written, a unit is never guessed. Each reader returns 0, or -NP_EINVAL with *r saying why and
 * what was perhaps meant; values are written on success only. The words `off` and `auto` belong
 * to keys, not to units: value.c reads them. */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include "netpoll/addr.h"
#include "netpoll/base.h"

#define UNITS_MS INT64_C(1000000)
#define UNITS_S  (1000 * UNITS_MS)
#define UNITS_M  (60 * UNITS_S)
#define UNITS_H  (60 * UNITS_M)
#define UNITS_D  (24 * UNITS_H)

#define UNITS_TEXT 64 /* bytes: enough for every text written below */

/* Why a text is refused. Each reader fills in both members, so the caller needs no second look
 * at the text. */
struct units_refusal {
	const char *why;                    /* a static sentence a person can act on */
	char        suggestion[UNITS_TEXT]; /* the text that was perhaps meant; "" when none is near */
};

/* "200ms", "5s", "1h30m", "1d": whole numbers, larger units first, each once. Nanoseconds. */
must_use int units_duration(int64_t *ns, const char *text, struct units_refusal *r);
/* "64KiB", "1MiB", "2GiB", "100B". Bytes. */
must_use int units_size(int64_t *bytes, const char *text, struct units_refusal *r);
/* "50MiB/s": the same, a second. */
must_use int units_byte_rate(int64_t *bytes, const char *text, struct units_refusal *r);
/* "50%": whole percent, with the sign. */
must_use int units_share(int64_t *percent, const char *text, struct units_refusal *r);
/* "20/s", "30/m": so many in a second or in a minute. In a minute. */
must_use int units_rate(int64_t *n, const char *text, struct units_refusal *r);
/* Decimal digits alone. */
must_use int units_count(int64_t *n, const char *text, struct units_refusal *r);
/* The same, or 0x and hexadecimal digits. */
must_use int units_hex(int64_t *n, const char *text, struct units_refusal *r);
/* `true` or `false` alone: YAML 1.1 has 22 spellings and readers differ on them. */
must_use int units_bool(bool *b, const char *text, struct units_refusal *r);

/* What np_addr_parse takes, with more to say about what it does not: -EOPNOTSUPP for forms that
 * are understood but cannot stand there (host names and srv:, which only a server may have, port ranges, systemd:). */
must_use int units_address(struct np_addr *a, const char *text, struct units_refusal *r);

/* "systemd:NAME", a socket that systemd passes (np_addr_is_named). */
must_use int units_passed(struct np_addr *a, const char *text, struct units_refusal *r);

/* The shortest text that reads back as the same value; ns >= 0 is whole milliseconds, since
 * nothing finer is read. out holds UNITS_TEXT bytes. Return out. */
const char *units_duration_format(int64_t ns, char *out);
const char *units_size_format(int64_t bytes, char *out);
const char *units_rate_format(int64_t n, char *out);

#endif
