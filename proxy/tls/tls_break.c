/* Broken rules and received alerts as words, made by the preprocessor: a connection keeps a pointer
 * and no text. */
#include "proxy/tls/tls_break.h"

#include "netpoll/check.h"

static const struct {
	uint8_t alert;
	const char *text;
} rules[] = {
#define X(code, alert, word, rule) {TLS_ALERT_##alert, "sent " word ": " rule},
	TLS_BREAK_TBL(X)
#undef X
};

static const struct {
	uint8_t alert;
	const char *text;
} received[] = {
#define X(code, number, word) {number, "received " word},
	TLS_ALERT_TBL(X)
#undef X
};

enum tls_alert tls_break_alert(enum tls_break rule)
{
	DCHECK(rule < TLS_BREAKS, "a rule of the table");
	return (enum tls_alert)rules[rule].alert;
}

const char *tls_break_text(enum tls_break rule)
{
	DCHECK(rule < TLS_BREAKS, "a rule of the table");
	return rules[rule].text;
}

const char *tls_break_received(uint8_t alert)
{
	for (size_t i = 0; i < array_len(received); i++)
		if (received[i].alert == alert)
			return received[i].text;
	return "received an unknown alert";
}
