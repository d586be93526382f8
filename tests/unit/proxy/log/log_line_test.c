/* log_line: the field names and their order are a promise; every line is one line and JSON is JSON. */
#include <arpa/inet.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"
#include "proxy/log/log_priv.h"

static char room[LOG_LINE_MAX + 1];

static const char *line(const struct access_record *rec, bool json)
{
	struct text t;

	text_init(&t, room, LOG_LINE_MAX);
	log_line(&t, rec, json);
	assert_false(t.cut);
	room[t.n] = '\0';
	return room;
}

/* --- a checker for what we write: one object of strings, whole or decimal numbers and lists of flat objects, then a
 * newline --- */

static const char *skip_string(const char *s)
{
	if (*s++ != '"')
		return NULL;
	for (; *s != '"'; s++) {
		if (*s < 0x20 || *s > 0x7e)
			return NULL;
		if (*s != '\\')
			continue;
		if (s[1] != '\0' && strchr("\"\\bfnrt", s[1]) != NULL) {
			s++;
			continue;
		}
		if (strncmp(s, "\\u00", 4) != 0 || !isxdigit((unsigned char)s[4]) || !isxdigit((unsigned char)s[5]))
			return NULL;
		s += 5;
	}
	return s + 1;
}

static const char *skip_number(const char *s)
{
	size_t n = strspn(s, "0123456789");

	if (n == 0 || (s[0] == '0' && n > 1))
		return NULL;
	s += n;
	if (*s != '.')
		return s;
	n = strspn(s + 1, "0123456789");
	return n > 0 ? s + 1 + n : NULL;
}

static const char *skip_truth(const char *s)
{
	const char *word = *s == 't' ? "true" : "false";

	return strncmp(s, word, strlen(word)) == 0 ? s + strlen(word) : NULL;
}

static const char *skip_value(const char *s)
{
	if (*s == '"')
		return skip_string(s);
	return *s == 't' || *s == 'f' ? skip_truth(s) : skip_number(s);
}

static const char *skip_object(const char *s, const char *(*value)(const char *s))
{
	char next = '{';

	while (next == '{' || next == ',') {
		s = *s == next ? skip_string(s + 1) : NULL;
		if (s == NULL || *s++ != ':')
			return NULL;
		s = value(s);
		if (s == NULL)
			return NULL;
		next = *s;
	}
	return *s == '}' ? s + 1 : NULL;
}

static const char *skip_field(const char *s)
{
	if (*s != '[')
		return skip_value(s);
	do
		s = skip_object(s + 1, skip_value);
	while (s != NULL && *s == ',');
	return s != NULL && *s == ']' ? s + 1 : NULL;
}

static bool is_json_line(const char *s)
{
	s = skip_object(s, skip_field);
	return s != NULL && strcmp(s, "\n") == 0;
}

static void the_checker_knows_what_is_wrong(void **state)
{
	static const char *const bad[] = {
		"", "{}", "{}\n", "{\"a\":1}", "{\"a\":1},\n", "{\"a\":1,}\n", "{\"a\":01}\n", "{\"a\":1.}\n",
		"{\"a\":\"\n\"}\n", "{\"a\":\"\\x0a\"}\n", "{\"a\":\"\\u00g0\"}\n", "{a:1}\n", "{\"a\":-1}\n",
		"{\"a\":truth}\n", "{\"a\":[]}\n", "{\"a\":[{\"b\":1},]}\n", "{\"a\":[{\"b\":[{\"c\":1}]}]}\n",
	};

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		assert_false(is_json_line(bad[i]));
	assert_true(is_json_line("{\"a\":[{\"b\":1},{\"b\":2,\"c\":\"\"}],\"d\":3}\n"));
	assert_true(is_json_line("{\"a\":1,\"b\":\"\\u000a\",\"c\":0.125,\"d\":false}\n"));
}

/* --- the lines --- */

static struct access_record served(void)
{
	struct access_record rec = {
		.id = ulid_make(1469918176385, 0, 1),
		.start = INT64_C(1709164800123456789),
		.duration = 2000001000,
		.connect = 1234000,
		.first_byte = 5000000,
		.bytes_in = 12,
		.bytes_out = 3456,
		.client.in4 = {.sin_family = AF_INET, .sin_port = htons(40000)},
		.accepted.in4 = {.sin_family = AF_INET, .sin_port = htons(443), .sin_addr.s_addr = htonl(0xc0000202)},
		.local.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(50000), .sin6_addr = IN6ADDR_LOOPBACK_INIT},
		.server.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_addr = IN6ADDR_LOOPBACK_INIT},
		.why = CLOSE_SERVER_RST,
		.err = -NP_ECONNRESET,
		.retries = 1,
		.listener = "web",
		.upstream = "app",
		.server_name = "app/a",
	};

	rec.client.in4.sin_addr.s_addr = htonl(0xc0000201);
	return rec;
}

static void a_line_in_json(void **state)
{
	struct access_record rec = served();

	(void)state;
	assert_string_equal(line(&rec, true),
			    "{\"time\":\"2024-02-29T00:00:02.123457Z\",\"event\":\"connection_end\""
			    ",\"client.address\":\"192.0.2.1\",\"client.port\":40000"
			    ",\"staunch.accepted.address\":\"192.0.2.2\",\"staunch.accepted.port\":443"
			    ",\"network.local.address\":\"::1\",\"network.local.port\":50000"
			    ",\"network.peer.address\":\"::1\",\"network.peer.port\":80"
			    ",\"network.transport\":\"tcp\",\"network.type\":\"ipv4\""
			    ",\"staunch.close_reason\":\"server_rst\",\"staunch.close_by\":\"server\""
			    ",\"staunch.errno\":\"ECONNRESET\",\"staunch.bytes_in\":12,\"staunch.bytes_out\":3456"
			    ",\"event.start\":\"2024-02-29T00:00:00.123456Z\""
			    ",\"staunch.duration_ms\":2000.001,\"staunch.connect_ms\":1.234"
			    ",\"staunch.first_byte_ms\":5.000,\"staunch.retries\":1,\"staunch.listener\":\"web\""
			    ",\"staunch.upstream\":\"app\",\"staunch.server\":\"app/a\""
			    ",\"staunch.conn_id\":\"01ARYZ6S410000000000000001\"}\n");
	assert_true(is_json_line(room));
}

static void a_line_in_text(void **state)
{
	struct access_record rec = served();

	(void)state;
	assert_string_equal(line(&rec, false),
			    "2024-02-29T00:00:02.123457Z 192.0.2.1:40000 -> [::1]:80 reason=server_rst by=server"
			    " errno=ECONNRESET in=12 out=3456"
			    " start=2024-02-29T00:00:00.123456Z ms=2000.001 connect_ms=1.234 first_byte_ms=5.000"
			    " retries=1 listener=web upstream=app server=app/a at=192.0.2.2:443 local=[::1]:50000"
			    " id=01ARYZ6S410000000000000001\n");
}

/* Turned away at once: no server, no times, no error. What there is none of is left out, not written as nothing. */
static void what_is_not_known_is_left_out(void **state)
{
	struct access_record rec = {
		.client.sa.sa_family = AF_UNIX,
		.why = CLOSE_MAX_CONNECTIONS,
		.connect = -1,
		.first_byte = -1,
		.listener = "local",
		.upstream = "",
	};

	(void)state;
	assert_string_equal(line(&rec, true),
			    "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"event\":\"connection_end\""
			    ",\"client.address\":\"unix\",\"network.transport\":\"unix\",\"network.type\":\"unix\""
			    ",\"staunch.close_reason\":\"max_connections\",\"staunch.close_by\":\"proxy\""
			    ",\"staunch.bytes_in\":0,\"staunch.bytes_out\":0"
			    ",\"event.start\":\"1970-01-01T00:00:00.000000Z\",\"staunch.duration_ms\":0.000"
			    ",\"staunch.retries\":0,\"staunch.listener\":\"local\""
			    ",\"staunch.conn_id\":\"00000000000000000000000000\"}\n");
	assert_true(is_json_line(room));
	assert_string_equal(line(&rec, false),
			    "1970-01-01T00:00:00.000000Z unix -> - reason=max_connections by=proxy in=0"
			    " out=0 start=1970-01-01T00:00:00.000000Z ms=0.000 retries=0 listener=local"
			    " id=00000000000000000000000000\n");
}

static void hostile_names_stay_one_line(void **state)
{
	struct access_record rec = served();

	(void)state;
	rec.server_name = "a\" reason=none\n{\"forged\":1}\033[2J\\";
	assert_true(is_json_line(line(&rec, true)));
	assert_non_null(strstr(room, "\"staunch.server\":\"a\\\" reason=none\\n{\\\"forged\\\":1}"
				     "\\u001b[2J\\\\\""));
	line(&rec, false);
	assert_ptr_equal(strchr(room, '\n'), room + strlen(room) - 1);
	assert_non_null(strstr(room, " server=\"a\\x22 reason=none\\x0a{\\x22forged\\x22:1}\\x1b[2J\\x5c\" at="));
}

/* Fields that only some connections have, between those of all and the id. */
static void what_only_some_have(void **state)
{
	struct access_record rec = served();
	struct access_extra x = {
		.connected.in4 = {.sin_family = AF_INET, .sin_port = htons(99), .sin_addr.s_addr = htonl(0x7f000009)},
		.tls = true, .resumed = true, .unclean = 2, .detail = "no way", .sni = "a.\"test", .alpn = "h2",
		.version = "TLSv1.3", .cipher = "AES", .subject = "CN=me", .upstream_version = "TLSv1.2",
	};

	(void)state;
	rec.extra = &x;
	assert_true(is_json_line(line(&rec, true)));
	assert_non_null(strstr(room, ",\"staunch.connected.address\":\"127.0.0.9\",\"staunch.connected.port\":99,"
				     "\"staunch.detail\":\"no way\",\"tls.client.server_name\":\"a.\\\"test\","
				     "\"tls.next_protocol\":\"h2\",\"tls.protocol.version\":\"TLSv1.3\","
				     "\"tls.cipher\":\"AES\",\"tls.client.subject\":\"CN=me\","
				     "\"staunch.upstream_tls\":\"TLSv1.2\",\"tls.resumed\":true,"
				     "\"staunch.unclean\":\"server\",\"staunch.conn_id\""));
	line(&rec, false);
	assert_non_null(strstr(room, " via=127.0.0.9:99 detail=\"no way\" sni=a.\\x22test alpn=h2 tls=TLSv1.3 "
				     "cipher=AES subject=CN=me upstream_tls=TLSv1.2 resumed=true unclean=server id="));
	x = (struct access_extra){.tcp = 3, .rtt = {120, 4000000000}, .retrans = {0, 7}, .bottleneck = "server_net"};
	assert_true(is_json_line(line(&rec, true)));
	assert_non_null(strstr(room, ",\"staunch.client_rtt_us\":120,\"staunch.client_retrans\":0,"
				     "\"staunch.server_rtt_us\":4000000000,\"staunch.server_retrans\":7,"
				     "\"staunch.bottleneck\":\"server_net\",\"staunch.conn_id\""));
	x.tcp = 2;
	line(&rec, false);
	assert_non_null(strstr(room, " server_rtt_us=4000000000 server_retrans=7 bottleneck=server_net id="));
	assert_null(strstr(room, "client_rtt"));
	x = (struct access_extra){.tls = false};
	line(&rec, false);
	assert_null(strstr(room, "rtt_us="));
	assert_null(strstr(room, "via="));
	assert_null(strstr(room, "resumed="));
	assert_null(strstr(room, "unclean="));
}

/* O30: the same fields, but for those of an end, while a connection lives; and what is new since the update before. */
static void what_lives(void **state)
{
	struct access_record rec = served();
	struct access_extra x = {.updated = true, .interval = 1500000, .new_in = 3, .new_out = 4};

	(void)state;
	rec.event = ACCESS_START;
	rec.why = CLOSE_NONE;
	rec.err = 0;
	assert_true(is_json_line(line(&rec, true)));
	assert_non_null(strstr(room, "\"event\":\"connection_start\",\"client.address\""));
	assert_non_null(strstr(room, "\"network.type\":\"ipv4\",\"staunch.bytes_in\":12,"));
	assert_null(strstr(room, "delta"));
	line(&rec, false);
	assert_non_null(strstr(room, "-> [::1]:80 event=connection_start in=12 "));
	rec.event = ACCESS_UPDATE;
	rec.extra = &x;
	assert_true(is_json_line(line(&rec, true)));
	assert_non_null(strstr(room, "\"event\":\"connection_update\",\"client.address\""));
	assert_null(strstr(room, "close"));
	assert_non_null(strstr(room, ",\"staunch.interval_ms\":1.500,\"staunch.bytes_in_delta\":3,"
				     "\"staunch.bytes_out_delta\":4,"));
	line(&rec, false);
	assert_non_null(strstr(room, " event=connection_update in=12 "));
	assert_non_null(strstr(room, " interval_ms=1.500 in_delta=3 out_delta=4 id="));
}

/* O25: in order, without an error where there is none; and hostile names stay in their place. */
static void the_servers_tried(void **state)
{
	struct access_record rec = served();
	struct access_tried tried = {.n = 2};
	struct access_extra x = {.tried = &tried};

	(void)state;
	tried.tries[0] = (struct access_try){"10.0.0.1:80", 1500, -NP_ECONNREFUSED, CLOSE_CONNECT_FAILED, NULL};
	tried.tries[1] = (struct access_try){"10.0.0.2:80", 2000000, 0, CLOSE_NONE, NULL};
	rec.extra = &x;
	assert_true(is_json_line(line(&rec, true)));
	assert_non_null(strstr(room, ",\"staunch.tried\":[{\"server\":\"10.0.0.1:80\","
				     "\"result\":\"connect_failed\",\"errno\":\"ECONNREFUSED\","
				     "\"ms\":0.001},{\"server\":\"10.0.0.2:80\",\"result\":\"connected\","
				     "\"ms\":2.000}],"
				     "\"staunch.conn_id\""));
	line(&rec, false);
	assert_non_null(strstr(room, " tried=10.0.0.1:80,connect_failed,ECONNREFUSED,0.001;10.0.0.2:80,connected,2.000"
				     " id="));
	tried.n = 1;
	tried.more = 7;
	tried.tries[0].server = "unix:/a \"b\n";
	assert_true(is_json_line(line(&rec, true)));
	assert_non_null(strstr(room, "\"ms\":0.001}],\"staunch.tried_more\":7,"));
	line(&rec, false);
	assert_non_null(strstr(room, " tried=\"unix:/a \\x22b\\x0a,connect_failed,ECONNREFUSED,0.001\""
				     " tried_more=7 id="));
}

/* Everything at its longest, for the promise of LOG_LINE_MAX. */
static void the_longest_line_fits(void **state)
{
	static char big[65536];
	struct access_record rec = served();
	struct access_tried tried = {.n = ACCESS_TRIES, .more = UINT32_MAX};
	struct access_extra x = {.tls = true, .unclean = 3, .tried = &tried};

	(void)state;
	for (unsigned i = 0; i < ACCESS_TRIES; i++)
		tried.tries[i] = (struct access_try){big, INT64_MAX, EPROTONOSUPPORT, CLOSE_HALF_CLOSE_TIMEOUT, NULL};
	memset(big, '\377', sizeof(big) - 1);
#define X(field, ...) x.field = big;
	ACCESS_TEXT_TBL(X)
#undef X
	memset(&rec.client.in6.sin6_addr, 0xff, 16);
	rec.client.in6.sin6_family = AF_INET6;
	rec.client.in6.sin6_port = 0xffff;
	rec.client.in6.sin6_scope_id = UINT32_MAX;
	rec.server = rec.accepted = rec.local = x.connected = rec.client;
	rec.start = 0;
	rec.duration = rec.connect = rec.first_byte = INT64_MAX;
	rec.bytes_in = rec.bytes_out = UINT64_MAX;
	rec.retries = UINT32_MAX;
	rec.why = CLOSE_HALF_CLOSE_TIMEOUT;
	rec.err = EPROTONOSUPPORT;
	rec.listener = rec.upstream = rec.server_name = big;
	rec.extra = &x;
	assert_true(is_json_line(line(&rec, true)));
	assert_true(strlen(line(&rec, false)) < LOG_LINE_MAX);
}

static void every_reason_makes_a_line(void **state)
{
	struct access_record rec = served();

	(void)state;
	for (rec.why = CLOSE_NONE + 1; rec.why < CLOSE_REASONS; rec.why++) {
		assert_true(is_json_line(line(&rec, true)));
		assert_non_null(strstr(room, close_word(rec.why)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checker_knows_what_is_wrong),
		cmocka_unit_test(a_line_in_json),
		cmocka_unit_test(a_line_in_text),
		cmocka_unit_test(what_is_not_known_is_left_out),
		cmocka_unit_test(hostile_names_stay_one_line),
		cmocka_unit_test(what_only_some_have),
		cmocka_unit_test(what_lives),
		cmocka_unit_test(the_servers_tried),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(every_reason_makes_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
