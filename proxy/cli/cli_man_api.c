/* cli_man_api: staunch-api(7), from the tables of routes and of members. A flow test compares the members with real
 * answers (tests/flow/admin_fields_test.c), so that the page explains neither more nor less than there is. */
#include "proxy/cli/cli_man_api.h"

#include <string.h>

#include "config/text/utf8.h"
#include "proxy/admin/admin_conns_tbl.h"
#include "proxy/admin/admin_fields_tbl.h"
#include "proxy/admin/admin_tbl.h"
#include "proxy/cli/cli.h"
#include "proxy/proto/http_request.h"
#include "proxy/upstream/server_state.h"

struct api_item {
	const char *name, *help;
};

/* What is asked: a row of admin_tbl.h. */
static const struct api_route {
	const char *path, *help;
	unsigned methods;
	bool open;
} api_routes[] = {
#define X(path, methods, open, handler, help) {path, help, methods, open},
	ADMIN_TBL(X)
#undef X
};

/* What both objects have stands behind what is their own, as in the answers. */
#define X(member, help) {member, help},
static const struct api_item upstream_members[] = {UPSTREAM_FIELD_TBL(X) COUNT_FIELD_TBL(X)};
static const struct api_item server_members[] = {SERVER_FIELD_TBL(X) COUNT_FIELD_TBL(X)};
#undef X

/* Also the values of `fields` in a question for connections. */
static const struct api_item conn_members[] = {
#define X(id, member, wants, help) {#member, help},
	CONN_FIELD_TBL(X)
#undef X
};

/* The words of `why` with their sentences; the last one is no word: nothing is in the way. */
static const struct api_item why_words[] = {
#define X(name, usable, word, sentence, back) {word, sentence},
	SERVER_WHY_TBL(X)
#undef X
};

/* As a tagged paragraph. Every text of a table passes the escapes of roff. */
static void put_api_item(FILE *out, const struct api_item *item)
{
	if (item->name == NULL)
		return;
	fputs(".TP\n.B ", out);
	utf8_put_roff(out, item->name);
	putc('\n', out);
	utf8_put_roff(out, item->help);
	putc('\n', out);
}

static void put_api_items(FILE *out, const char *title, const struct api_item *items, size_t n)
{
	fprintf(out, ".SS %s\n", title);
	for (size_t i = 0; i < n; i++)
		put_api_item(out, &items[i]);
}

/* HEAD goes with GET, so it is not named. */
static void put_api_route(FILE *out, const struct api_route *r)
{
	fprintf(out, ".TP\n.B %s%s%s ", (r->methods & HTTP_GET) != 0 ? "GET" : "",
		r->methods == (HTTP_GET | HTTP_HEAD | HTTP_POST) ? ", " : "",
		(r->methods & HTTP_POST) != 0 ? "POST" : "");
	utf8_put_roff(out, r->path);
	putc('\n', out);
	utf8_put_roff(out, r->help);
	fputs(r->open ? " Over TCP everybody may ask it.\n" : "\n", out);
}

/* Routes first: who reads the page has one of them in mind. */
void cli_man_api(FILE *out)
{
	fprintf(out, ".TH STAUNCH\\-API 7 \"\" \"staunch %s\"\n", cli_version_text());
	fputs(".SH NAME\nstaunch\\-api \\- what the control plane of a running staunch answers\n"
	      ".SH DESCRIPTION\n"
	      "HTTP/1.1 at the control socket (control.socket), and over TCP where control.http says so. The verbs are "
	      "clients of it; those with \\-\\-json print an answer as it came. Each answer is an object with schema "
	      "(1), generation and time, or a line for each object. Members are only added. A time is UTC, a name "
	      "that ends in _ms is milliseconds; null is \"there is none\".\n.PP\n"
	      "What changes something is POST with the header X\\-Staunch: 1; over TCP it needs a token of "
	      "control.token_file (Authorization: Bearer). If\\-Match: N makes a change only while generation N is in "
	      "force. An error has error.code, error.message and perhaps error.help.\n"
	      ".SH ROUTES\n", out);
	for (size_t i = 0; i < array_len(api_routes); i++)
		put_api_route(out, &api_routes[i]);
	fputs(".SH MEMBERS\n", out);
	put_api_items(out, "/v1/servers: servers[]", server_members, array_len(server_members));
	put_api_items(out, "Words of why", why_words, array_len(why_words));
	put_api_items(out, "/v1/upstreams: upstreams[]", upstream_members, array_len(upstream_members));
	put_api_items(out, "/v1/conns: a line", conn_members, array_len(conn_members));
	fputs(".SH EXAMPLES\n.TP\nThe servers that get no connection, and why:\n.nf\n"
	      "curl \\-s \\-\\-unix\\-socket /run/staunch/control.sock http://localhost/v1/servers |\n"
	      "jq \\-r \\[aq].servers[] | select(.usable != \"yes\") | "
	      "[.upstream, .server, .why_text] | @tsv\\[aq]\n.fi\n"
	      ".SH SEE ALSO\n.BR staunch (1),\n.BR staunch.yaml (5),\n.BR staunch\\-metrics (7),\n.BR jq (1)\n", out);
}
