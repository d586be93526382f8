/* Each disturbance: how it begins and ends. */
#include "tests/chaos/disturbances.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	RELOAD_MS = 500,
	OTHER_MS = 700,
	ANSWER_MS = 30000, /* a reload that has no answer by then has none */
};

/* ---- reloads ---- */

static void say_wrong(struct disturbances *d, const char *what)
{
	if (d->wrong++ == 0)
		snprintf(d->wrong_text, sizeof(d->wrong_text), "%s (mistake: %s)", what,
			 mistake_text(d->asked.mistake));
}

static bool any_under_way(const struct disturbances *d)
{
	return d->until[DISTURBANCE_DESCRIPTORS] != 0 || d->until[DISTURBANCE_DISK] != 0;
}

static void ask(struct disturbances *d, int64_t now)
{
	char *text = setup_text(d->setup, &d->asked);

	if (d->asked.mistake == MISTAKE_CERTIFICATE)
		setup_certificate(d->setup, -1);
	kit_staunch_rewrite(d->staunch, text);
	free(text);
	if (d->in_force.extra && !d->asked.extra && d->asked.mistake == MISTAKE_NONE) {
		ledger_open(d->ledger, DISTURBANCE_ABSENT, PLACE_EXTRA, now);
		ledger_open(d->ledger, DISTURBANCE_ABSENT, PLACE_EXTRA_UNIX, now);
	}
	d->asking = true;
	d->excused = any_under_way(d);
	d->asked_at = now;
	d->log.answer = ANSWER_NONE;
	ledger_open(d->ledger, DISTURBANCE_RELOAD, -1, now);
	kit_child_signal(d->staunch->child, SIGHUP);
}

/* The listeners that come and go have come. */
static void extra_is_back(struct disturbances *d, int64_t now)
{
	ledger_close(d->ledger, DISTURBANCE_ABSENT, PLACE_EXTRA, now);
	ledger_close(d->ledger, DISTURBANCE_ABSENT, PLACE_EXTRA_UNIX, now);
}

/* A reload that names a listener promises its socket file: from here on its absence is a fault. */
static void file_should_be_back(struct disturbances *d, int64_t now)
{
	ledger_close(d->ledger, DISTURBANCE_UNLINK, PLACE_EXTRA_UNIX, now);
	if (d->unlinked && d->in_force.extra && access(d->setup->place[PLACE_EXTRA_UNIX].un.sun_path, F_OK) != 0)
		say_wrong(d, "a listener's deleted socket file was not made again");
	d->unlinked = false;
}

static void reload_taken(struct disturbances *d, int64_t now)
{
	bool back = d->asked.extra && !d->in_force.extra;

	if (d->asked.mistake != MISTAKE_NONE)
		say_wrong(d, "a configuration with a mistake was taken");
	else
		d->taken++;
	d->in_force = d->asked;
	if (d->few_places && d->until[DISTURBANCE_DESCRIPTORS] == 0 && d->asked_at > d->raised_at) {
		ledger_close(d->ledger, DISTURBANCE_PLACES, -1, now);
		d->few_places = false;
	}
	if (back)
		extra_is_back(d, now);
	file_should_be_back(d, now);
}

static void reload_refused(struct disturbances *d, int64_t now)
{
	if (d->asked.mistake != MISTAKE_NONE || d->excused || any_under_way(d))
		d->refused_by_right++;
	else
		say_wrong(d, "a right configuration was refused");
	if (d->in_force.extra && !d->asked.extra && d->asked.mistake == MISTAKE_NONE)
		extra_is_back(d, now);
}

static void reload_answered(struct disturbances *d, int64_t now)
{
	d->asking = false;
	d->next_reload = d->asked_at + RELOAD_MS;
	ledger_close(d->ledger, DISTURBANCE_RELOAD, -1, now);
	if (now - d->asked_at > d->slowest)
		d->slowest = now - d->asked_at;
	if (d->log.answer == ANSWER_TAKEN)
		reload_taken(d, now);
	else
		reload_refused(d, now);
	if (d->asked.mistake == MISTAKE_CERTIFICATE)
		setup_certificate(d->setup, d->pair);
	d->log.answer = ANSWER_NONE;
}

static void reload_lost(struct disturbances *d, int64_t now)
{
	d->asking = false;
	d->next_reload = now;
	say_wrong(d, "a reload was never answered");
	ledger_close(d->ledger, DISTURBANCE_RELOAD, -1, now);
}

static void reload_turn(struct disturbances *d, int64_t now)
{
	if (d->asking && d->log.answer != ANSWER_NONE)
		reload_answered(d, now);
	else if (d->asking && now - d->asked_at > ANSWER_MS)
		reload_lost(d, now);
}

/* ---- logs ---- */

static void rotate(struct disturbances *d, int64_t now)
{
	char from[KIT_PATH], to[KIT_PATH + 16];

	if (d->in_force.log == LOG_PIPE || d->asking)
		return;
	snprintf(from, sizeof(from), "%s/%s", kit_dir(), log_file(d->in_force.log));
	snprintf(to, sizeof(to), "%s.%u", from, ++d->rotations);
	if (rename(from, to) != 0)
		return; /* rotated a moment ago, and not reopened yet */
	kit_child_signal(d->staunch->child, SIGUSR1);
	ledger_open(d->ledger, DISTURBANCE_ROTATION, -1, now);
	ledger_close(d->ledger, DISTURBANCE_ROTATION, -1, now);
}

static void ballast_path(char path[KIT_PATH])
{
	snprintf(path, KIT_PATH, "%s/small/ballast", kit_dir());
}

static void fill_disk(struct disturbances *d)
{
	static const char zeros[4096];
	char path[KIT_PATH];
	int fd;

	(void)d;
	ballast_path(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

static void empty_disk(struct disturbances *d)
{
	char path[KIT_PATH];

	(void)d;
	ballast_path(path);
	unlink(path);
}

/* ---- the others ---- */

static void pause_server(struct disturbances *d)
{
	servers_pause(d->servers, d->victim[DISTURBANCE_PAUSE], true);
}

static void resume_server(struct disturbances *d)
{
	servers_pause(d->servers, d->victim[DISTURBANCE_PAUSE], false);
}

static void kill_server(struct disturbances *d)
{
	servers_kill(d->servers, d->victim[DISTURBANCE_KILL]);
}

static void revive_server(struct disturbances *d)
{
	servers_revive(d->servers, d->victim[DISTURBANCE_KILL]);
}

static void lower_descriptors(struct disturbances *d)
{
	struct rlimit r = d->limit;

	r.rlim_cur = (rlim_t)kit_proc_fds(d->staunch->child->pid) + d->spare;
	if (prlimit(d->staunch->child->pid, RLIMIT_NOFILE, &r, NULL) != 0)
		kit_fail("prlimit: errno %d", errno);
	if (!d->few_places)
		ledger_open(d->ledger, DISTURBANCE_PLACES, -1, kit_now_ms());
	d->few_places = true;
}

static void raise_descriptors(struct disturbances *d)
{
	if (prlimit(d->staunch->child->pid, RLIMIT_NOFILE, &d->limit, NULL) != 0 && errno != ESRCH)
		kit_fail("prlimit: errno %d", errno);
	d->raised_at = kit_now_ms();
}

static void nothing(struct disturbances *d)
{
	(void)d;
}

/* Those that last. */
static const struct lasting {
	enum disturbance what;
	int              ms_min, ms_max;
	bool             has_victim;
	void (*begin)(struct disturbances *d);
	void (*end)(struct disturbances *d);
} lasting[] = {
	{DISTURBANCE_PAUSE, 200, 1200, true, pause_server, resume_server},
	{DISTURBANCE_KILL, 200, 1500, true, kill_server, revive_server},
	{DISTURBANCE_DISK, 500, 3000, false, fill_disk, empty_disk},
	{DISTURBANCE_READER, 500, 4000, false, nothing, nothing},
	{DISTURBANCE_DESCRIPTORS, 200, 1500, false, lower_descriptors, raise_descriptors},
};

static void begin(struct disturbances *d, struct dice *dice, const struct lasting *l, int64_t now)
{
	int victim = (int)dice_below(dice, SERVERS);
	int64_t ms = (int64_t)dice_between(dice, (uint64_t)l->ms_min, (uint64_t)l->ms_max);

	d->spare = (unsigned)dice_below(dice, 30);
	if (d->until[l->what] != 0 || (l->what == DISTURBANCE_DISK && !d->setup->small))
		return;
	/* The two of one server would undo each other. */
	if (l->has_victim && (d->until[DISTURBANCE_PAUSE] != 0 || d->until[DISTURBANCE_KILL] != 0))
		return;
	d->victim[l->what] = l->has_victim ? victim : -1;
	d->until[l->what] = now + ms;
	ledger_open(d->ledger, l->what, d->victim[l->what], now);
	l->begin(d);
}

static void end_lasting(struct disturbances *d, int64_t now, bool all)
{
	for (size_t i = 0; i < array_len(lasting); i++) {
		const struct lasting *l = &lasting[i];

		if (d->until[l->what] == 0 || (!all && now < d->until[l->what]))
			continue;
		d->until[l->what] = 0;
		l->end(d);
		ledger_close(d->ledger, l->what, d->victim[l->what], kit_now_ms());
	}
}

static void swap_certificate(struct disturbances *d, int64_t now)
{
	if (d->asking)
		return;
	d->pair = !d->pair;
	setup_certificate(d->setup, d->pair);
	ledger_open(d->ledger, DISTURBANCE_CERTIFICATE, -1, now);
	ledger_close(d->ledger, DISTURBANCE_CERTIFICATE, -1, now);
}

static void delete_socket(struct disturbances *d, int64_t now)
{
	if (!d->in_force.extra || d->asking || d->unlinked)
		return;
	unlink(d->setup->place[PLACE_EXTRA_UNIX].un.sun_path);
	d->unlinked = true;
	ledger_open(d->ledger, DISTURBANCE_UNLINK, PLACE_EXTRA_UNIX, now);
}

static void other(struct disturbances *d, struct dice *dice, int64_t now)
{
	unsigned kind = (unsigned)dice_below(dice, 100);

	if (kind < 25)
		rotate(d, now);
	else if (kind < 37)
		swap_certificate(d, now);
	else if (kind < 40)
		delete_socket(d, now);
	else
		begin(d, dice, &lasting[dice_below(dice, array_len(lasting))], now);
}

/* ---- all of them ---- */

void disturbances_init(struct disturbances *d, uint64_t seed)
{
	char path[KIT_PATH];

	d->seed = seed;
	d->next_reload = d->next_other = d->ledger->began;
	snprintf(path, sizeof(path), "%s/%s", kit_dir(), log_file(LOG_PIPE));
	d->reader = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/access.read", kit_dir());
	d->piped = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (d->reader < 0 || d->piped < 0)
		kit_fail("no pipe for a log: errno %d", errno);
	d->log.path = d->staunch->child->err;
	d->in_force = d->asked = d->rolled = shape_first();
	ledger_open(d->ledger, DISTURBANCE_ABSENT, PLACE_EXTRA, d->ledger->began);
	ledger_open(d->ledger, DISTURBANCE_ABSENT, PLACE_EXTRA_UNIX, d->ledger->began);
	if (prlimit(d->staunch->child->pid, RLIMIT_NOFILE, NULL, &d->limit) != 0)
		kit_fail("prlimit: errno %d", errno);
}

void disturbances_listen(struct disturbances *d, int64_t now)
{
	static char buf[16384];
	ssize_t n;

	while (d->until[DISTURBANCE_READER] == 0 && (n = read(d->reader, buf, sizeof(buf))) > 0)
		if (write(d->piped, buf, (size_t)n) != n)
			kit_fail("no room in %s", kit_dir());
	process_log_follow(&d->log);
	reload_turn(d, now);
}

/* Each disturbance has dice of its own and a time of its own: what became of the ones before changes neither. */
static struct dice dice_of(const struct disturbances *d, uint64_t nth, uint64_t kind)
{
	struct dice dice;

	dice_init(&dice, d->seed ^ nth << 16 ^ kind);
	return dice;
}

static void next_reload(struct disturbances *d, int64_t now)
{
	struct dice dice = dice_of(d, d->reloads++, 0xd157);

	d->asked = shape_roll(&dice, &d->rolled);
	if (d->asked.mistake == MISTAKE_NONE)
		d->rolled = d->asked;
	ask(d, now);
}

static void next_other(struct disturbances *d, int64_t now)
{
	struct dice dice = dice_of(d, d->others++, 0xb10e);

	d->next_other += (int64_t)dice_between(&dice, OTHER_MS / 2, OTHER_MS * 3 / 2);
	other(d, &dice, now);
}

void disturbances_turn(struct disturbances *d, int64_t now)
{
	disturbances_listen(d, now);
	end_lasting(d, now, false);
	if (!d->asking && now >= d->next_reload)
		next_reload(d, now);
	while (now >= d->next_other)
		next_other(d, now);
}

void disturbances_end(struct disturbances *d, int64_t now)
{
	end_lasting(d, now, true);
}

void disturbances_restore(struct disturbances *d, int64_t now)
{
	if (d->pair != 0) {
		d->pair = 0;
		setup_certificate(d->setup, 0);
	}
	d->asked = shape_first();
	ask(d, now);
}
