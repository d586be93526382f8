/* migrate_rows_tbl: what migrate_test.c tries, row by row. */
#ifndef TESTS_UNIT_PROXY_MIGRATE_MIGRATE_ROWS_TBL_H
#define TESTS_UNIT_PROXY_MIGRATE_MIGRATE_ROWS_TBL_H

#define MOST 6

struct row {
	const char *name, *program, *text;
	int code;
	const char *has[MOST]; /* in the output without comments; with a ! in front: in the losses or the complaint */
};

#define SERVER(more)   "stream { server { listen 127.0.0.1:443; proxy_pass 10.0.0.1:80; " more " } }"
#define UPSTREAM(more) "stream { upstream u { " more " } server { listen 443; proxy_pass u; } }"
#define TLS(more)                                                                                                \
	"stream { server { listen 443 ssl; ssl_certificate /c.pem; ssl_certificate_key /k.pem; proxy_pass 10.0.0.1:80; " \
	more " } }"

/* M1, M3: each directive of stream{}. */
static const struct row nginx_rows[] = {
	{"M1 an address for all", "nginx", "stream { server { listen 443; listen [::]:443; proxy_pass 10.0.0.1:80; } }", 0,
	 {"name: port-443 bind: - \"0.0.0.0:443\" - \"[::]:443\" upstream: \"10.0.0.1-80\"", "address: \"10.0.0.1:80\""}},
	{"M1 a range", "nginx", "stream { server { listen 127.0.0.1:81-83; proxy_pass unix:/run/x.sock; } }", 0,
	 {"- \"127.0.0.1:81\" - \"127.0.0.1:82\" - \"127.0.0.1:83\"", "address: \"unix:/run/x.sock\"", "name: run-x.sock"}},
	{"M1 rates of a connection", "nginx",
	 SERVER("listen 9; proxy_download_rate 100k; proxy_upload_rate 2m;"), 0,
	 {"download: \"100KiB/s\"", "upload: \"2MiB/s\""}},
	{"M1 a rate that is none here", "nginx", SERVER("listen 9; proxy_download_rate 100;"), 3,
	 {"!proxy_download_rate 100: bytes are relayed as fast"}},
	{"M1 what a listen says", "nginx", SERVER("listen 9 backlog=7 reuseport so_keepalive=on fastopen=3 multipath;"), 3,
	 {"backlog: 7", "!fastopen=3: handshakes carry no data", "!multipath: MPTCP is not offered"}},
	{"M1 datagrams", "nginx", SERVER("} server { listen 53 udp; proxy_pass 10.0.0.1:53;"), 3,
	 {"127.0.0.1:443", "!test.conf:1: listen 53 udp: the server is left out"}},
	{"M1 timers", "nginx", SERVER("proxy_timeout 1h30m; proxy_connect_timeout 1500ms; preread_timeout 1s;"), 0,
	 {"timeouts: idle: 1h30m", "timeouts: connect: 1s500ms"}},
	{"M1 the default timer", "nginx", SERVER(""), 0, {"idle: 10m"}},
	{"M1 stream's settings are those of servers that have none", "nginx",
	 "stream { server { listen 1; proxy_pass 10.0.0.1:1; } server { listen 2; proxy_pass 10.0.0.1:1; proxy_timeout 3s; } "
	 "proxy_timeout 2s; proxy_connect_timeout 9s; }", 0,
	 {"idle: 2s", "idle: 3s", "connect: 9s"}},
	{"M1 servers that differ get upstreams that differ", "nginx",
	 "stream { upstream u { server 10.0.0.1:1; } server { listen 1; proxy_pass u; } "
	 "server { listen 2; proxy_pass u; proxy_connect_timeout 1s; } server { listen 3; proxy_pass u; } }", 0,
	 {"name: port-2 bind: - \"0.0.0.0:2\" upstream: u-2", "name: port-3 bind: - \"0.0.0.0:3\" upstream: u "}},
	{"M1 retries", "nginx", SERVER("proxy_next_upstream_tries 3; proxy_next_upstream_timeout 7s;"), 0,
	 {"retries: 2", "retry_budget: 7s"}},
	{"M1 no retries", "nginx", SERVER("proxy_next_upstream off; proxy_next_upstream_tries 3;"), 0, {"retries: 0"}},
	{"M1 half-close is off by its word alone", "nginx", SERVER("proxy_half_close off;"), 0, {"on_fin: end"}},
	{"M1 headers out", "nginx", SERVER("proxy_protocol on;"), 0, {"proxy_protocol: v1"}},
	{"M1 headers in", "nginx",
	 "stream { server { listen 443 proxy_protocol; set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:; proxy_pass a:1; } }",
	 0, {"accept: required", "trusted: - \"10.0.0.0/8\" - unix", "untrusted: ignore"}},
	{"M1 how a server is chosen", "nginx", UPSTREAM("hash $remote_addr consistent; server a:1; server b:1;"), 0,
	 {"balance: source_hash"}},
	{"M1 two by lot", "nginx", UPSTREAM("random two least_conn; server a:1; server b:1;"), 0, {"balance: random_two"}},
	{"M1 by name", "nginx", UPSTREAM("hash $ssl_preread_server_name; server a:1;"), 0, {"hash_on: sni"}},
	{"M1 what a server says", "nginx",
	 UPSTREAM("server a:1 weight=5 max_conns=9 max_fails=2 fail_timeout=30s; server b:1 backup; server c:1 down;"), 0,
	 {"address: \"a:1\" weight: 5 max_connections: 9", "address: \"b:1\" backup: true", "address: \"c:1\" weight: 0",
	  "failures: 2 within: 30s out: 30s"}},
	{"M1 failures are one for all servers", "nginx", UPSTREAM("server a:1 max_fails=2; server b:1 max_fails=0;"), 3,
	 {"failures: 2", "!server b:1 max_fails=0: health.passive.failures is one for all servers"}},
	{"M1 SRV", "nginx", UPSTREAM("server a.example service=ldap resolve;"), 0, {"\"srv:_ldap._tcp.a.example\""}},
	{"M1 a map of names", "nginx",
	 "stream { map $ssl_preread_server_name $x { hostnames; default d; *.b.example b; A.b.example a; mail.* m; } "
	 "upstream a { server a:1; } upstream b { server b:1; } upstream d { server d:1; } upstream m { server m:1; } "
	 "server { listen 443; ssl_preread on; proxy_pass $x; } }", 0,
	 {"- sni: - a.b.example upstream: a - sni: - \"*.b.example\" upstream: b - sni: - \"mail.*\" upstream: m",
	  "upstream: d"}},
	{"M1 a port behind a variable", "nginx",
	 "stream { map $ssl_preread_server_name $x { a.example 10.0.0.1; } server { listen 1; proxy_pass $x:443; } }", 0,
	 {"address: \"10.0.0.1:443\""}},
	{"M1 protocols", "nginx",
	 "stream { map $ssl_preread_alpn_protocols $x { ~\\bh2\\b 10.0.0.1:1; default 10.0.0.2:1; } "
	 "server { listen 1; proxy_pass $x; } }", 0, {"alpn: - h2 upstream: \"10.0.0.1-1\""}},
	{"M1 no TLS", "nginx",
	 "stream { map $ssl_preread_protocol $x { '' 10.0.0.1:22; TLSv1.2 10.0.0.3:1; default 10.0.0.2:1; } "
	 "server { listen 1; proxy_pass $x; } }", 0, {"tls: - none upstream", "tls: - \"1.2\" upstream"}},
	{"M1 networks, the longest first", "nginx",
	 "stream { geo $x { default a:1; 10.0.0.0/8 b:1; 10.1.0.0/16 c:1; } server { listen 1; proxy_pass $x; } }", 0,
	 {"source: - \"10.1.0.0/16\" upstream: c-1 - source: - \"10.0.0.0/8\" upstream: b-1"}},
	{"M1 TLS ends here", "nginx",
	 TLS("ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_verify_client optional; ssl_client_certificate /ca.pem;"), 0,
	 {"cert: \"/c.pem\" key: \"/k.pem\"", "min_version: \"1.3\" max_version: \"1.3\"", "mode: optional", "ca: \"/ca.pem\"",
	  "enabled: false"}},
	{"M1 old versions", "nginx", TLS("ssl_protocols TLSv1 TLSv1.2;"), 3, {"max_version: \"1.2\"", "!TLSv1: older than"}},
	{"M1 TLS towards servers", "nginx", SERVER("proxy_ssl on; proxy_ssl_verify off; proxy_ssl_name a.example;"), 0,
	 {"tls: verify: false name: a.example"}},
	{"M1 nothing goes in the clear that did not", "nginx", SERVER("proxy_ssl on; proxy_ssl_name '?';"), 3,
	 {"address: \"10.0.0.1:80\" tls: {}", "!proxy_ssl_name ?: left out"}},
	{"M1 names of one address", "nginx",
	 TLS("} server { listen 443 ssl; server_name b.example; ssl_certificate /b.pem; ssl_certificate_key /b.key; "
	     "proxy_pass b:1;"), 0, {"sni: - b.example upstream: b-1", "cert: \"/b.pem\" key: \"/b.key\" names: - b.example"}},
	{"M1 logs and resolvers", "nginx",
	 "error_log stderr warn; stream { access_log /var/log/s.log; resolver 10.0.0.53 valid=30s; server { listen 1; "
	 "proxy_pass a:1; } }", 0, {"level: warning", "access: \"/var/log/s.log\"", "servers: - \"10.0.0.53\"", "max_ttl: 30s"}},
	{"M1 limits are losses until they are here", "nginx", SERVER("proxy_bind 10.0.0.9;"), 3, {"!proxy_bind 10.0.0.9: the kernel"}},
	{"M1 an unknown directive", "nginx", SERVER("frobnicate 1;"), 3, {"!test.conf:1: frobnicate 1: unknown here"}},
	{"M3 http", "nginx", "http { server { listen 80; } } " SERVER(""), 3, {"!test.conf:1: http: left out with all"}},
	{"M3 http alone", "nginx", "http { server { listen 80; } }", 78, {"!no stream block"}},
	{"M3 a part of http", "nginx", "server { listen 80; location / { } }", 78, {"!this is of http"}},
	{"M3 njs", "nginx", "stream { js_import m.js; server { listen 1; js_preread m.p; proxy_pass a:1; } }", 3,
	 {"!js_import m.js: no code runs", "!js_preread m.p: no code runs"}},
	{"M3 expressions", "nginx",
	 "stream { map $ssl_preread_server_name $x { ~^a(b)$ a:1; default d:1; } server { listen 1; proxy_pass $x; } }", 3,
	 {"upstream: d-1", "!~^a(b)$: clients that match the expression go where all others go"}},
	{"M3 the client's own choice", "nginx",
	 "stream { server { listen 1; proxy_pass $ssl_preread_server_name:443; } }", 78, {"!no client chooses"}},
};

#define LISTEN(bind, more) "defaults\n timeout connect 5s\nlisten l\n bind " bind "\n server s 10.0.0.1:80\n" more "\n"
#define BACKEND(more)      "listen l\n bind :1\n" more "\n"
#define FRONT(more)                                                                                              \
	"frontend f\n bind :1\n" more "\n default_backend d\nbackend d\n server s d:1\nbackend a\n server s a:1\n"

/* M2, M3: each directive of mode tcp. */
static const struct row haproxy_rows[] = {
	{"M2 all forms of an address", "haproxy", LISTEN("*:1,10.0.0.1:2,::1:3,[::]:4,unix@/run/a.sock mode 660 group www", " bind abns@b"),
	 0, {"\"0.0.0.0:1\" - \"10.0.0.1:2\" - \"[::1]:3\" - \"[::]:4\"", "address: \"unix:/run/a.sock\" mode: \"0660\" owner: \":www\"",
	     "unix:@b"}},
	{"M2 TLS and plain at once", "haproxy", LISTEN("10.0.0.9:80", " bind :443 ssl crt /a.pem alpn h2,http/1.1 strict-sni"), 0,
	 {"name: l bind: - \"10.0.0.9:80\"", "name: l-2 bind: - \"0.0.0.0:443\"", "cert: \"/a.pem\" key: \"/a.pem\"",
	  "alpn: - h2 - \"http/1.1\"", "strict_sni: true"}},
	{"M2 headers and options of a bind", "haproxy", LISTEN(":1 accept-proxy tfo interface eth0", ""), 3,
	 {"accept: required", "!tfo: handshakes", "!interface: the address is open"}},
	{"M2 global", "haproxy", "global\n maxconn 99\n nbthread 3\n log 10.0.0.9 local2\n hard-stop-after 9s\n" LISTEN(":1", ""), 0,
	 {"max_connections: 99", "workers: 3", "address: \"10.0.0.9:514\" facility: local2", "shutdown: timeout: 9s"}},
	{"M2 timers", "haproxy",
	 LISTEN(":1", " timeout client 5000\n timeout server 2m\n timeout queue 3s\n timeout client-fin 4s"), 0,
	 {"idle: 5s", "half_close: 4s"}},
	{"M2 a tunnel's timer", "haproxy", LISTEN(":1", " timeout client 5s\n timeout tunnel 1h"), 0, {"idle: 1h"}},
	{"M2 for ever", "haproxy", LISTEN(":1", " timeout client 0\n timeout server 0"), 0, {"idle: off"}},
	{"M2 clients beyond maxconn wait", "haproxy", LISTEN(":1", " maxconn 7"), 0, {"max_connections: 7 at_limit: wait"}},
	{"M2 how a server is chosen", "haproxy", BACKEND(" balance source\n hash-type consistent\n server s a:1"), 0,
	 {"balance: source_hash"}},
	{"M2 what cannot choose", "haproxy", BACKEND(" balance uri\n server s a:1"), 3, {"balance: round_robin", "!balance uri: "}},
	{"M2 what a server says", "haproxy",
	 BACKEND(" server a a:1 weight 5 maxconn 9 check inter 3s rise 1 fall 2 port 8\n server b b:1 backup check disabled"), 0,
	 {"address: \"a:1\" weight: 5 max_connections: 9", "address: \"b:1\" backup: true weight: 0",
	  "tcp: interval: 3s rise: 1 fall: 2 port: 8"}},
	{"M2 defaults of servers", "haproxy", BACKEND(" default-server weight 7 check\n server a a:1\n server b b:1 weight 8"), 0,
	 {"\"a:1\" weight: 7", "\"b:1\" weight: 8", "health: tcp:"}},
	{"M2 one check for all", "haproxy", BACKEND(" server a a:1 check\n server b b:1"), 3, {"!server b b:1: checked like"}},
	{"M2 headers and TLS towards servers", "haproxy",
	 BACKEND(" server a a:1 send-proxy-v2-ssl ssl verify none sni req.ssl_sni ca-file /ca.pem"), 0,
	 {"proxy_protocol: v2 tlvs: - ssl", "verify: false", "sni: client"}},
	{"M2 servers are verified", "haproxy", BACKEND(" server a a.example:1 ssl"), 0, {"tls: name: a.example"}},
	{"M2 a template", "haproxy", BACKEND(" server-template t 1-3 _x._tcp.a.example check"), 0, {"\"srv:_x._tcp.a.example\""}},
	{"M2 a conversation", "haproxy",
	 BACKEND(" option tcp-check\n tcp-check send PING\\r\\n\n tcp-check expect string +PONG\n server a a:1 check"), 0,
	 {"send: \"PING\\\\r\\\\n\" expect: \"+PONG\""}},
	{"M2 known programs", "haproxy", BACKEND(" option ssl-hello-chk\n server a a:1 check"), 0, {"health: tls:"}},
	{"M2 a check by HTTP", "haproxy",
	 BACKEND(" option httpchk GET /up\n http-check expect status 200\n server a a:1 check"), 0,
	 {"http:", "path: \"/up\"", "status: 200"}},
	{"M2 names decide", "haproxy", FRONT(" acl x req.ssl_sni -i A.example b.example\n use_backend a if x"), 0,
	 {"sni: - a.example - b.example upstream: a", "upstream: d"}},
	{"M2 either of two, both of two", "haproxy",
	 FRONT(" use_backend a if { req_ssl_sni -m end .x.example } { src 10.0.0.0/8 } or { req.ssl_alpn h2 }"), 0,
	 {"sni: - \"*.x.example\" source: - \"10.0.0.0/8\" upstream: a", "alpn: - h2 upstream: a"}},
	{"M2 what is no TLS", "haproxy",
	 FRONT(" tcp-request inspect-delay 5s\n use_backend a if !{ req.ssl_hello_type 1 }"), 0,
	 {"tls: - none upstream: a", "preread: timeout: 5s"}},
	{"M2 what is no TLS is closed", "haproxy",
	 FRONT(" tcp-request content accept if { req_ssl_hello_type 1 }\n tcp-request content reject"), 0,
	 {"routes: - tls: - only upstream: d"}},
	{"M2 what no route asks", "haproxy", FRONT(" use_backend a if { dst_port 99 }"), 3, {"!use_backend a if { dst_port 99 }: left"}},
	{"M2 connections of a source", "haproxy", FRONT(" tcp-request connection reject if { src_conn_cur ge 9 }"), 0,
	 {"per_source: connections: 8"}},
	{"M2 resolvers", "haproxy", "resolvers r\n nameserver n 10.0.0.53:53\n hold nx 9s\n" LISTEN(":1", ""), 0,
	 {"servers: - \"10.0.0.53:53\" hold: 9s"}},
	{"M2 named defaults", "haproxy",
	 "defaults a\n mode tcp\n timeout client 9s\ndefaults b\n mode http\nlisten l from a\n bind :1\n server s a:1\n", 0, {"idle: 9s"}},
	{"M3 mode http", "haproxy", LISTEN(":1", "frontend h\n mode http\n bind :2"), 3,
	 {"!test.conf:6: frontend h: mode http: left out with all"}},
	{"M3 mode http alone", "haproxy", "defaults\n mode http\nlisten l\n bind :1\n server s a:1\n", 78, {"!nothing in this file"}},
	{"M3 Lua and SPOE", "haproxy", "global\n lua-load x.lua\n" LISTEN(":1", " filter spoe engine e"), 3,
	 {"!lua-load x.lua: no code runs", "!filter spoe engine e: no filter"}},
	{"M3 expressions", "haproxy", FRONT(" use_backend a if { req.ssl_sni -m reg ^a }"), 3, {"!-m reg ^a }: left out"}},
};

/* M5: what the tokenizers take, and where they point at. */
static const struct row word_rows[] = {
	{"M5 quotes and escapes", "nginx", "stream { server { listen '127.0.0.1:1'; proxy_pass \"u\\\"\\x\"; } upstream \"u\\\"\\x\" "
	 "{ server a:1; } }", 0, {"name: u--x"}},
	{"M5 carriage returns and a byte order mark", "nginx",
	 "\xef\xbb\xbfstream {\r\n server {\r\n listen 1;\r\n proxy_pass a:1;\r\n }\r\n}\r\n", 0, {"address: \"a:1\""}},
	{"M5 no newline at the end, comments anywhere", "nginx", "#{\nstream{server{listen 1;#}\nproxy_pass a:1;}}#", 0, {"a:1"}},
	{"M5 a } too many", "nginx", "stream {\n} }\n", 78, {"!this } closes no block\n  --> test.conf:2:3\n  |\n2 | } }\n  |   ^"}},
	{"M5 a } too few", "nginx", "stream {\n server {\n }\n", 78, {"!this block is never closed\n  --> test.conf:1:1"}},
	{"M5 a ; too few", "nginx", "stream {\n user x\n}\n", 78, {"!a } within a directive: is a ; missing before it?\n  --> test.conf:3:1"}},
	{"M5 a quote too few", "nginx", "stream { a 'b; }\n", 78, {"!this quote is never closed\n  --> test.conf:1:12"}},
	{"M5 a quote and a letter", "nginx", "a 'b'c;", 78, {"!a space, a ; or a { must stand behind the quote\n  --> test.conf:1:6"}},
	{"M5 bytes that are no characters", "nginx", "events {}\nx\xff\xfe\xc2\xa0 {}\n" SERVER(""), 3, {"!test.conf:2: x????: unknown"}},
	{"M5 nothing at all", "nginx", "", 78, {"!no stream block"}},
	{"M5 an empty directive", "nginx", " ;", 78, {"!nothing stands before this ;"}},
	{"M5 a carriage return and a mark", "haproxy", "\xef\xbb\xbflisten l\r\n\tbind :1\r\n\tserver s a:1 # x\r\n", 0, {"\"a:1\""}},
	{"M5 both quotes", "haproxy", "listen l\n bind \":1\"\n server 's' \"${M5_UNSET-a}\"':1'\n", 0, {"\"a:1\""}},
	{"M5 a quote that is not closed", "haproxy", "listen l\n bind \":1\n", 78, {"!this quote is not closed on its line\n  --> test.conf:2:7"}},
	{"M5 a condition", "haproxy", ".if !defined(M5_UNSET) && (1 || 0)\nlisten l\n.else\nx\n.endif\n bind :1\n server s a:1\n", 0, {"\"a:1\""}},
	{"M5 a branch that is not taken", "haproxy", ".if 0\nlisten x\n bind :2\n.elif version_before(1.0)\n.else\nlisten l\n bind :1\n server s a:1\n.endif\n", 0, {"name: l"}},
	{"M5 a condition without an end", "haproxy", "\n.if 1\n", 78, {"!this condition has no .endif\n  --> test.conf:2:1"}},
	{"M5 an end without a condition", "haproxy", ".endif\n", 78, {"!there is no .if before it"}},
	{"M5 a condition nobody knows", "haproxy", ".if frob(1)\n.endif\n", 78, {"!a condition that HAProxy does not know"}},
	{"M5 a brace too few", "haproxy", FRONT(" use_backend a if { src 10.0.0.0/8"), 78, {"!this { is never closed\n  --> test.conf:3:19"}},
	{"M5 an acl that is not there", "haproxy", FRONT(" use_backend a if b"), 78, {"!no acl of this section has the name \"b\""}},
};

#endif
