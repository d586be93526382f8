/* Rows on a terminal, and its keys. */
#include "proxy/cli/cli_top_screen.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "netpoll/err.h"

#undef columns /* a capability of the terminal there, and our word for columns of a list */

#define LINE        512
#define BROKEN_MOST 3  /* lines of a long text in the head */
#define BROKEN_FROM 20 /* a lower screen has one line for it */
#define NOTE_FROM   80 /* a narrower screen has no room for notes */
#define REDRAW      ('l' & 0x1f) /* Ctrl-L */
#define ESCAPE      27
#define ESCAPE_WAIT 25 /* ms: longer is a key of its own, no part of an arrow's bytes */

/* Pairs of colours. */
enum { PLAIN, BAD, FAILS };

static const char *const help[] = {
	"Tab          choose listeners or servers",
	"Up Down j k  mark the next row or the one before, PgUp PgDn by a page",
	"Home End g G mark the first, the last",
	"s S          sort by the next column, the one before",
	"r            turn the order round",
	"/            show only what has these letters; Enter keeps, Esc clears",
	"d            drain the marked server: it gets no new connections; or make a",
	"             drained one ready again; asks first",
	"q Ctrl-C     leave",
	"",
	"* marks the column that is sorted by.",
	"usable        does this server get connections? Its last column says why not,",
	"              or which error it had last, and how long ago",
	"conn/s fail/s of the last seconds",
	"p50ms p99ms   time of a connect: half of them, all but a hundredth",
};

/* ---- the terminal ---- */

/* newterm leaks where it does not know TERM, so that is asked first. */
static bool terminal_is_known(void)
{
	int known = 0;

	if (setupterm(NULL, STDOUT_FILENO, &known) != OK)
		return false;
	del_curterm(cur_term);
	return true;
}

/* newterm, for initscr ends the process where it fails. */
int top_screen_open(struct top_screen *s, bool colour)
{
	SCREEN *terminal = terminal_is_known() ? newterm(NULL, stdout, stdin) : NULL;

	if (terminal == NULL)
		return -NP_EINVAL;
	*s = (struct top_screen){.terminal = terminal, .chosen = TOP_SERVERS};
	set_escdelay(ESCAPE_WAIT);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, true);
	nodelay(stdscr, true);
	curs_set(0);
	s->colour = colour && has_colors() && start_color() == OK && use_default_colors() == OK;
	if (s->colour) {
		init_pair(BAD, COLOR_RED, -1);
		init_pair(FAILS, COLOR_YELLOW, -1);
	}
	return 0;
}

/* The cursor comes back, and what stood on the screen before, where the terminal keeps it. */
void top_screen_close(struct top_screen *s)
{
	if (s->terminal == NULL)
		return;
	endwin();
	delscreen(s->terminal);
	s->terminal = NULL;
}

/* ncurses learns of it here and not by a handler of its own: SIGWINCH is blocked, and read from a descriptor. */
void top_screen_resize(struct top_screen *s)
{
	struct winsize size;

	(void)s;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	clearok(stdscr, true);
}

/* ---- drawing ---- */

/* One line, cut at the screen's width; what is cut ends with "~". */
static void put_line(int y, const char *text, attr_t attributes)
{
	int width = COLS < LINE ? COLS : LINE - 1;
	bool cut = (int)strlen(text) > width;

	attrset((int)attributes);
	mvaddnstr(y, 0, text, cut ? width - 1 : width);
	if (cut)
		addch('~');
	attrset((int)A_NORMAL);
}

/* From y on, broken between words at the screen's width.   Returns  the line behind it. */
static int put_broken(int y, const char *text, attr_t attributes)
{
	size_t width = COLS > 0 && COLS < LINE ? (size_t)COLS : LINE - 1;
	char line[LINE];

	for (int last = LINES < BROKEN_FROM ? y : y + BROKEN_MOST - 1; strlen(text) > width && y < last; y++) {
		size_t n = width;

		while (n > 0 && text[n] != ' ')
			n--;
		n = n > 0 ? n : width;
		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		put_line(y, line, attributes);
		text += n + (text[n] == ' ');
	}
	put_line(y, text, attributes);
	return y + 1;
}

/* In exactly `width` columns. Of a name the end says more than the begin: all servers of an upstream begin alike. */
static void add_text(char line[LINE], const char *text, int width, bool keep_end)
{
	size_t n = strlen(line), len = strlen(text);

	if (width <= 0 || n + (size_t)width >= LINE)
		return;
	if (len <= (size_t)width)
		snprintf(line + n, LINE - n, "%-*s", width, text);
	else if (keep_end)
		snprintf(line + n, LINE - n, "~%s", text + len - (size_t)width + 1);
	else
		snprintf(line + n, LINE - n, "%.*s~", width - 1, text);
}

/* Numbers stand at the right of their column, so that their digits are below one another. */
static void add_number(char line[LINE], const char *text, int width)
{
	size_t n = strlen(line);

	if (n + (size_t)width < LINE)
		snprintf(line + n, LINE - n, "%*s", width, text);
}

/* Columns for the name; *note gets those for the note. */
static int name_width(const struct top_list *l, int *note)
{
	int left = COLS < LINE ? COLS : LINE - 1;

	for (size_t i = 0; i < l->ncolumns; i++)
		if (top_shows(l, i, COLS))
			left -= l->columns[i].width;
	*note = COLS >= NOTE_FROM ? left * 2 / 5 : 0;
	return left - *note > 0 ? left - *note : 0;
}

/* "servers 13-24/1000": which rows are in sight, of how many that match. */
static void draw_heading(const struct top_screen *s, const struct top_list *l, size_t list, int y)
{
	char line[LINE] = "", text[64];
	int note, width = name_width(l, &note);
	size_t last = s->top[list] + s->room[list];

	if (l->nshown == 0)
		snprintf(text, sizeof(text), "%s%s none", l->sort == 0 ? "*" : "", l->title);
	else
		snprintf(text, sizeof(text), "%s%s %zu-%zu/%zu", l->sort == 0 ? "*" : "", l->title, s->top[list] + 1,
			 last < l->nshown ? last : l->nshown, l->nshown);
	add_text(line, text, width, false);
	for (size_t i = 0; i < l->ncolumns; i++) {
		snprintf(text, sizeof(text), "%s%s", l->sort == i + 1 ? "*" : "", l->columns[i].title);
		if (top_shows(l, i, COLS))
			add_number(line, text, l->columns[i].width);
	}
	add_text(line, list == TOP_SERVERS ? " why, last error" : " upstream", note, false);
	put_line(y, line, s->chosen == list ? A_REVERSE | A_BOLD : A_REVERSE);
}

/* A server that gets no connections is red, one whose connects fail is yellow; without colours they are bold. */
static attr_t row_attributes(const struct top_screen *s, const struct top_list *l, const struct top_row *r)
{
	bool bad = r->state[0] != '\0' && strcmp(r->state, "yes") != 0;

	if (!bad && !top_row_fails(l, r))
		return A_NORMAL;
	if (!s->colour)
		return A_BOLD;
	return COLOR_PAIR(bad ? BAD : FAILS);
}

/* One line. */
static void draw_row(const struct top_list *l, const struct top_row *r, int y, attr_t attributes)
{
	char line[LINE] = "", cell[TOP_CELL];
	int note, width = name_width(l, &note);

	add_text(line, r->name, width, true);
	for (size_t i = 0; i < l->ncolumns; i++)
		if (top_shows(l, i, COLS))
			add_number(line, top_cell(r, &l->columns[i], i, cell), l->columns[i].width);
	if (note > 1) {
		add_text(line, " ", 1, false);
		add_text(line, r->note, note - 1, false);
	}
	put_line(y, line, attributes);
}

/* The mark is on a row, and that row in sight: there may be fewer rows, or more room, than before. */
static void keep_in_sight(struct top_screen *s, const struct top_list *l, size_t list)
{
	size_t room = s->room[list], most = l->nshown > room ? l->nshown - room : 0;
	size_t *top = &s->top[list], *mark = &s->mark[list];

	if (*mark >= l->nshown)
		*mark = l->nshown > 0 ? l->nshown - 1 : 0;
	if (*top > most)
		*top = most;
	if (*top > *mark)
		*top = *mark;
	if (*top + room <= *mark)
		*top = *mark - room + 1;
}

/* Returns the line behind it. */
static int draw_list(struct top_screen *s, const struct top_list *l, size_t list, int y, bool grey)
{
	keep_in_sight(s, l, list);
	draw_heading(s, l, list, y++);
	for (size_t i = s->top[list]; i < s->top[list] + s->room[list]; i++, y++)
		if (i < l->nshown) {
			attr_t marked = list == s->chosen && i == s->mark[list] ? A_REVERSE : A_NORMAL;

			draw_row(l, l->shown[i], y, marked | (grey ? A_DIM : row_attributes(s, l, l->shown[i])));
		}
	return y;
}

/* The chosen list gets what the other one leaves; that one keeps a quarter, or what it needs where that is less. */
static void share_room(struct top_screen *s, const struct top_model *m, int head)
{
	int all = LINES - head - TOP_LISTS - 1;
	size_t other = 1 - s->chosen, room = all > 2 ? (size_t)all : 2, least = room / 4 > 0 ? room / 4 : 1;
	size_t need = m->lists[other].nshown > 0 ? m->lists[other].nshown : 1, chosen = m->lists[s->chosen].nshown;

	if (chosen < room - least)
		least = chosen > 0 ? room - chosen : room - 1;
	s->room[other] = need < least ? need : least;
	s->room[s->chosen] = room - s->room[other];
	if (s->chosen == TOP_LISTENERS && chosen < s->room[TOP_LISTENERS]) {
		s->room[TOP_LISTENERS] = chosen > 0 ? chosen : 1;
		s->room[TOP_SERVERS] = room - s->room[TOP_LISTENERS];
	}
}

/* What is wrong stands in the third line, in red, so that the first two keep their places.
 *   Returns  the line behind it. */
static int draw_head(const struct top_screen *s, const struct top_model *m, const char *gone)
{
	attr_t bad = s->colour ? COLOR_PAIR(BAD) | A_BOLD : A_BOLD;

	put_line(0, m->head[0], gone != NULL ? A_DIM : A_BOLD);
	put_line(1, m->head[1], gone != NULL ? A_DIM : A_NORMAL);
	if (gone == NULL && (int)strlen(m->head[0]) + 11 <= COLS)
		mvaddstr(0, COLS - 8, m->time);
	if (gone != NULL)
		return put_broken(2, gone, bad);
	return put_broken(2, m->head[2], m->warned ? bad : A_NORMAL);
}

/* "drain app/10.0.0.1:80? y/n". A name that is too long keeps its end, and the question its own. */
static void put_drain_question(char line[LINE], const struct top_order *asked)
{
	static const char ends[] = "? y/n";
	int width = (COLS < LINE ? COLS : LINE - 1) - (int)strlen(asked->word) - 1 - (int)sizeof(ends) + 1;
	int len = (int)strlen(asked->name);

	snprintf(line, LINE, "%s ", asked->word);
	add_text(line, asked->name, len < width ? len : width, true);
	snprintf(line + strlen(line), LINE - strlen(line), ends);
}

/* The keys; or the filter, while it is typed and while it holds; or a question, or what came of it. */
static void draw_keys(const struct top_screen *s, const struct top_model *m)
{
	const char *filter = m->lists[s->chosen].filter;
	char line[LINE];

	if (s->asked.word != NULL)
		put_drain_question(line, &s->asked);
	else if (s->said[0] != '\0')
		snprintf(line, sizeof(line), "%s", s->said);
	else if (s->typing)
		snprintf(line, sizeof(line), "/%s_  Enter keeps, Esc clears", filter);
	else if (filter[0] != '\0')
		snprintf(line, sizeof(line), "/%s  Esc clears  q quit ? help Tab list s sort r turn d drain", filter);
	else
		snprintf(line, sizeof(line), "%s",
			 "q quit  ? help  / filter  s sort  r turn  d drain  Tab list  arrows PgUp PgDn");
	put_line(LINES - 1, line, A_REVERSE);
}

/* In the place of everything else: 40 columns have no room for a window. */
static void draw_help(void)
{
	for (size_t i = 0; i < array_len(help) && (int)i + 1 < LINES; i++)
		put_line((int)i, help[i], A_NORMAL);
	put_line(LINES - 1, "any key goes back", A_REVERSE);
}

/* Everything is drawn anew; ncurses compares it with what stands there. A screen with fewer lines shows what fits. */
void top_screen_draw(struct top_screen *s, const struct top_model *m, const char *gone)
{
	int y;

	erase();
	if (s->help) {
		draw_help();
	} else {
		y = draw_head(s, m, gone);
		share_room(s, m, y);
		for (size_t i = 0; i < TOP_LISTS; i++)
			y = draw_list(s, &m->lists[i], i, y, gone != NULL);
		draw_keys(s, m);
	}
	refresh();
}

/* ---- keys ---- */

/* The filter acts at each letter. */
static void type_filter(struct top_screen *s, struct top_list *l, int key)
{
	size_t n = strlen(l->filter);

	if (key == '\r' || key == '\n' || key == KEY_ENTER)
		s->typing = false;
	else if (key == ESCAPE)
		s->typing = false, l->filter[0] = '\0';
	else if (n > 0 && (key == KEY_BACKSPACE || key == 0x7f || key == '\b'))
		l->filter[n - 1] = '\0';
	else if (key > 0x20 && key < 0x7f && n + 1 < sizeof(l->filter))
		l->filter[n] = (char)key, l->filter[n + 1] = '\0';
	top_list_arrange(l);
}

/* What is beyond the end is brought back when it is drawn. */
static void move_mark(struct top_screen *s, const struct top_list *l, int key)
{
	size_t *top = &s->top[s->chosen], *mark = &s->mark[s->chosen], page = s->room[s->chosen];

	if (key == KEY_DOWN || key == 'j')
		*mark += 1;
	else if (key == KEY_NPAGE || key == ' ')
		*mark += page, *top += page;
	else if (key == KEY_UP || key == 'k')
		*mark -= *mark > 0 ? 1 : 0;
	else if (key == KEY_PPAGE)
		*mark -= *mark > page ? page : *mark, *top -= *top > page ? page : *top;
	else if (key == KEY_HOME || key == 'g')
		*mark = 0;
	else if (key == KEY_END || key == 'G')
		*mark = l->nshown;
	keep_in_sight(s, l, s->chosen);
}

/* Keys that were typed before the question stood there do not answer it. */
static void ask_about_marked(struct top_screen *s, const struct top_list *l)
{
	const struct top_row *r = NULL;

	keep_in_sight(s, l, s->chosen); /* a filter may have been typed since the screen was drawn */
	if (s->chosen == TOP_SERVERS && l->nshown > 0)
		r = l->shown[s->mark[TOP_SERVERS]];
	if (r == NULL) {
		snprintf(s->said, sizeof(s->said), "d drains a server: mark one; Tab goes to their list");
	} else if (!r->exact) {
		snprintf(s->said, sizeof(s->said), "its name has what this screen does not show: staunch server %s",
			 r->steered ? "ready" : "drain");
	} else {
		s->asked.word = r->steered ? "ready" : "drain";
		memcpy(s->asked.name, r->name, sizeof(s->asked.name));
	}
	flushinp();
}

/* All but y is no. */
static void answer_question(struct top_screen *s, int key)
{
	if (key == 'y' || key == 'Y')
		s->order = s->asked;
	s->asked.word = NULL;
}

/* The columns that can be sorted by are the name and all numbers, those too that this screen has no room for. */
/* To the next column, over those that are left out everywhere now: a person who presses a key sees something happen. */
static void turn_sort(struct top_list *l, size_t by)
{
	do
		l->sort = (l->sort + by) % (l->ncolumns + 1);
	while (l->sort > 0 && (l->left_out >> (l->sort - 1) & 1) != 0);
}

static void arrange(struct top_list *l, int key)
{
	if (key == 's')
		turn_sort(l, 1);
	else if (key == 'S')
		turn_sort(l, l->ncolumns);
	else if (key == 'r')
		l->reverse = !l->reverse;
	else if (key == ESCAPE)
		l->filter[0] = '\0';
	else
		return;
	top_list_arrange(l);
}

/* Outside the filter.   Returns  false: q. */
static bool take_key(struct top_screen *s, struct top_list *l, int key)
{
	switch (key) {
	case 'q':
		return false;
	case '?':
		s->help = true;
		break;
	case '/':
		s->typing = true;
		break;
	case '\t':
		s->chosen = 1 - s->chosen;
		break;
	case 'd':
		ask_about_marked(s, l);
		break;
	case REDRAW:
		clearok(stdscr, true);
		break;
	default:
		move_mark(s, l, key);
		arrange(l, key);
	}
	return true;
}

/* All that were typed, before the screen is drawn once. A resize comes as a key, too, from resizeterm. */
bool top_screen_keys(struct top_screen *s, struct top_model *m)
{
	int key;
	bool stays = true;

	while (stays && (key = getch()) != ERR) {
		struct top_list *l = &m->lists[s->chosen];

		if (key == KEY_RESIZE)
			continue;
		s->said[0] = '\0';
		if (s->asked.word != NULL)
			answer_question(s, key);
		else if (s->typing)
			type_filter(s, l, key);
		else if (s->help && key != 'q')
			s->help = false;
		else
			stays = take_key(s, l, key);
	}
	return stays;
}
