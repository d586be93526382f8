/* The TLS end in the relay's hands: bytes, back-pressure, ends (D21, D22). Rows run over TLS 1.3 and 1.2. */
#include "tests/unit/proxy/tls/tls_saw.h"

/* ---- bytes ----------------------------------------------------------------------------------- */

static struct stream *bulk_from;

static void send_bulk(void *arg)
{
	(void)arg;
	saw.wrote = pair_write(bulk_from, out, BULK);
	if (saw.wrote == 0)
		saw.wrote = stream_close_write(bulk_from);
	np_event_set(&bulk_done);
}

static void bulk(struct stream *from, struct stream *to, size_t piece)
{
	ssize_t n = 1;

	bulk_from = from;
	bulk_done.set = false;
	CHECK(np_go("bulk", send_bulk, NULL) == 0, "no stack");
	for (saw.bytes = 0; saw.bytes < BULK && n > 0; saw.bytes += n > 0 ? (size_t)n : 0)
		n = pair_read(to, in + saw.bytes, saw.bytes + piece < BULK ? piece : BULK - saw.bytes);
	np_event_wait(&bulk_done);
	saw.read = pair_read(to, in, 1);
	saw.truncated = stream_truncated(to);
}

static void upload(struct pair *p)
{
	bulk(&p->client.s, &p->server.s, 64 * 1024);
}

static void download_by_drops(struct pair *p)
{
	small_sockets(p);
	bulk(&p->server.s, &p->client.s, 1000);
}

static void upload_by_drops(struct pair *p)
{
	small_sockets(p);
	bulk(&p->client.s, &p->server.s, 1000);
}

static void judge_bulk(void)
{
	assert_int_equal(saw.wrote, 0);
	assert_int_equal(saw.bytes, BULK);
	assert_memory_equal(in + 1, out + 1, BULK - 1); /* in[0] was offered to the last read */
	assert_int_equal(saw.read, 0);
	assert_false(saw.truncated);
}

static void every_byte_arrives_in_order(void **state)
{
	(void)state;
	run_both(upload, judge_bulk);
	run_both(download_by_drops, judge_bulk);
	run_both(upload_by_drops, judge_bulk);
}

static ssize_t (*real_recv)(int fd, void *buf, size_t n, int flags);
static ssize_t (*real_send)(int fd, const void *buf, size_t n, int flags);

static ssize_t recv_counted(int fd, void *buf, size_t n, int flags)
{
	saw.recvs++;
	return real_recv(fd, buf, n, flags);
}

static ssize_t send_counted(int fd, const void *buf, size_t n, int flags)
{
	saw.sends++;
	return real_send(fd, buf, n, flags);
}

static void count_calls(void)
{
	real_recv = hook.recv;
	real_send = hook.send;
	hook.recv = recv_counted;
	hook.send = send_counted;
}

/* One request of 60 records and its answer. */
static void economy(struct pair *p)
{
	for (int i = 0; i < 60; i++)
		saw.wrote |= pair_write(&p->client.s, out, 1000);
	while (stream_unsent(&p->client.s) > 0) /* all have arrived */
		np_sleep(NP_MS);
	count_calls();
	saw.read = stream_try_read(&p->server.s, in, 64 * 1024);
	saw.buffered = stream_buffered(&p->server.s);
	saw.wrote |= pair_write(&p->server.s, out, 60000);
	hook_reset();
}

static void judge_economy(void)
{
	assert_int_equal(saw.wrote, 0);
	assert_int_equal(saw.read, 60000);
	assert_false(saw.buffered);
	assert_int_equal(saw.recvs, 1);
	assert_int_equal(saw.sends, 1);
}

static void many_records_cost_one_call_each_way(void **state)
{
	(void)state;
	run_both(economy, judge_economy);
}

/* A recv that was full: the socket may have more, and no event will come for it. */
static void full_recv(struct pair *p)
{
	for (int i = 0; i < 4; i++)
		saw.wrote |= pair_write(&p->client.s, out + (size_t)i * 15000, 15000);
	while (stream_unsent(&p->client.s) > 0) /* all have arrived */
		np_sleep(NP_MS);
	saw.read = stream_try_read(&p->server.s, in, 16000);
	saw.buffered = stream_buffered(&p->server.s);
}

static void judge_full_recv(void)
{
	assert_int_equal(saw.wrote, 0);
	assert_true(saw.read >= 15000 && saw.read <= 16000);
	assert_true(saw.buffered);
}

static void a_full_recv_asks_for_another(void **state)
{
	(void)state;
	run_both(full_recv, judge_full_recv);
}

/* A reader that takes little at a time: the rest of what was received waits in memory, and no event will tell. */
static void sips(struct pair *p)
{
	ssize_t n;

	for (int i = 0; i < 4; i++)
		saw.wrote |= pair_write(&p->client.s, out + (size_t)i * 15000, 15000);
	count_calls();
	while ((n = stream_try_read(&p->server.s, in + saw.bytes, 700)) > 0) {
		saw.bytes += (size_t)n;
		saw.flag |= saw.bytes < 60000 && !stream_buffered(&p->server.s);
	}
	saw.read = n;
	saw.buffered = stream_buffered(&p->server.s);
	hook_reset();
}

static void judge_sips(void)
{
	assert_int_equal(saw.wrote, 0);
	assert_int_equal(saw.bytes, 60000);
	assert_memory_equal(in, out, 60000);
	assert_false(saw.flag); /* never silent while something was there */
	assert_int_equal(saw.read, -NP_EAGAIN);
	assert_false(saw.buffered);
}

static void what_waits_in_memory_is_told(void **state)
{
	(void)state;
	run_both(sips, judge_sips);
}

/* ---- back-pressure --------------------------------------------------------------------------- */

static void backlog_script(struct pair *p)
{
	ssize_t n = 0;

	small_sockets(p);
	while (saw.bytes < BULK && (n = stream_try_write(&p->server.s, out + saw.bytes, 64 * 1024)) > 0)
		saw.bytes += (size_t)n;
	saw.again = n;
	saw.backlog = stream_backlog(&p->server.s);
	saw.err = stream_flush(&p->server.s);
	saw.wrote = stream_close_write(&p->server.s); /* not before the backlog is gone */
	read_all(p);
	saw.flag = !saw.flag && stream_backlog(&p->server.s) == 0 && stream_close_write(&p->server.s) == 0;
	saw.read = pair_read(&p->client.s, in + saw.bytes, 1);
}

static void judge_backlog(void)
{
	assert_int_equal(saw.again, -NP_EAGAIN);
	assert_true(saw.backlog > 0);
	assert_true(saw.backlog < 70000);
	assert_int_equal(saw.err, -NP_EAGAIN);
	assert_int_equal(saw.wrote, -NP_EAGAIN);
	assert_memory_equal(in, out, saw.bytes);
	assert_true(saw.flag);
	assert_int_equal(saw.read, 0);
}

static void a_full_socket_leaves_a_bounded_backlog(void **state)
{
	(void)state;
	run_both(backlog_script, judge_backlog);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void half_close_script(struct pair *p)
{
	saw.wrote = pair_write(&p->client.s, "request", 7);
	saw.err = stream_close_write(&p->client.s);
	if (stream_close_write(&p->client.s) != 0) /* a second time does nothing */
		saw.err = -1;
	saw.read = pair_read(&p->server.s, in, 100);
	saw.again = pair_read(&p->server.s, in + 100, 100);
	saw.truncated = stream_truncated(&p->server.s);
	saw.wrote |= pair_write(&p->server.s, "late answer", 11);
	saw.bytes = (size_t)pair_read(&p->client.s, in + 200, 100);
}

static void judge_half_close(void)
{
	assert_int_equal(saw.wrote, 0);
	assert_int_equal(saw.err, 0);
	assert_int_equal(saw.read, 7);
	assert_int_equal(saw.again, 0);
	assert_false(saw.truncated);
	assert_int_equal(saw.bytes, 11);
	assert_memory_equal(in + 200, "late answer", 11);
}

static void a_close_notify_ends_one_direction(void **state)
{
	(void)state;
	run_both(half_close_script, judge_half_close);
}

static void cut_script(struct pair *p)
{
	saw.wrote = pair_write(&p->client.s, "half a requ", 11);
	shutdown(p->client.raw, SHUT_WR);
	saw.read = pair_read(&p->server.s, in, 100);
	saw.flag = stream_truncated(&p->server.s);
	saw.again = pair_read(&p->server.s, in, 100);
	saw.truncated = stream_truncated(&p->server.s);
	saw.wrote |= pair_write(&p->server.s, "answer", 6);
	saw.bytes = (size_t)pair_read(&p->client.s, in + 200, 100);
}

static void judge_cut(void)
{
	assert_int_equal(saw.wrote, 0);
	assert_int_equal(saw.read, 11);
	assert_false(saw.flag);
	assert_int_equal(saw.again, 0);
	assert_true(saw.truncated);
	assert_int_equal(saw.bytes, 6);
}

static void a_fin_alone_ends_it_too_and_is_told(void **state)
{
	(void)state;
	run_both(cut_script, judge_cut);
}

static void reset_script(struct pair *p)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(p->client.raw, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stream_close_reset(&p->client.s);
	saw.read = pair_read(&p->server.s, in, 100);
	saw.again = stream_try_write(&p->server.s, "", 0);
}

static void judge_reset(void)
{
	assert_int_equal(saw.read, -NP_ECONNRESET);
	assert_true(saw.again < 0);
}

static void a_reset_is_no_end(void **state)
{
	(void)state;
	run_both(reset_script, judge_reset);
}

static void deadline_script(struct pair *p)
{
	np_fd_set_read_deadline(&p->server.s.fd, 1);
	saw.read = stream_try_read(&p->server.s, in, 100);
	np_fd_set_read_deadline(&p->server.s.fd, 0);
	saw.wrote = pair_write(&p->client.s, "x", 1);
	saw.again = pair_read(&p->server.s, in, 100); /* a deadline breaks nothing */
}

static void judge_deadline(void)
{
	assert_int_equal(saw.read, -NP_EDEADLINE);
	assert_int_equal(saw.again, 1);
}

static void a_deadline_is_not_the_end(void **state)
{
	(void)state;
	run_both(deadline_script, judge_deadline);
}

/* ---- what an idle one keeps ------------------------------------------------------------------ */

static void idle_script(struct pair *p)
{
	saw.wrote = pair_write(&p->client.s, out, 40000);
	while (saw.bytes < 40000)
		saw.bytes += (size_t)pair_read(&p->server.s, in, 16384);
	saw.read = stream_try_read(&p->server.s, in, 1);
	saw.flag = p->server.s.tls->in == NULL && p->server.s.tls->out == NULL;
}

static void judge_idle(void)
{
	assert_int_equal(saw.wrote, 0);
	assert_int_equal(saw.read, -NP_EAGAIN);
	assert_true(saw.flag);
}

static void an_idle_end_keeps_no_ciphertext(void **state)
{
	(void)state;
	run_both(idle_script, judge_idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("B1", every_byte_arrives_in_order),
		ROW("D21", many_records_cost_one_call_each_way),
		ROW("D21 F28", a_full_recv_asks_for_another),
		ROW("D21 F28", what_waits_in_memory_is_told),
		ROW("B9", a_full_socket_leaves_a_bounded_backlog),
		ROW("D22 B4", a_close_notify_ends_one_direction),
		ROW("D22", a_fin_alone_ends_it_too_and_is_told),
		ROW("B6", a_reset_is_no_end),
		ROW("B16", a_deadline_is_not_the_end),
		ROW("B9", an_idle_end_keeps_no_ciphertext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
