/* cli_explain: a key of the file, a code of a problem, a word of the logs and answers, or what would become of a
 * connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/schema.h"
#include "config/text/diag.h"
#include "netpoll/err.h"
#include "proxy/base/close.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_client.h"
#include "proxy/cli/cli_config.h"
#include "proxy/cli/cli_query.h"
#include "proxy/control/capacity.h"
#include "proxy/control/explain.h"
#include "proxy/policy/snapshot_trial.h"
#include "proxy/upstream/passive.h"

#define NAME_COLUMN 34
#define TIER_COLUMN 5 /* of them, where there is more than one tier */

/* ---- as a text ---- */

/* 0 where it is missing. */
static double real_at(const char *object, const char *name)
{
	size_t n = 0;
	const char *at = json_find(object, name, &n);

	return at != NULL ? strtod(at, NULL) : 0;
}

/* What was asked about. */
static void write_client(FILE *f, const char *body)
{
	const char *alpn = json_first(body, "asked.alpn");

	if (json_is_there(body, "asked.src"))
		json_print(f, body, "asked.src");
	else
		fputs("from anywhere", f);
	if (json_is_there(body, "asked.sni")) {
		fputs(", sni ", f);
		json_print(f, body, "asked.sni");
	}
	for (const char *before = ", alpn "; alpn != NULL; alpn = json_next(alpn), before = " ") {
		fputs(before, f);
		json_print(f, alpn, "");
	}
	fputs(json_is_there(body, "asked.tls") ? ", TLS " : ", no TLS", f);
	if (json_is_there(body, "asked.tls"))
		json_print(f, body, "asked.tls");
}

/* Of TLS that ends here; a hello that is passed on stands in the client's line. */
static void write_tls(FILE *f, const char *body)
{
	fputs("ends here: TLS ", f);
	json_print(f, body, "tls.version");
	if (json_is_there(body, "tls.alpn")) {
		fputs(", alpn ", f);
		json_print(f, body, "tls.alpn");
	}
}

static void show_tls(const char *body)
{
	struct cli_paragraph p;
	size_t n = 0;
	const char *asks = json_find(body, "tls.client_auth", &n);

	if (!json_is_there(body, "tls.version") || !cli_paragraph_begin(&p))
		return;
	write_tls(p.f, body);
	cli_paragraph_end(&p, stdout, "tls         ");
	if (asks == NULL || strncmp(asks, "off", 3) == 0)
		return;
	cli_say(stdout, "            ", "client certificate %.*s%s", (int)n, asks,
		json_is(body, "tls.client_allow", "true") ? ", one that client_auth.allow names" : "");
}

/* file:line, as editors and terminals know it. */
static void write_rule(FILE *f, const char *body)
{
	if (!json_is_there(body, "rule")) {
		fputs(json_is_there(body, "upstream") ? "none matches: the listener's upstream" : "none matches", f);
		return;
	}
	json_print(f, body, "rule.file");
	fprintf(f, ":%lld, routes[%lld]", json_number(body, "rule.line"), json_number(body, "rule.index"));
}

static void write_close(FILE *f, const char *body)
{
	json_print(f, body, "close.reason");
	fputs(": ", f);
	json_print(f, body, "close.why");
}

/* A label, and what put writes behind it. */
static void show_labelled(const char *label, const char *body, void (*put)(FILE *f, const char *body))
{
	struct cli_paragraph p;

	if (!cli_paragraph_begin(&p))
		return;
	put(p.f, body);
	cli_paragraph_end(&p, stdout, label);
}

/* The upstream's name stands above, so the address will do. A long one has a line of its own. */
static void show_server(const char *at, bool tiers)
{
	size_t n = 0;
	const char *name = json_find(at, "server", &n), *slash = name != NULL ? memchr(name, '/', n) : NULL;
	int room = NAME_COLUMN - (tiers ? TIER_COLUMN : 0), width;

	if (slash == NULL)
		return;
	width = printf("%.*s", (int)(n - (size_t)(slash + 1 - name)), slash + 1);
	if (width > room) {
		putchar('\n');
		width = 0;
	}
	printf("%*s ", room - width, "");
	json_print(stdout, at, "usable");
	n = 0;
	(void)json_find(at, "usable", &n);
	printf("%*s", n < 6 ? 6 - (int)n : 0, "");
	if (tiers)
		printf(" %*lld", TIER_COLUMN - 1, json_number(at, "tier"));
	printf(" %7lld ", json_number(at, "active"));
	if (json_is_there(at, "max_connections"))
		printf("%7lld", json_number(at, "max_connections"));
	else
		printf("%7s", "off");
	printf(" %7.1f%% %6.1f%%\n", real_at(at, "weight_share") * 100, real_at(at, "chance") * 100);
	if (json_is_there(at, "why"))
		cli_show_value(stdout, "    ", at, "why");
	if (json_is_there(at, "back"))
		cli_show_value(stdout, "    back ", at, "back");
}

static void show_servers(const char *body)
{
	const char *at = json_first(body, "candidates");
	bool tiers = false;

	if (at == NULL)
		return;
	for (const char *of = at; of != NULL; of = json_next(of))
		tiers |= json_number(of, "tier") > 0;
	printf("\n%-*s usable%s  active     max   weight   next\n", NAME_COLUMN - (tiers ? TIER_COLUMN : 0), "server",
	       tiers ? " tier" : "");
	for (; at != NULL; at = json_next(at))
		show_server(at, tiers);
}

static void write_acting(FILE *f, const char *at)
{
	json_print(f, at, "name");
	fprintf(f, ": %lld of %lld: ", json_number(at, "used"), json_number(at, "max"));
	json_print(f, at, "effect");
}

/* Those with room left are not worth a line. */
static void show_acting_limits(const char *body)
{
	for (const char *at = json_first(body, "limits"); at != NULL; at = json_next(at)) {
		if (json_is(at, "acts", "true"))
			show_labelled("limit       ", at, write_acting);
	}
}

/* In the order in which the connection meets them. */
static void show_route(const char *body)
{
	cli_show_value(stdout, "listener    ", body, "listener");
	show_labelled("client      ", body, write_client);
	show_tls(body);
	show_labelled("rule        ", body, write_rule);
	cli_show_value(stdout, "upstream    ", body, "upstream");
	show_acting_limits(body);
	if (json_is_there(body, "close"))
		show_labelled("closed      ", body, write_close);
	if (json_is(body, "waits", "true"))
		cli_say(stdout, "waits       ", "in the upstream's queue: every server has max_connections");
	show_servers(body);
}

/* ---- asking ---- */

/* As typed: explain_read says what is wrong with them. */
static struct explain_words words_of(const struct cli_args *a)
{
	return (struct explain_words){
		.listener = a->value[CLI_OPT_LISTENER],
		.src = a->value[CLI_OPT_SRC],
		.sni = a->value[CLI_OPT_SNI],
		.alpn = a->value[CLI_OPT_ALPN],
		.tls = a->value[CLI_OPT_TLS],
	};
}

/* Returns  NULL: no memory. */
static const char *path_of(struct cli_query *q, const struct cli_args *a)
{
	static const enum cli_opt_id opts[] = {CLI_OPT_LISTENER, CLI_OPT_SRC, CLI_OPT_SNI, CLI_OPT_ALPN, CLI_OPT_TLS};

	if (!cli_query_begin(q, "/v1/explain"))
		return NULL;
	cli_query_add_opts(q, a, opts, array_len(opts));
	return cli_query_end(q);
}

/* The process answers with what holds now: its servers, its limits. */
static int ask_process(const struct cli_args *a)
{
	struct cli_query q;
	struct cli_answer answer;
	const char *path = path_of(&q, a);
	int code = path != NULL ? cli_ask(a, "GET", path, CLI_PATIENCE, &answer) : EXIT_FAILED;

	cli_query_free(&q);
	if (code != EXIT_OK)
		return code;
	if (answer.status != 200)
		code = cli_answer_failed(&answer);
	else if (a->value[CLI_OPT_JSON] != NULL)
		fputs(answer.body, stdout);
	else
		show_route(answer.body);
	cli_answer_free(&answer);
	return code;
}

/* text: the members of the answer, or what was wrong. */
static int show_members(const struct cli_args *a, int err, const char *text)
{
	char *body = NULL;

	if (err == -NP_ENOENT) {
		cli_complain("%s", text);
		return EXIT_FAILED;
	}
	if (err != 0 || asprintf(&body, "{\"schema\":1,%s}\n", text) < 0) {
		cli_complain("%s", np_err_text(-NP_ENOMEM));
		return EXIT_FAILED;
	}
	if (a->value[CLI_OPT_JSON] != NULL)
		fputs(body, stdout);
	else
		show_route(body);
	free(body);
	return EXIT_OK;
}

/* Nothing is bound and nothing is written: a generation is made, asked, and dropped. Nobody is connected to it. */
static no_inline int ask_file(const struct cli_args *a, const struct explain_question *q)
{
	char room[512] = "", *text = NULL;
	struct limit connections = {.used = 0};
	struct snapshot_trial trial;
	struct config *c;
	struct text why;
	int code = cli_config_load(a, &c), err;

	if (code != EXIT_OK)
		return code;
	text_init(&why, room, sizeof(room) - 1);
	err = snapshot_trial(c, &trial, &why);
	if (err != 0) {
		config_free(c);
		cli_complain("%s", room[0] != '\0' ? room : np_err_text(err));
		return err == -NP_EINVAL ? EXIT_CONFIG : EXIT_FAILED;
	}
	capacity_raise_descriptors();
	snapshot_enact(trial.snap, capacity_max(1, c, 0));
	err = explain_answer(trial.snap, &connections, q, &text);
	code = show_members(a, err, text);
	free(text);
	snapshot_trial_end(&trial);
	return code;
}

/* With -c the file is asked, without it the process. */
static int explain_route(const struct cli_args *a)
{
	struct explain_words w = words_of(a);
	struct explain_question q;
	const char *wrong = explain_read(&q, &w);

	if (wrong != NULL)
		return cli_misused(a->verb, "%s", wrong);
	return a->value[CLI_OPT_CONFIG] != NULL ? ask_file(a, &q) : ask_process(a);
}

/* ---- a code ---- */

/* "E102", as problems show it. */
static bool explain_code(const char *word)
{
	for (size_t i = 0; i < DIAG_CODES; i++)
		if (strcasecmp(diag_code_text((enum diag_code)i), word) == 0) {
			cli_say(stdout, "", "%s: %s", diag_code_text((enum diag_code)i),
				diag_code_meaning((enum diag_code)i));
			puts(diag_severity((enum diag_code)i) == DIAG_ERROR ?
				     "An error: a file with one is not loaded." :
				     "A warning: the file is loaded all the same.");
			return true;
		}
	return false;
}

/* ---- a word of logs, metrics and answers ---- */

/* Each of these returns whether the word is one of its table. */
static bool explain_close(const char *word)
{
	for (size_t i = CLOSE_NONE + 1; i < CLOSE_REASONS; i++) {
		enum close_reason why = (enum close_reason)i;

		if (strcmp(close_word(why), word) != 0)
			continue;
		cli_say(stdout, "", "%s, why a connection ended: %s. Who ended it: the %s.", word, close_sentence(why),
			close_by(why));
		return true;
	}
	return false;
}

static bool explain_why(const char *word)
{
	for (size_t i = 0; i < SERVER_WHY_NOTHING; i++) {
		enum server_why why = (enum server_why)i;

		if (strcmp(server_why_text(why), word) != 0)
			continue;
		cli_say(stdout, "", "%s, why a server is held out: %s. It is back %s.", word, server_why_sentence(why),
			server_why_back(why));
		return true;
	}
	return false;
}

static bool explain_fault(const char *word)
{
	for (size_t i = 0; i < FAULTS; i++) {
		if (strcmp(fault_word((enum fault)i), word) != 0)
			continue;
		cli_say(stdout, "", "%s, what connections tell against a server: %s.", word,
			fault_sentence((enum fault)i));
		return true;
	}
	return false;
}

/* Two codes may have one name: what a deadline of ours ends is as what the kernel gives up. */
static bool explain_error(const char *word)
{
	static const char *const classes[] = {
		[NP_CLASS_PEER] = "the other side, or the way to it, caused it",
		[NP_CLASS_DEADLINE] = "a time that the configuration allows was over",
		[NP_CLASS_CLOSING] = "it was being closed",
		[NP_CLASS_LOCAL] = "this machine caused it",
		[NP_CLASS_BUG] = "a correct program does not see it; please report it",
	};
	static const int codes[] = {
#define X(code, value, class, text) code,
		NP_ERR_TBL(X)
#undef X
	};
	bool found = false;

	for (size_t i = 0; i < array_len(codes); i++) {
		const char *remedy = np_err_remedy(codes[i]);

		if (strcasecmp(np_err_name(codes[i]), word) != 0)
			continue;
		cli_say(stdout, "", "%s, an error of a call: %s; %s.%s%s", np_err_name(codes[i]), np_err_text(codes[i]),
			classes[np_err_class(codes[i])], remedy != NULL ? " What helps: " : "",
			remedy != NULL ? remedy : "");
		found = true;
	}
	return found;
}

/* One word may stand in several tables. */
static bool explain_word(const char *word)
{
	bool closes = explain_close(word), holds_out = explain_why(word), tells = explain_fault(word);

	return explain_error(word) || closes || holds_out || tells;
}

/* ---- the verb ---- */

/* A key never looks so: keys have lower case and no digits behind one letter. */
static bool is_code(const char *word)
{
	return (word[0] == 'E' || word[0] == 'e' || word[0] == 'W' || word[0] == 'w') && strlen(word) == 4 &&
	       strspn(word + 1, "0123456789") == 3;
}

/* Options that only a route has. */
static const char *stray_option(const struct cli_args *a)
{
	static const enum cli_opt_id of_route[] = {CLI_OPT_CONFIG, CLI_OPT_SOCKET, CLI_OPT_JSON, CLI_OPT_LISTENER,
						   CLI_OPT_SRC, CLI_OPT_SNI, CLI_OPT_ALPN, CLI_OPT_TLS};

	for (size_t i = 0; i < array_len(of_route); i++)
		if (a->value[of_route[i]] != NULL)
			return cli_opts[of_route[i]].word;
	return NULL;
}

/* A key that is not found is answered with the nearest one; nothing is guessed and printed. */
int cli_explain(const struct cli_args *a)
{
	const char *key = a->noperands > 0 ? a->operands[0] : NULL, *nearest = NULL, *stray = stray_option(a);
	bool known;

	if (key != NULL && strcmp(key, "route") == 0)
		return explain_route(a);
	if (stray != NULL)
		return cli_misused(a->verb, "--%s belongs to: staunch explain route", stray);
	if (key != NULL && is_code(key))
		return explain_code(key) ? EXIT_OK : cli_misused(a->verb, "\"%s\" is not a code of a problem", key);
	known = key != NULL && explain_word(key);
	if (schema_explain(stdout, cli_columns(stdout), key, &nearest) == 0)
		return EXIT_OK;
	if (schema_ends(NULL, 0, key) > 0) {
		printf("Several keys end in \"%s\":\n", key);
		schema_ends(stdout, cli_columns(stdout), key);
		return EXIT_OK;
	}
	if (known)
		return EXIT_OK;
	if (nearest != NULL)
		return cli_misused(a->verb, "\"%s\" is not a key; did you mean \"%s\"?", key, nearest);
	return cli_misused(a->verb, "\"%s\" is not a key; staunch explain lists them", key);
}
