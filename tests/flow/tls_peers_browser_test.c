/* A browser that loads a page and what it refers to, over HTTP/2, through the edge: TLS passes and
 * is routed by name, or it ends at the edge, which agrees on h2 and hands plain HTTP/2 to the
 * server. The page's own script says which protocol the browser used for each part and whether the
 * parts arrived whole; the server's log says what came to it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

enum { NUMBERS = 300000 }; /* the big part: 2 MB of them */

/* ---- the site -------------------------------------------------------------------------------- */

/* What its script found stands in #said: the page's protocol, then each part's with its size, in
 * the order of their names, then what the parts did. */
static const char page[] =
	"<!doctype html><link rel=stylesheet href=style.css><script src=big.js></script>\n"
	"<img id=i src=dot.svg><p id=said></p><script>\n"
	"onload = () => {\n"
	"  const found = kind => performance.getEntriesByType(kind);\n"
	"  const part = e => [e.name.split('/').pop(), e.nextHopProtocol, e.decodedBodySize].join(' ');\n"
	"  const said = document.getElementById('said');\n"
	"  said.textContent = ['page ' + found('navigation')[0].nextHopProtocol,\n"
	"    ...found('resource').map(part).sort(), getComputedStyle(said).color,\n"
	"    'image ' + document.getElementById('i').naturalWidth,\n"
	"    'numbers ' + big.length, 'in order ' + big.every((v, i) => v == i)].join('; ');\n"
	"};\n"
	"</script>\n";
static const char style[] = "p { color: rgb(1, 2, 3); }\n";
static const char dot[] = "<svg xmlns='http://www.w3.org/2000/svg' width='23' height='5'/>\n";

static void write_site(void)
{
	char path[KIT_PATH];
	FILE *f;

	assert_int_equal(mkdir(textf("%s/www", kit_dir()), 0755), 0);
	kit_file_write("www/index.html", page, path);
	kit_file_write("www/style.css", style, path);
	kit_file_write("www/dot.svg", dot, path);
	kit_file_write("www/big.js", "", path);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("const big = [", f);
	for (int i = 0; i < NUMBERS; i++)
		fprintf(f, "%d,", i);
	fputs("];\n", f);
	assert_int_equal(fclose(f), 0);
}

/* nginx with these servers. kit_dir()/said gets a line for each request: its protocol, the client
 * that the server was told of, the name that was asked for, the path. */
static struct kit_child *site_start(int port, const char *servers)
{
	static const char form[] =
		"daemon off; master_process off; pid @DIR@/nginx.pid; error_log stderr;\n"
		"events { worker_connections 256; }\n"
		"http {\n"
		"  types { text/html html; text/css css; text/javascript js; image/svg+xml svg; }\n"
		"  log_format said\n"
		"    '$server_protocol from=$proxy_protocol_addr $ssl_server_name $uri';\n"
		"  access_log @DIR@/said said; root @DIR@/www; charset utf-8;\n"
		"  client_body_temp_path @DIR@/nginx_body; proxy_temp_path @DIR@/nginx_proxy;\n"
		"  fastcgi_temp_path @DIR@/nginx_fcgi; uwsgi_temp_path @DIR@/nginx_uwsgi;\n"
		"  scgi_temp_path @DIR@/nginx_scgi;\n"
		"%s"
		"}\n";
	char path[KIT_PATH];

	write_site();
	kit_file_write("nginx.conf", textf(form, servers), path);
	return program_serve("nginx", KIT_ARGV("nginx", "-e", "stderr", "-p", kit_dir(), "-c", path),
			     kit_ip(0), port);
}

/* ---- the browser ----------------------------------------------------------------------------- */

static const char *browser(void)
{
	return kit_have("chromium-headless-shell") ? "chromium-headless-shell" : "chromium";
}

/* The page as it is once its script has run. a.test is the edge; its certificate is believed for
 * its key's sake alone. */
static struct kit_child *browse(const struct edge *e)
{
	char pin[64];

	kit_cert_pin(pki.leaf, pin);
	return program_run("browser",
			   KIT_ARGV("env", textf("HOME=%s", kit_dir()), browser(), "--headless",
				    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
				    "--disable-background-networking", "--disable-component-update",
				    "--disable-sync", "--disable-dev-shm-usage", "--disable-breakpad",
				    textf("--user-data-dir=%s/browser", kit_dir()),
				    textf("--host-resolver-rules=MAP * %s", kit_ip(1)),
				    textf("--ignore-certificate-errors-spki-list=%s", pin),
				    "--dump-dom", textf("https://a.test:%d/index.html", e->port)));
}

static long size_of(const char *part)
{
	struct stat st;

	assert_int_equal(stat(textf("%s/www/%s", kit_dir(), part), &st), 0);
	return (long)st.st_size;
}

static void page_was_whole(const struct kit_child *c)
{
	const char *want = textf("page h2; big.js h2 %ld; dot.svg h2 %ld; style.css h2 %ld; "
				 "rgb(1, 2, 3); image 23; numbers %d; in order true",
				 size_of("big.js"), size_of("dot.svg"), size_of("style.css"), NUMBERS);
	char dom[8192];

	kit_file_read(c->out, dom, sizeof(dom));
	if (strstr(dom, want) == NULL)
		kit_fail("not \"%s\" in\n%s", want, dom);
}

static void server_wrote(const char *line)
{
	kit_file_wait(textf("%s/said", kit_dir()), line, 1);
}

/* The server's side: each of the four came over HTTP/2, with these words before its path. */
static void server_saw(const char *words)
{
	static const char *const paths[] = {"/index.html", "/style.css", "/big.js", "/dot.svg"};

	for (size_t i = 0; i < array_len(paths); i++)
		server_wrote(textf("HTTP/2.0 %s %s", words, paths[i]));
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void needs(void)
{
	program_need("nginx");
	program_need("curl");
	program_need(browser());
	pki_write();
}

static void http2_passes_by_name(void **state)
{
	static const char form[] = "  server { listen %s:%d ssl http2;\n"
				   "    ssl_certificate %s; ssl_certificate_key %s; }\n";
	int port = kit_port(kit_ip(0)), nobody = kit_refuser(kit_ip(0));
	struct kit_child *site;
	struct edge e;

	(void)state;
	needs();
	site = site_start(port, textf(form, kit_ip(0), port, pki.cert, pki.key));
	e = edge_start("routes: [{sni: [a.test], upstream: site}], upstream: nobody",
		       textf("%s%s", edge_upstream("site", port, ""),
			     edge_upstream("nobody", nobody, "")));
	page_was_whole(browse(&e));
	server_saw("from=- a.test");
	edge_end(&e);
	edge_said(&e, " sni=a.test ");
	program_stop(site, SIGTERM);
}

/* What agreed on h2 goes to a server that knows nothing else, the rest to one that does not know it. */
static void http2_ends_at_the_edge(void **state)
{
	static const char form[] = "  server { listen %s:%d http2 proxy_protocol; }\n"
				   "  server { listen %s:%d; }\n";
	int h2 = kit_port(kit_ip(0)), h1 = kit_port(kit_ip(0));
	struct kit_child *site, *c;
	struct edge e;

	(void)state;
	needs();
	site = site_start(h1, textf(form, kit_ip(0), h2, kit_ip(0), h1));
	e = edge_start(textf("%s, routes: [{alpn: [h2], upstream: h2}]",
			     tls_edge_keys(", alpn: [h2, http/1.1]")),
		       textf("%s%s", edge_upstream("h2", h2, ", proxy_protocol: v2"),
			     edge_upstream("back", h1, "")));
	page_was_whole(browse(&e));
	server_saw("from=127.0.0.1 -");
	c = program_run("curl", KIT_ARGV("curl", "-sSf", "--http1.1", "--cacert", pki.ca, "--resolve",
					 textf("a.test:%d:%s", e.port, kit_ip(1)),
					 textf("https://a.test:%d/style.css", e.port)));
	program_said(c, style);
	server_wrote("HTTP/1.1 from=- - /style.css");
	edge_end(&e);
	edge_said(&e, " upstream=h2 ");
	edge_said(&e, " sni=a.test alpn=h2 tls=TLSv1.3 ");
	program_stop(site, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(http2_passes_by_name, kit_end),
		cmocka_unit_test_teardown(http2_ends_at_the_edge, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
