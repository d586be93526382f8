/* Certificates are exchanged under load: clients that come without a pause are all served, and soon by the new one.
 * Each verifies what it is shown, so a certificate with another one's key would fail it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

enum { LANES = 2, EXCHANGES = 6, IN_A_ROW = 200, BOUND_MS = 5000 };

/* What all lanes share. */
struct load {
	struct sockaddr_in at; /* const */
	pthread_mutex_t lock;  /* of what follows */
	bool stop;
	long done, failed;
	long newest;      /* serial number of what was put in place last */
	long in_a_row;    /* handshakes with that one since the last with another */
	int64_t last_old; /* when the last began that was shown another */
	long went_back;   /* handshakes that were shown an older one when the newest was served already */
};

struct lane {
	pthread_t thread;
	struct load *load;
	SSL_CTX *ctx;
};

/* ---- a lane: one connection after another, in a thread that uses nothing of the kit's but its clock --- */

static int lane_connect(const struct load *l)
{
	const struct timeval patience = {.tv_sec = KIT_MS / 1000};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&l->at, sizeof(l->at)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Returns  the serial number of what it was shown and served by, or -1. */
static long lane_served(SSL *ssl)
{
	char byte = 'a';
	size_t n;

	if (SSL_connect(ssl) != 1 || SSL_write_ex(ssl, &byte, 1, &n) != 1 || SSL_read_ex(ssl, &byte, 1, &n) != 1)
		return -1;
	SSL_shutdown(ssl);
	return ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get0_peer_certificate(ssl)));
}

static void lane_note(struct load *l, int64_t began, long serial)
{
	pthread_mutex_lock(&l->lock);
	l->done++;
	l->failed += serial < 0;
	if (serial == l->newest)
		l->in_a_row++;
	if (serial != l->newest && serial >= 0) {
		l->went_back += l->in_a_row >= IN_A_ROW;
		l->in_a_row = 0;
		l->last_old = began > l->last_old ? began : l->last_old;
	}
	pthread_mutex_unlock(&l->lock);
}

static bool lane_goes_on(struct load *l)
{
	bool stop;

	pthread_mutex_lock(&l->lock);
	stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	return !stop;
}

static void *lane_run(void *arg)
{
	struct lane *lane = arg;

	while (lane_goes_on(lane->load)) {
		int64_t began = kit_now_ms();
		int fd = lane_connect(lane->load);
		SSL *ssl = SSL_new(lane->ctx);

		SSL_set_fd(ssl, fd);
		SSL_set1_host(ssl, "a.test");
		SSL_set_tlsext_host_name(ssl, "a.test");
		lane_note(lane->load, began, lane_served(ssl));
		SSL_free(ssl);
		ERR_clear_error();
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* ---- the load -------------------------------------------------------------------------------- */

static void lane_start(struct lane *lane, struct load *l, int max)
{
	lane->load = l;
	lane->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(lane->ctx, max);
	SSL_CTX_set_verify(lane->ctx, SSL_VERIFY_PEER, NULL);
	assert_int_equal(SSL_CTX_load_verify_locations(lane->ctx, pki.ca, NULL), 1);
	assert_int_equal(pthread_create(&lane->thread, NULL, lane_run, lane), 0);
}

static void lane_stop(struct lane *lane)
{
	pthread_join(lane->thread, NULL);
	SSL_CTX_free(lane->ctx);
}

static bool newest_served(void *arg)
{
	struct load *l = arg;
	bool yes;

	pthread_mutex_lock(&l->lock);
	yes = l->in_a_row >= IN_A_ROW;
	pthread_mutex_unlock(&l->lock);
	return yes;
}

/* ---- exchanging ------------------------------------------------------------------------------ */

static long serial_of(const char *pem)
{
	FILE *f = fopen(pem, "re");
	X509 *x = f != NULL ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	long serial = x != NULL ? ASN1_INTEGER_get(X509_get0_serialNumber(x)) : -1;

	X509_free(x);
	if (f != NULL)
		fclose(f);
	return serial;
}

/* A new certificate with a new key, in a directory of their own. Returns  its serial number. */
static long write_pair(const char *dir)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){
		.cn = "a.test", .dns = "a.test", .issuer = pki.root});
	char path[KIT_PATH];

	assert_int_equal(mkdir(textf("%s/%s", kit_dir(), dir), 0700), 0);
	kit_cert_write_key(c, textf("%s/a.key", dir), NULL, path);
	kit_cert_write(c, textf("%s/a.pem", dir), path);
	return serial_of(path);
}

static bool rename_here(const char *from, const char *to)
{
	return rename(textf("%s/%s", kit_dir(), from), textf("%s/%s", kit_dir(), to)) == 0;
}

/* As an ACME client does it: one file after the other. */
static bool exchange_files(const char *dir)
{
	return rename_here(textf("%s/a.key", dir), "live/a.key") && rename_here(textf("%s/a.pem", dir), "live/a.pem");
}

/* As Kubernetes does it: both at once, by a link in the middle of the path. */
static bool exchange_link(const char *dir)
{
	return symlink(dir, textf("%s/live.next", kit_dir())) == 0 && rename_here("live.next", "live");
}

/* Returns  how many ms after it the last handshake began that was shown the one before; -1: it was not seen. */
static int64_t exchange_one(struct load *l, bool (*put)(const char *dir), int n, long serial)
{
	int64_t begin;
	bool ok;

	pthread_mutex_lock(&l->lock);
	begin = l->last_old = kit_now_ms();
	l->newest = serial;
	l->in_a_row = 0;
	ok = put(textf("next%d", n));
	pthread_mutex_unlock(&l->lock);
	ok = ok && kit_wait(newest_served, l, KIT_MS);
	return ok ? l->last_old - begin : -1;
}

/* Nothing may fail the test while lanes run: they would outlive what they use. Returns  the longest of the times. */
static int64_t exchange_all(struct load *l, bool (*put)(const char *dir), const long serial[EXCHANGES])
{
	struct lane lanes[LANES];
	int64_t took, most = 0;

	for (int i = 0; i < LANES; i++)
		lane_start(&lanes[i], l, i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
	for (int i = 0; i < EXCHANGES && most >= 0; i++) {
		took = exchange_one(l, put, i, serial[i]);
		most = took < 0 || took > most ? took : most;
	}
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_mutex_unlock(&l->lock);
	for (int i = 0; i < LANES; i++)
		lane_stop(&lanes[i]);
	return most;
}

static void under_load(bool (*put)(const char *dir))
{
	struct load l = {.lock = PTHREAD_MUTEX_INITIALIZER};
	long serial[EXCHANGES];
	int64_t begin, most;
	struct edge e;

	pki_write();
	l.newest = write_pair("first");
	for (int i = 0; i < EXCHANGES; i++)
		serial[i] = write_pair(textf("next%d", i));
	assert_int_equal(symlink("first", textf("%s/live", kit_dir())), 0);
	e = edge_start("tls: {certificates: [{cert: \"@DIR@/live/a.pem\", key: \"@DIR@/live/a.key\"}]}, upstream: back",
		       edge_upstream("back", kit_peer_port(echo_start()), ""));
	l.at = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)e.port)};
	assert_int_equal(inet_pton(AF_INET, kit_ip(1), &l.at.sin_addr), 1);
	begin = kit_now_ms();
	most = exchange_all(&l, put, serial);
	print_message("%ld handshakes, %lld a second, %ld failed; the old certificate was shown for %lld ms at most\n",
		      l.done, (long long)(l.done * 1000 / (kit_now_ms() - begin)), l.failed, (long long)most);
	assert_in_range(most, 0, BOUND_MS);
	assert_int_equal(l.failed, 0);
	assert_int_equal(l.went_back, 0);
	edge_end(&e);
}

static void d26_files_exchanged_under_load(void **state)
{
	(void)state;
	under_load(exchange_files);
}

static void d26_link_exchanged_under_load(void **state)
{
	(void)state;
	under_load(exchange_link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(d26_files_exchanged_under_load, kit_end),
		cmocka_unit_test_teardown(d26_link_exchanged_under_load, kit_end),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
