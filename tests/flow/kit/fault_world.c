/* The program and its configuration, a connection of each kind, and the line it leaves. */
#include "tests/flow/kit/fault_world.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

#define LIFT_MS 300 /* a fault that stays is lifted then */

static const struct {
	const char *name;
	uint64_t bytes;
} kinds[FAULT_KINDS] = {
	[FAULT_COPY] = {"copy", 48 * 1024},
	[FAULT_BULK] = {"bulk", 2 * MB},
	[FAULT_TLS] = {"tls", 96 * 1024},
	[FAULT_UNIX] = {"unix", 48 * 1024},
	[FAULT_PROBE] = {"probe", 100},
};

const char *fault_kind_name(enum fault_kind k)
{
	return kinds[k].name;
}

/* ---- a connection ---- */

/* A fault that stays has stayed long enough. */
static bool lift(void *arg, int64_t ms)
{
	struct fault_world *w = arg;

	if (ms > LIFT_MS)
		faults_disarm(&w->f);
	return kit_child_alive(w->f.child);
}

bool fault_world_connect(struct fault_world *w, struct exchange *x, enum fault_kind k)
{
	const struct exchange_opts o = {
		.ip = w->path[k],
		.port = w->port[k],
		.listener = w->listener[k],
		.client = k == FAULT_TLS ? w->client : NULL,
		.server = k == FAULT_TLS ? w->server : NULL,
		.bytes = kinds[k].bytes,
		.ms = FAULT_STALL_MS,
		.go_on = lift,
		.arg = w,
	};

	return exchange_run(x, &o);
}

/* ---- its line in the access log ---- */

static int no_memory(const struct fault_world *w)
{
	return kit_file_count(w->f.child->err, "\"out_of_memory\"");
}

void fault_line_open(struct fault_line *l, struct fault_world *w, enum fault_kind k)
{
	char path[KIT_PATH];

	snprintf(path, sizeof(path), "%s/access.log", kit_dir());
	*l = (struct fault_line){.w = w, .log = fopen(path, "re"), .no_memory = no_memory(w)};
	l->listener = textf(" listener=%s ", kinds[k].name);
	if (l->log == NULL)
		kit_fail("no access log");
	fseek(l->log, 0, SEEK_END);
}

/* It is there, or will never be. */
static bool line_read(void *arg)
{
	struct fault_line *l = arg;

	long begin = ftell(l->log);

	while (fgets(l->text, sizeof(l->text), l->log) != NULL && strchr(l->text, '\n') != NULL) {
		if (strstr(l->text, " reason=") != NULL && strstr(l->text, l->listener) != NULL)
			return true;
		begin = ftell(l->log);
	}
	l->text[0] = '\0';
	clearerr(l->log);
	fseek(l->log, begin, SEEK_SET); /* half a line is read again */
	return !kit_child_alive(l->w->f.child) || no_memory(l->w) > l->no_memory;
}

const char *fault_line_end(struct fault_line *l)
{
	(void)!kit_wait(line_read, l, FAULT_STALL_MS);
	fclose(l->log);
	l->text[strcspn(l->text, "\n")] = '\0';
	return l->text;
}

/* ---- the program ---- */

static bool ready(void *arg)
{
	const struct fault_world *w = arg;

	return kit_file_count(w->f.child->err, "\"ready\"") > 0 || !kit_child_alive(w->f.child);
}

bool fault_world_try_spawn(struct fault_world *w)
{
	unlink(w->path[FAULT_UNIX]);
	faults_spawn(&w->f, w->config);
	return kit_wait(ready, w, FAULT_STALL_MS) && kit_child_alive(w->f.child);
}

void fault_world_spawn(struct fault_world *w)
{
	struct exchange x;
	struct fault_line l;

	faults_disarm(&w->f);
	if (!fault_world_try_spawn(w))
		kit_fail("it does not start");
	w->fds = kit_proc_fds(w->f.child->pid);
	/* The first connections find pools and caches empty; what they do is no other's. */
	for (int k = 0; k < FAULT_KINDS; k++) {
		fault_line_open(&l, w, k);
		if (!fault_world_connect(w, &x, k) || !exchange_whole(&x))
			kit_fail("not even without a fault: %s", fault_kind_name(k));
		fault_line_end(&l);
	}
}

void fault_world_kill(struct fault_world *w)
{
	if (!kit_child_alive(w->f.child))
		return;
	kit_child_signal(w->f.child, SIGKILL);
	kit_child_wait(w->f.child);
}

static SSL_CTX *context(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_use_certificate_chain_file(ctx, pki.cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, pki.key, SSL_FILETYPE_PEM) != 1)
		kit_fail("OpenSSL does not take %s", pki.cert);
	return ctx;
}

static void fault_world_listen(struct fault_world *w)
{
	char back[KIT_PATH];

	snprintf(back, sizeof(back), "%s/back.sock", kit_dir());
	for (int k = 0; k < FAULT_KINDS; k++) {
		snprintf(w->path[k], KIT_PATH, "%s", kit_ip(1));
		w->port[k] = k == FAULT_UNIX ? 0 : kit_port(kit_ip(1));
		w->listener[k] = kit_listen(k == FAULT_UNIX ? back : kit_ip(0), &w->back[k], 64);
		fcntl(w->listener[k], F_SETFL, O_NONBLOCK);
	}
	snprintf(w->path[FAULT_UNIX], KIT_PATH, "%s/front.sock", kit_dir());
}

static const char *listener_text(const struct fault_world *w, enum fault_kind k)
{
	const char *bind = textf("%s:%d", kit_ip(1), w->port[k]), *more = "";

	if (k == FAULT_UNIX)
		bind = textf("unix:%s", w->path[k]);
	if (k == FAULT_TLS)
		more = textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}, ", pki.cert, pki.key);
	return textf("  - {name: %s, bind: \"%s\", timeouts: {idle: 3s, half_close: 3s}, "
		     "%supstream: %s}\n", kinds[k].name, bind, more, kinds[k].name);
}

static const char *upstream_text(const struct fault_world *w, enum fault_kind k)
{
	const char *to = textf("%s:%d", kit_ip(0), w->back[k]), *more = "";

	if (k == FAULT_UNIX)
		to = textf("unix:%s/back.sock", kit_dir());
	if (k == FAULT_TLS)
		more = textf("tls: {ca: \"%s\", name: a.test}, ", pki.ca);
	return textf("  - {name: %s, timeouts: {connect: 3s}, %sservers: [\"%s\"]}\n", kinds[k].name,
		     more, to);
}

static void fault_world_config(struct fault_world *w)
{
	const char *listeners = "", *upstreams = "";

	for (int k = 0; k < FAULT_KINDS; k++) {
		listeners = textf("%s%s", listeners, listener_text(w, k));
		upstreams = textf("%s%s", upstreams, upstream_text(w, k));
	}
	kit_file_write("staunch.yaml",
		       textf("workers: 1\nlog: {access: \"@DIR@/access.log\", format: text}\n"
			     "shutdown: {timeout: 1s}\nlisteners:\n%supstreams:\n%s", listeners, upstreams),
		       w->config);
}

void fault_world_open(struct fault_world *w)
{
	memset(w, 0, sizeof(*w));
	pki_write();
	w->client = context(TLS_client_method());
	w->server = context(TLS_server_method());
	fault_world_listen(w);
	fault_world_config(w);
	faults_open(&w->f);
	faults_hasten_log(&w->f);
	fault_world_spawn(w);
}

const char *fault_world_bad(struct fault_world *w)
{
	static char err[65536];
	const char *at;

	if (!kit_child_alive(w->f.child)) {
		kit_file_read(w->f.child->err, err, sizeof(err));
		at = strstr(err, "CHECK");
		return textf("the process ended with %d: %.300s", w->f.child->status, at != NULL ? at : err);
	}
	return kit_file_count(w->f.child->err, "Sanitizer") > 0 ? "a sanitizer complains" : NULL;
}

void fault_world_close(struct fault_world *w)
{
	if (fault_world_bad(w) != NULL)
		kit_fail("%s", fault_world_bad(w));
	kit_proc_wait_fds(w->f.child->pid, w->fds); /* idle pipes go after a second */
	kit_child_signal(w->f.child, SIGTERM);
	assert_int_equal(kit_child_wait(w->f.child), 0);
	assert_int_equal(kit_file_count(w->f.child->err, "Sanitizer"), 0);
	faults_close(&w->f);
	for (int k = 0; k < FAULT_KINDS; k++)
		close(w->listener[k]);
	SSL_CTX_free(w->client);
	SSL_CTX_free(w->server);
}
