/* admin_dashboard: the page for people, and what it loads: files of proxy/admin/dashboard/ and Chart.js, compressed by
 * the build. There is no plain form of them: every browser takes gzip. */
#include <string.h>

#include "proxy/admin/admin_priv.h"

/* X(symbol, path, type): the symbols are those of dashboard/assets.S. */
#define ASSET_TBL(X)                                                            \
	X(page,   "/",                     "text/html; charset=utf-8")          \
	X(style,  "/assets/dashboard.css", "text/css; charset=utf-8")           \
	X(script, "/assets/dashboard.js",  "text/javascript; charset=utf-8")    \
	X(parts,  "/assets/parts.js",      "text/javascript; charset=utf-8")    \
	X(charts, "/assets/charts.js",     "text/javascript; charset=utf-8")    \
	X(chart,  "/assets/chart.js",      "text/javascript; charset=utf-8")    \
	X(icon,   "/assets/icon.svg",      "image/svg+xml")

#define X(symbol, path, type) extern const char asset_##symbol[], asset_##symbol##_end[], asset_##symbol##_etag[];
ASSET_TBL(X)
#undef X

static const struct asset assets[] = {
#define X(symbol, path, type) {path, type, asset_##symbol, asset_##symbol##_end, asset_##symbol##_etag},
	ASSET_TBL(X)
#undef X
};

/* Kept by the browser, and asked about each time: a new build has other tags. */
void asset_put_head(const struct asset *a, struct text *t)
{
	text_str(t, "Cache-Control: no-cache\r\nETag: ");
	text_str(t, a->etag);
	text_str(t, "\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nReferrer-Policy: no-referrer\r\n"
		    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n");
}

static bool takes_gzip(const struct http_request *q)
{
	return q->accept_encoding.p == NULL || http_list_has(q->accept_encoding, "gzip") ||
	       http_list_has(q->accept_encoding, "*");
}

void admin_dashboard(struct client *c, struct reply *r)
{
	const struct asset *a = NULL;

	for (size_t i = 0; i < array_len(assets) && a == NULL; i++)
		if (strcmp(c->request.path, assets[i].path) == 0)
			a = &assets[i];
	if (a == NULL) {
		reply_error(r, 404, "there is nothing at this path", "the dashboard is at /");
		return;
	}
	if (!takes_gzip(&c->request)) {
		reply_error(r, 406, "the dashboard is compressed by gzip, which this client does not take", NULL);
		return;
	}
	r->asset = a;
	r->type = a->type;
	if (http_list_has(c->request.if_none_match, a->etag)) {
		r->status = 304;
		r->head_only = true;
	}
}
