/* The other end is not ours: OpenSSL's own client and server, over TLS 1.3 and 1.2, with every kind of key. */
#include "tests/unit/proxy/tls/tls_hands.h"

/* ---- s_client against our server ------------------------------------------------------------- */

struct visit {
	struct np_fd listener;
	int raw;
	struct stream s;
	struct tls_ctx *ctx;
	int err;
	struct tls_why why;
	struct tls_facts facts;
	bool direct;
	ssize_t read;
	char text[64];
};

/* One connection: what comes is sent back, then the end. */
static void serve(void *arg)
{
	struct visit *v = arg;
	int fd;

	CHECK(np_fd_init(&v->listener, v->raw) == 0, "no memory");
	np_fd_set_read_deadline(&v->listener, np_deadline_after(PAIR_NS));
	fd = np_fd_accept(&v->listener, NULL);
	v->err = fd;
	if (fd >= 0 && np_fd_init(&v->s.fd, fd) == 0) {
		const struct tls_from from = {.deadline = np_deadline_after(PAIR_NS)};

		v->err = tls_accept(&v->s.tls, &v->s.fd, v->ctx, &from, &v->why);
		if (v->err == 0) {
			tls_facts(v->s.tls, &v->facts);
			v->direct = v->s.tls->direct != NULL;
			v->read = pair_read(&v->s, v->text, sizeof(v->text) - 1);
		}
		if (v->read > 0)
			v->err = pair_write(&v->s, v->text, (size_t)v->read);
		stream_close(&v->s);
	}
	np_fd_close(&v->listener);
}

static struct visit visited_by(const char *flags)
{
	const struct np_listen_opts lo = {.backlog = 4};
	struct np_addr any = {.len = sizeof(struct sockaddr_in)}, at;
	struct visit v = {.ctx = pair_server(&in, ring)};
	const struct np_worker_opts o = {.name = "visit", .cpu = -1, .main = serve, .arg = &v};
	struct kit_child *c;
	char command[1024], said[4096];

	any.u.in4.sin_family = AF_INET;
	any.u.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v.raw = np_listen(&any, &lo);
	assert_int_equal(np_sock_addr(v.raw, &at), 0);
	snprintf(command, sizeof(command),
		 "echo 'hello there' | openssl s_client -quiet -verify_return_error -CAfile %s "
		 "-servername a.test -verify_hostname a.test -connect 127.0.0.1:%d %s",
		 ca, ntohs(at.u.in4.sin_port), flags);
	c = kit_child_start("s_client", KIT_ARGV("sh", "-c", command));
	assert_int_equal(np_run(&o), 0);
	assert_int_equal(kit_child_wait(c), 0);
	kit_file_read(c->out, said, sizeof(said));
	assert_string_equal(said, "hello there\n");
	tls_ctx_free(v.ctx);
	return v;
}

static void s_client_is_served(void **state)
{
	static const struct {
		const char *flags;
		bool direct;
	} rows[] = {
		{"-tls1_3", true},
		{"-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384", true},
		{"-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", true},
		{"-tls1_3 -groups P-384", true},
		{"-tls1_3 -maxfraglen 512", false},
		{"-tls1_2", true},
		{"-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", true},
		{"-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", true},
		{"-tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384", false},
	};

	(void)state;
	if (!kit_have("openssl"))
		skip();
	for (size_t i = 0; i < array_len(rows); i++) {
		struct visit v = visited_by(rows[i].flags);

		assert_int_equal(v.err, 0);
		assert_string_equal(v.text, "hello there\n");
		assert_int_equal(v.direct, rows[i].direct && in.records == CONFIG_TLS_RECORDS_OWN);
		assert_string_equal(v.facts.sni, "a.test");
	}
}

static void every_kind_of_key_serves(void **state)
{
	static const enum kit_key keys[] = {KIT_P256, KIT_P384, KIT_ED25519, KIT_RSA2048, KIT_RSA4096};

	(void)state;
	if (!kit_have("openssl"))
		skip();
	for (size_t i = 0; i < array_len(keys); i++) {
		struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){
			.cn = "a", .dns = "a.test", .key = keys[i], .issuer = root});
		struct config_cert f = pair_cert(c, "kind");

		in.certificates = &f;
		assert_int_equal(visited_by("-tls1_3").err, 0);
		assert_int_equal(visited_by("-tls1_2").err, 0);
		pair_cert_free(&f);
	}
}

static void a_ticket_is_taken_back(void **state)
{
	char flags[KIT_PATH + 64];
	struct visit v;

	(void)state;
	if (!kit_have("openssl"))
		skip();
	for (int v12 = 0; v12 < 2; v12++) {
		snprintf(flags, sizeof(flags), "%s -sess_out %s/session", v12 ? "-tls1_2" : "-tls1_3", kit_dir());
		v = visited_by(flags);
		assert_false(v.facts.resumed);
		snprintf(flags, sizeof(flags), "%s -sess_in %s/session", v12 ? "-tls1_2" : "-tls1_3", kit_dir());
		v = visited_by(flags);
		assert_true(v.facts.resumed);
		assert_int_equal(v.direct, in.records == CONFIG_TLS_RECORDS_OWN);
	}
}

/* ---- our client against s_server ------------------------------------------------------------- */

struct call {
	struct np_addr at;
	struct stream s;
	struct tls_ctx *ctx;
	int err;
	struct tls_why why;
	struct tls_facts facts;
	char text[64];
};

static void call_main(void *arg)
{
	struct call *c = arg;
	const struct np_dial_opts o = {.deadline = np_deadline_after(PAIR_NS)};
	const struct tls_towards to = {.server = &c->at, .deadline = o.deadline};
	size_t got = 0;
	ssize_t n = 1;

	c->err = np_dial(&c->s.fd, &c->at, 1, &o);
	if (c->err != 0)
		return;
	c->err = tls_connect(&c->s.tls, &c->s.fd, c->ctx, &to, &c->why);
	if (c->err == 0)
		c->err = pair_write(&c->s, "hello\n", 6);
	while (c->err == 0 && got < 6 && n > 0) {
		n = pair_read(&c->s, c->text + got, sizeof(c->text) - 1 - got);
		got += n > 0 ? (size_t)n : 0;
	}
	if (c->err == 0)
		tls_facts(c->s.tls, &c->facts);
	stream_close(&c->s);
}

static struct call called(struct tls_ctx *ctx, int port)
{
	struct call c = {.ctx = ctx, .at.len = sizeof(struct sockaddr_in)};
	const struct np_worker_opts o = {.name = "call", .cpu = -1, .main = call_main, .arg = &c};

	c.at.u.in4.sin_family = AF_INET;
	c.at.u.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c.at.u.in4.sin_port = htons((uint16_t)port);
	assert_int_equal(np_run(&o), 0);
	return c;
}

static bool listens(void *arg)
{
	int fd = kit_try_connect("127.0.0.1", *(int *)arg);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void s_server_is_called(void **state)
{
	struct config_text h2 = {.text = "h2"};
	char port_text[16];
	int port;

	(void)state;
	if (!kit_have("openssl"))
		skip();
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
		struct kit_child *child;
		struct tls_ctx *client;
		struct call c;

		port = kit_port("127.0.0.1");
		snprintf(port_text, sizeof(port_text), "%d", port);
		child = kit_child_start("s_server", KIT_ARGV("openssl", "s_server", "-accept", port_text, "-rev",
							     "-cert", files.cert, "-key", files.key, "-alpn", "h2",
							     "-Verify", "1", "-CAfile", ca, "-verify_return_error"));
		assert_true(kit_wait(listens, &port, KIT_MS));
		out.alpn = &h2;
		out.nalpn = 1;
		out.session_reuse = true;
		out.max_version = (enum config_tls_version)v;
		out.cert = client_files.cert;
		out.key = client_files.key;
		client = pair_client(&out);
		for (int i = 0; i < 3; i++) {
			c = called(client, port);
			assert_int_equal(c.err, 0);
			assert_string_equal(c.text, "olleh\n");
			assert_int_equal(c.facts.resumed, i > 0);
			assert_string_equal(c.facts.alpn, "h2");
		}
		tls_ctx_free(client);
		kit_child_signal(child, SIGTERM);
		kit_child_wait(child);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D1", s_client_is_served),
		ROW("D26", every_kind_of_key_serves),
		ROW("D24", a_ticket_is_taken_back),
		ROW("D28 D30", s_server_is_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
