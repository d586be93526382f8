/* Formats a message of the process log: as JSON for machines, or as a line for people. */
#include "proxy/log/log_note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/log/log_episode.h"
#include "proxy/log/log_priv.h"

static const char *const words[LVL_LEVELS] = {
#define X(level, word) [LVL_##level] = #word,
	LOG_LEVEL_TBL(X)
#undef X
};

/* sd-daemon(3), which are those of syslog(3). */
static const char numbers[LVL_LEVELS] = {
	[LVL_ERROR] = '3', [LVL_WARNING] = '4', [LVL_NOTICE] = '5', [LVL_INFO] = '6', [LVL_DEBUG] = '7',
};

/* ---- the form ---- */

/* systemd.exec(5): "DEVICE:INODE" of the socket that systemd made, so that a child whose output goes elsewhere
 * can tell. */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[48];
	struct stat st;

	if (stream == NULL || fstat(fd, &st) < 0)
		return false;
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(ours, stream) == 0;
}

struct log_form log_form_of(enum log_format format, int fd)
{
	struct log_form f = {
		.json = format == LOG_FORMAT_JSON,
		.level = format == LOG_FORMAT_JOURNAL || is_journal(fd),
	};

	if (format == LOG_FORMAT_AUTO)
		f.json = !f.level && isatty(fd) == 0;
	return f;
}

const char *log_level_word(enum log_level level)
{
	return words[level];
}

/* Exactly as written: a word in upper case is no level, here as in the configuration. */
int log_level_of(const char *word, enum log_level *out)
{
	for (unsigned i = 0; i < LVL_LEVELS; i++) {
		if (strcmp(word, words[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -NP_EINVAL;
}

int log_level_number(enum log_level level)
{
	return numbers[level] - '0';
}

void log_put_level(struct text *t, enum log_level level)
{
	text_char(t, '<');
	text_char(t, numbers[level]);
	text_char(t, '>');
}

/* ---- the note ---- */

void log_note_fill(struct log_note *note, enum log_level level, const char *event,
		   uint64_t suppressed, const char *fmt, va_list ap)
{
	int n = vsnprintf(note->msg, sizeof(note->msg), fmt, ap);

	note->time = log_clock(CLOCK_REALTIME);
	note->level = level;
	note->event = event;
	note->suppressed = suppressed;
	note->n = n > 0 ? (size_t)n : 0; /* it fails only for a wide character without bytes */
}

static const char *level_word(enum log_level level)
{
	DCHECK((unsigned)level < LVL_LEVELS, "a note has a level of LOG_LEVEL_TBL");
	return words[level];
}

void log_note_over(struct log_note *note, const struct log_episode *e)
{
	long long s = (long long)((e->last - e->began) / LOG_EPISODE_GAP) + 1;
	int n = snprintf(note->msg, sizeof(note->msg), "%s; this lasted %lld s", e->msg, s);

	note->time = log_clock(CLOCK_REALTIME);
	note->level = e->level;
	note->event = "suppressed";
	note->of = e->event;
	note->suppressed = e->suppressed;
	note->problems = NULL;
	note->n = (size_t)n;
}

/* ---- the line ---- */

static void put_message(struct text *t, const struct log_note *note, enum text_style style)
{
	text_escape(t, note->msg, note->n <= LOG_MSG_MAX ? note->n : LOG_MSG_MAX, style);
	if (note->n > LOG_MSG_MAX)
		text_str(t, TEXT_TRUNCATED);
}

/* A count that is 0 is left out. */
static void put_number(struct text *t, const char *before, uint64_t n, const char *after)
{
	if (n == 0)
		return;
	text_str(t, before);
	text_u64(t, n);
	text_str(t, after);
}

static void line_json(struct text *t, const struct log_note *note)
{
	text_str(t, "{\"time\":\"");
	text_time(t, note->time);
	text_str(t, "\",\"level\":\"");
	text_str(t, level_word(note->level));
	text_str(t, "\",\"event\":\"");
	text_str(t, note->event);
	if (note->of != NULL) {
		text_str(t, "\",\"of\":\"");
		text_str(t, note->of);
	}
	text_str(t, "\",\"message\":\"");
	put_message(t, note, TEXT_JSON);
	text_char(t, '"');
	put_number(t, ",\"suppressed\":", note->suppressed, "");
	put_number(t, ",\"missed\":", note->missed, "");
	if (note->problems != NULL) {
		text_str(t, ",\"problems\":[");
		text_str(t, note->problems);
		text_char(t, ']');
	}
	text_str(t, "}\n");
}

/* No time stamp: on a terminal people see the line when it is written, and systemd's journal adds
 * its own, as it adds the name and the level. */
static void line_text(struct text *t, const struct log_note *note)
{
	if (!note->form.level) {
		text_str(t, "staunch: ");
		text_str(t, level_word(note->level));
		text_str(t, ": ");
	}
	put_message(t, note, TEXT_PLAIN);
	put_number(t, " (", note->suppressed, " more like it suppressed)");
	put_number(t, " (", note->missed,
		   note->missed == 1 ? " earlier line missed)" : " earlier lines missed)");
	text_char(t, '\n');
}

void log_note_line(struct text *t, const struct log_note *note)
{
	if (note->form.level)
		log_put_level(t, note->level);
	if (note->form.json)
		line_json(t, note);
	else
		line_text(t, note);
	DCHECK(!t->cut, "a line has room for every byte escaped");
}
