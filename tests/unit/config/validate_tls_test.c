/* validate_tls: what TLS and the PROXY header need of each other's keys. */
#include "tests/unit/config/load.h"

/* A listener and its upstream, each with more keys. */
#define L(more) "listeners:\n  - name: web\n    bind: \":80\"\n    upstream: app\n" more
#define U(more) "upstreams:\n  - name: app\n    servers: [\"10.0.0.1:80\"]\n" more
#define PAIR    "certificates: [{cert: /c, key: /k}]"
#define IN(keys)  L("    tls: {" PAIR keys "}\n") U("")
#define OUT(keys) L("") U("    tls: {" keys "}\n")
#define PP(keys)  L("    proxy_protocol: {" keys "}\n") U("")
#define HASH      "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define ALLOW(keys) IN(", client_auth: {mode: optional, ca: /a, allow: {" keys "}}")
#define PIN       "pins: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static const struct load_row listeners[] = {
	{IN(""), NULL},
	{L("    tls: {}\n") U(""), "error[E106]: the key \"certificates\" is missing in \"tls\" of listener \"web\"\n"},
	{L("    tls: true\n") U(""), "error[E107]: \"tls\" takes a map, not a plain value\n"},
	{L("    tls: {certificates: []}\n") U(""), "\"certificates\" has 0 elements"},
	{L("    tls: {certificates: [{cert: /c, key: /k, ocsp: /o}]}\n") U(""), NULL},
	{L("    tls: {certificates: [{cert: /c, key: /k, ocsp_fetch: true}]}\n") U(""), NULL},
	{L("    tls: {certificates: [{cert: /c, key: /k, ocsp: /o, ocsp_fetch: false}]}\n") U(""), NULL},
	{L("    tls: {certificates: [{cert: /c, key: /k, ocsp: /o, ocsp_fetch: true}]}\n") U(""),
	 "error[E307]: \"ocsp\" and \"ocsp_fetch\" exclude each other: one answer is stapled\n  --> t.yaml:5:52\n"},
	{L("    tls: {certificates: [{cert: /c}]}\n") U(""),
	 "the key \"key\" is missing in certificate \"/c\" of \"tls\" of listener \"web\"\n"},
	{IN(", min_version: \"1.3\", max_version: \"1.2\""),
	 "error[E307]: min_version is newer than max_version: no version is left\n  --> t.yaml:5:61\n"},
	{IN(", max_version: \"1.2\""), NULL},
	{IN(", min_version: \"1.1\""), "\"min_version\" cannot be \"1.1\": write 1.2 or 1.3\n"},
	{IN(", min_version: \"1.3\", ciphers: X"), "warning[W303]: \"ciphers\" has no effect: TLS 1.2 is not spoken\n"},
	{IN(", max_version: \"1.2\", ciphersuites: X"), "warning[W303]: \"ciphersuites\" has no effect: TLS 1.3"},
	{IN(", ciphers: X, ciphersuites: X, groups: X"), NULL},
	{IN(", client_auth: {mode: required}"),
	 "error[E106]: the key \"ca\" is missing beside \"mode\"\n  --> t.yaml:5:68\n"},
	{IN(", client_auth: {mode: optional, crl: /r}"), "the key \"ca\" is missing beside \"mode\"\n"},
	{IN(", client_auth: {crl: /r}"), "   = help: staunch explain listeners[].tls.client_auth.ca\n"},
	{IN(", client_auth: {mode: optional}"),
	 "error[E106]: the key \"ca\" is missing beside \"mode\"\n  --> t.yaml:5:68\n"},
	{IN(", client_auth: {mode: optional, ca: /a, crl: /r}"), NULL},
	{IN(", client_auth: {mode: off, ca: /a, crl: /r}"), NULL},
	{IN(", client_auth: {mode: optional, ca: /a, names: /n}"), NULL},
	{IN(", client_auth: {names: /n}"),
	 "error[E106]: the key \"ca\" is missing beside \"names\"\n  --> t.yaml:5:69\n"},
	{IN(", client_auth: {mode: required, ca: \"\"}"), "\n1 error - configuration NOT loaded\n"},
	{IN(", client_auth: {mode: required, ca: /a, depth: 0}"), "\"depth\" is 0, less than 1\n"},
	{ALLOW("cn: me"), NULL},
	{ALLOW("cn: [me, \"A B\"], ou: x, dns: \"*.a.b\", uri: \"x:y\", ip: 10.0.0.0/8, spki: " HASH), NULL},
	{ALLOW(""), "error[E106]: \"allow\" lets nobody in: name a cn, ou, dns, uri, ip or spki\n  --> t.yaml:5:"},
	{ALLOW("common_name: me"), "\"common_name\""},
	{ALLOW("sn: me"), "did you mean \"cn\"?"},
	{ALLOW("dns: \"a*.b\""), "one * stands for the first or the last part"},
	{ALLOW("ip: unix"), "a certificate has no address of a Unix socket\n"},
	{ALLOW("ip: a.test"), "error[E"},
	{ALLOW("uri: a.test/x"), "\"a.test/x\" is no URI: a scheme and a colon come first\n"},
	{ALLOW("spki: abc"), "a SHA-256 hash is 44 letters of base64"},
	{IN(", client_auth: {mode: off, ca: /a, allow: {cn: me}}"),
	 "error[E307]: \"allow\" needs client_auth.mode: required or optional beside it\n"},
	{IN(", session_tickets: {enabled: false, keys: /t}"),
	 "warning[W303]: \"keys\" has no effect: tickets are not enabled\n"},
	{IN(", session_tickets: {enabled: false, rotate: 1h, lifetime: 5m}"), NULL}, /* as dump prints them */
	{IN(", session_tickets: {enabled: false, rotate: 2h}"), "\"rotate\" has no effect"},
	{IN(", session_tickets: {rotate: 1m}"),
	 "warning[W304]: a ticket may live longer than its key: rotate ends it before its lifetime\n"
	 "  --> t.yaml:5:74\n"},
	{IN(", session_tickets: {lifetime: 61m}"), "  --> t.yaml:5:76\n"},
	{IN(", session_tickets: {lifetime: 60m}"), NULL},
	{IN(", handshake_timeout: off"), "error[E201]"},
	{IN(", handshake_timeout: 99ms"), "less than 100ms\n"},
	{IN(", max_handshakes: 0"), "0 does not choose by itself: write auto\n"},
};

#define NAMES(keys, more) \
	L("    tls: {certificates: [{cert: /c, key: /k},\n      {cert: /d, key: /l" keys "}]" more "}\n") U("")
#define ASKS "client_auth: {mode: required, ca: /a}"
/* Behind the braces of tls; what follows closes others. */
#define ROUTE(rule) "}\n    routes: [{" rule ", upstream: app}]\n    proxy_protocol: {accept: off"
#define BYPASS \
	"warning[W305]: a client without a certificate asks for another name and gets to the same servers: " \
	"no route has sni\n"

static const struct load_row names[] = {
	{NAMES(", names: a.test", ""), NULL},
	{NAMES(", names: [a.test, \"*.b.test\"], min_version: \"1.3\", alpn: [h2]", ""), NULL},
	{NAMES(", min_version: auto, max_version: auto", ""), NULL}, /* as dump prints them */
	{NAMES(", min_version: \"1.3\"", ""),
	 "error[E106]: the key \"names\" is missing beside \"min_version\"\n  --> t.yaml:6:40\n"},
	{NAMES(", max_version: \"1.2\"", ""), "the key \"names\" is missing beside \"max_version\"\n"},
	{NAMES(", alpn: h2", ""), "the key \"names\" is missing beside \"alpn\"\n"},
	{NAMES(", " ASKS, ""), "the key \"names\" is missing beside \"client_auth\"\n"},
	{NAMES(", alpn: h2", ""), "   = help: staunch explain listeners[].tls.certificates[].names\n"},
	{NAMES(", names: [a.test, b.test, A.test]", ""), "error[E306]: \"names\" holds \"a.test\" twice\n"},
	{NAMES(", names: [a.test, b.*]", ""),
	 "error[E206]: \"b.*\" is no name of a certificate: a * stands for the first label alone\n"
	 "  --> t.yaml:6:43\n"},
	{NAMES(", names: 10.0.0.1", ""), "an IP address is never sent as a name\n"},
	{NAMES(", names: a.test, max_version: \"1.2\"", ", min_version: \"1.3\""),
	 "error[E307]: min_version is newer than max_version for these names: no version is left\n"
	 "  --> t.yaml:6:55\n"},
	{NAMES(", names: a.test, min_version: \"1.3\"", ", max_version: \"1.2\""),
	 "newer than max_version for these names"},
	{NAMES(", names: a.test, min_version: \"1.2\"", ", min_version: \"1.3\", ciphers: X"), NULL},
	{NAMES(", names: a.test, max_version: \"1.3\"", ", max_version: \"1.2\", ciphersuites: X"), NULL},
	{NAMES(", names: a.test, max_version: \"1.2\"", ", max_version: \"1.2\", ciphersuites: X"),
	 "warning[W303]: \"ciphersuites\" has no effect: TLS 1.3 is not spoken\n"},
	{NAMES(", names: a.test, client_auth: {ca: /a}", ""),
	 "error[E106]: the key \"mode\" is missing in \"client_auth\" of certificate \"/d\" of \"tls\""},
	{NAMES(", names: a.test, client_auth: {mode: optional}", ""),
	 "error[E106]: the key \"ca\" is missing beside \"mode\"\n  --> t.yaml:6:62\n"},
	{NAMES(", names: a.test, client_auth: {mode: off, crl: /r}", ""), "\"ca\" is missing beside \"crl\"\n"},
	{NAMES(", names: a.test, client_auth: {mode: optional, ca: /a, depth: 0}", ""), "\"depth\" is 0, less than"},
	{NAMES(", names: a.test, client_auth: {mode: off, ca: /a, allow: {cn: x}}", ""),
	 "error[E307]: \"allow\" needs client_auth.mode: required or optional beside it\n"},
	{NAMES(", names: a.test, client_auth: {mode: optional, ca: /a, allow: {}}", ""), "lets nobody in"},
	{NAMES(", names: a.test, client_auth: {mode: optional, ca: /a, allow: {uri: x}}", ""), "\"x\" is no URI"},
	{NAMES(", names: a.test, client_auth: {mode: optional, ca: /a, allow: {uri: \"x:y\"}}", ""), NULL},
	{NAMES(", names: a.test, client_auth: {mode: off}", ", " ASKS), NULL},
	{NAMES(", names: a.test, " ASKS, ""), BYPASS "  --> t.yaml:6:42\n"},
	{NAMES(", names: a.test, " ASKS, ", strict_sni: true"), BYPASS}, /* by a name of the first certificate */
	{NAMES(", names: a.test, " ASKS, ROUTE("alpn: h2")), BYPASS},
	{NAMES(", names: a.test, " ASKS, ROUTE("sni: a.test")), NULL},
	{NAMES(", names: a.test, " ASKS, ", " ASKS), NULL},
	{L("    tls: {strict_sni: true, certificates: [{cert: /d, key: /l, names: a.test, " ASKS "}]}\n") U(""), NULL},
	{L("    tls: {certificates: [{cert: /d, key: /l, names: a.test, " ASKS "}]}\n") U(""), BYPASS},
	{IN(", refuse_sni: [a.test, \"*.b.test\", \"c.*\"]"), NULL},
	{IN(", refuse_sni: \"*\""), "one * stands for the first or the last part: *.example.com or example.*\n"},
	{IN(", refuse_sni: []"), "\"refuse_sni\" has 0 elements, it takes 1 to 1000\n"},
};

static const struct load_row headers[] = {
	{PP("accept: required"), "error[E106]: the key \"trusted\" is missing beside \"accept\"\n  --> t.yaml:5:30\n"},
	{PP("accept: required, trusted: []"), "\n1 error - configuration NOT loaded\n"},
	{PP("accept: required, trusted: [10.0.0.0/8, \"::1\", unix]"), NULL},
	{PP("accept: required, trusted: 10.0.0.0/8"), NULL},
	{PP("accept: required, trusted: 10.0.0.1/8"),
	 "warning[W202]: \"trusted\" is \"10.0.0.1/8\": bits behind the network"},
	{PP("accept: required, trusted: lan"), "error[E210]: \"trusted\" cannot be \"lan\": "},
	{PP("accept: required, trusted: [\"::/0\", 10.0.0.0/8]"),
	 "warning[W305]: any client may send a PROXY header, and so choose the address that it is known by\n"
	 "  --> t.yaml:5:50\n"},
	{PP("accept: required, trusted: 0.0.0.0/0"), "warning[W305]: any client"},
	{PP("accept: required, trusted: \"::/96\""), NULL},
	{PP("accept: required, trusted: unix, timeout: 2999ms"),
	 "warning[W307]: a client whose first packet is lost is closed: TCP takes up to 3s to send it again\n"
	 "  --> t.yaml:5:64\n"},
	{PP("accept: required, trusted: unix, timeout: 3s"), NULL},
	{PP("accept: required, trusted: unix, max_bytes: 511B"), "\"max_bytes\" is 511B, less than 512B\n"},
	{PP("accept: required, trusted: unix, max_bytes: 64KiB"), "\"max_bytes\" is 64KiB, more than 65535B\n"},
	{PP("accept: required, trusted: unix, max_bytes: 4096"), "did you mean \"4096B\"?\n"},
	{PP("accept: optional, trusted: unix"), "\"accept\" cannot be \"optional\": write off or required\n"},
	{PP("trusted: unix"), "warning[W303]: \"trusted\" has no effect: no PROXY header is accepted\n"},
	{PP("untrusted: ignore"), "warning[W303]: \"untrusted\" has no effect: no PROXY header is accepted\n"},
	{PP("untrusted: drop"), "\"untrusted\" cannot be \"drop\": write close or ignore\n"},
	{PP("timeout: 5s"), "\"timeout\" has no effect"},
	{PP("accept: off, untrusted: close, timeout: 10s, max_bytes: 4KiB"), NULL}, /* as dump prints them */
};

static const struct load_row upstreams[] = {
	{OUT(""), NULL},
	{OUT("name: a.b, sni: c.d, ca: /a, " PIN ", cert: /c, key: /k, password_file: /p"), NULL},
	{OUT("name: 10.0.0.1"), NULL},
	{L("    tls: {" PAIR ", alpn: h2}\n") U("    tls: {sni: client, alpn: client}\n"), NULL},
	{L("    tls: {" PAIR "}\n") U("    tls: {sni: client, name: a.b, alpn: [client]}\n"),
	 "warning[W303]: listener \"web\" agrees on no protocol with its clients: it has no alpn\n  --> t.yaml:9:41\n"},
	{L("    routes: [{sni: a.b, upstream: app}]\n") U("    tls: {sni: client}\n"), NULL},
	{L("    routes: [{tls: none, upstream: app}]\n") U("    tls: {sni: client}\n"), NULL},
	{L("    routes: [{sni: a.b, upstream: app}]\n") U("    tls: {alpn: client}\n"), "agrees on no protocol"},
	{OUT("sni: client"), "warning[W303]: listener \"web\" learns no name of its clients: TLS does not end there, "
			     "and no route reads a hello\n  --> t.yaml:8:16\n"},
	{L("    routes: [{source: \"::1\", upstream: app}]\n") U("    tls: {sni: client}\n"), "\n1 warning - "},
	{OUT("alpn: [h2, client]"),
	 "error[E307]: \"client\" stands alone: the one protocol of the client is offered\n  --> t.yaml:8:22\n"},
	{L("") "upstreams: [{name: app, servers: [\"unix:/x\"], tls: {sni: client}}]\n", "learns no name"},
	{OUT("sni: 10.0.0.1"), "error[E206]: \"sni\" cannot be \"10.0.0.1\": an IP address is never sent as a name\n"},
	{OUT("sni: \"a.b:443\""), "a name has no port\n"},
	{OUT("cert: /c"), "error[E106]: the key \"key\" is missing beside \"cert\"\n"},
	{OUT("key: /k"), "error[E106]: the key \"cert\" is missing beside \"key\"\n"},
	{OUT("password_file: /p"), "warning[W303]: \"password_file\" has no effect: there is no key\n"},
	{OUT("verify: false"), "warning[W305]: anybody in between can be the server: verify is off"},
	{OUT("verify: false, " PIN), NULL},
	{OUT("verify: false, " PIN ", ca: /a"), "warning[W303]: \"ca\" has no effect: verify is off\n"},
	{OUT("pins: [x]"), "error[E207]: \"pins\" cannot be \"x\": a SHA-256 hash is 44 letters of base64"},
	{OUT("min_version: \"1.3\", max_version: \"1.2\""), "error[E307]: min_version is newer"},
	{OUT("max_version: \"1.2\", ciphersuites: X"), "\"ciphersuites\" has no effect: TLS 1.3 is not spoken\n"},
	{OUT("handshake_timeout: 11s"),
	 "warning[W304]: handshake_timeout is longer than retry_budget, which ends the attempt first\n"
	 "  --> t.yaml:8:30\n"},
	{L("") U("    tls: {}\n    retry_budget: 4s\n    timeouts: {connect: 1s}\n"), "  --> t.yaml:9:19\n"},
	{L("") "upstreams: [{name: app, servers: [\"unix:/x\"], tls: {}}]\n",
	 "error[E106]: the key \"name\" is missing in \"tls\": unix:/x has no name to verify\n"},
	{L("") "upstreams: [{name: app, servers: [\"unix:/x\"], tls: {sni: a.b}}]\n", NULL},
	{L("") "upstreams: [{name: app, servers: [\"unix:/x\"], tls: {verify: false, " PIN "}}]\n", NULL},
	{L("") U("    proxy_protocol: v2\n    tlvs: [authority, alpn, unique_id, ssl, crc32c]\n"), NULL},
	{L("") U("    proxy_protocol: v2\n    tlvs: [client_cert, ssl]\n"), NULL},
	{L("") U("    proxy_protocol: v2\n    tlvs: [crc32c, client_cert]\n"),
	 "error[E106]: \"client_cert\" needs ssl beside it: it is a part of that TLV\n  --> t.yaml:9:20\n"},
	{L("") U("    proxy_protocol: v1\n    tlvs: crc32c\n"), "error[E307]: \"tlvs\" needs proxy_protocol: v2\n"},
	{L("") U("    custom_tlvs: [{type: 0xE0, value: x}]\n"), "error[E307]: \"custom_tlvs\" needs proxy_protocol"},
	{L("") U("    proxy_protocol: v2\n    tlvs: [ssl, ssl]\n"), "error[E306]: \"tlvs\" holds \"ssl\" twice\n"},
	{L("") U("    proxy_protocol: v2\n    tlvs: [sslt]\n"), "did you mean \"ssl\"?\n"},
	{L("") U("    proxy_protocol: v2\n    custom_tlvs: [{type: 0xE0}, {type: 224, value: x}]\n"),
	 "error[E306]: a TLV of type 0xE0 is already there\n  --> t.yaml:9:40\n"},
	{L("") U("    proxy_protocol: v2\n    custom_tlvs: [{type: 0xF0}]\n"), "\"type\" is 0xF0, more than 0xEF\n"},
	{L("") U("    proxy_protocol: v2\n    custom_tlvs: [{type: 0xDF}]\n"), "\"type\" is 0xDF, less than 0xE0\n"},
	{L("") U("    proxy_protocol: v2\n    custom_tlvs: [{value: x}]\n"),
	 "the key \"type\" is missing in TLV 1 of upstream \"app\"\n"},
	{L("") U("    proxy_protocol: v3\n"), "\"proxy_protocol\" cannot be \"v3\": write off, v1 or v2\n"},
};

static void tls_that_ends_here(void **state)
{
	(void)state;
	load_rows(listeners, array_len(listeners));
}

static void te3_names_with_settings_of_their_own(void **state)
{
	(void)state;
	load_rows(names, array_len(names));
}

static void proxy_headers_received(void **state)
{
	(void)state;
	load_rows(headers, array_len(headers));
}

static void towards_servers(void **state)
{
	(void)state;
	load_rows(upstreams, array_len(upstreams));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_that_ends_here),
		cmocka_unit_test(te3_names_with_settings_of_their_own),
		cmocka_unit_test(proxy_headers_received),
		cmocka_unit_test(towards_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
