/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stats-screen.h"

#include "base/units.h"

enum { GAP = 2, NAME_MIN = 12 };

#define DRAW(name) static void name(struct buf *to, const struct screen_look *look, const struct stats_row *r, int width)
DRAW(draw_name) { screen_text(to, look, r->name, width); }

static void __attribute__((format(printf, 4, 5)))
add_cell(struct buf *to, const struct screen_look *look, int width, const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	screen_text(to, look, text, width);
}

DRAW(draw_id) { add_cell(to, look, width, "%.12s", r->id); }
DRAW(draw_pod) { add_cell(to, look, width, "%.12s", r->pod); }
DRAW(draw_cpu) { add_cell(to, look, width, "%.2f%%", r->s.cpu); }
DRAW(draw_average) { add_cell(to, look, width, "%.2f%%", r->s.average); }
DRAW(draw_memory_percent) { add_cell(to, look, width, "%.2f%%", r->s.memory_percent); }
DRAW(draw_pids) { add_cell(to, look, width, "%llu", (unsigned long long)r->s.pids); }
/* One CPU in full is the top, or what is more than that. */
DRAW(draw_curve)
{
	float levels[STATS_PAST], top = 100;

	for (size_t i = 0; i < r->n_past; i++)
		top = r->past[i] > top ? r->past[i] : top;
	for (size_t i = 0; i < r->n_past; i++)
		levels[i] = r->past[i] / top;
	screen_curve(to, look, levels, r->n_past, width);
}

DRAW(draw_bar) { screen_bar(to, look, r->s.memory_percent / 100, width); }

static void add_pair(struct buf *to, const struct screen_look *look, int width, uint64_t a, uint64_t b)
{
	char x[24], y[24];

	add_cell(to, look, width, "%s / %s", size_format((int64_t)a, x), size_format((int64_t)b, y));
}
DRAW(draw_memory) { add_pair(to, look, width, r->s.memory, r->s.memory_limit); }
DRAW(draw_net) { add_pair(to, look, width, r->s.rx, r->s.tx); }
DRAW(draw_block) { add_pair(to, look, width, r->s.read, r->s.written); }

DRAW(draw_time)
{
	char t[40];
	int64_t ns = (int64_t)r->s.cpu_ns;

	/* digits nobody reads while they change */
	screen_text(to, look, duration_format(ns - ns % (NSEC_PER_SEC / 1000), t), width);
}

/* As they stand on the screen; rank: which go first when the window is narrow. */
static const struct column {
	const char *header;
	int width, rank;
	bool pods;
	void (*draw)(struct buf *to, const struct screen_look *look, const struct stats_row *r, int width);
} columns[] = {
	{ "POD", 12, 3, true, draw_pod }, { "ID", 12, 9, false, draw_id }, { "NAME", NAME_MIN, 0, false, draw_name },
	{ "CPU %", 8, 1, false, draw_cpu }, { "", 10, 6, false, draw_curve }, { "MEM USAGE / LIMIT", 21, 4, false, draw_memory },
	{ "MEM %", 7, 2, false, draw_memory_percent }, { "", 8, 7, false, draw_bar }, { "NET IO", 19, 8, false, draw_net },
	{ "BLOCK IO", 19, 10, false, draw_block }, { "PIDS", 6, 5, false, draw_pids }, { "CPU TIME", 13, 11, false, draw_time },
	{ "AVG CPU %", 9, 12, false, draw_average },
};

struct layout {
	int width[ARRAY_LEN(columns)];   /* 0: not shown */
	size_t last;
};

/* As the longest, in a quarter of the window. */
static int name_width(const struct screen_look *look, const struct stats_row *rows, size_t n)
{
	int max = NAME_MIN, room = look->columns / 4;

	for (size_t i = 0; i < n; i++) {
		int len = (int)utf8_count(rows[i].name, strlen(rows[i].name));
		max = len > max ? len : max;
	}
	return max <= room ? max : room > NAME_MIN ? room : NAME_MIN;
}

/* By rank, as long as there is room. */
static void plan(const struct screen_look *look, const struct stats_row *rows, size_t n, bool pods, struct layout *ret)
{
	struct layout l = {};
	int left = look->columns + GAP;

	for (size_t rank = 0; rank < ARRAY_LEN(columns); rank++)
		for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
			int width = columns[i].draw == draw_name ? name_width(look, rows, n) : columns[i].width;
			if (columns[i].rank != (int)rank || (columns[i].pods && !pods) || left < width + GAP)
				continue;
			l.width[i] = width;
			left -= width + GAP;
			l.last = i > l.last ? i : l.last;
		}
	*ret = l;
}

static void add_row(struct buf *to, const struct screen_look *look, const struct layout *l, const struct stats_row *r)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		if (!l->width[i])
			continue;
		if (r)
			columns[i].draw(to, look, r, l->width[i]);
		else
			screen_text(to, look, columns[i].header, l->width[i]);
		if (i != l->last)
			buf_addf(to, "%*s", GAP, "");
	}
	buf_add_char(to, '\n');
}

void stats_frame(struct buf *to, const struct screen_look *look, const struct stats_row *rows, size_t n, bool pods)
{
	size_t room = look->lines > 3 ? (size_t)look->lines - 2 : 1;   /* the header, and the line the cursor rests on */
	size_t shown = n <= room ? n : room - 1;
	struct layout l;
	char text[64];

	plan(look, rows, n, pods, &l);
	if (look->color)
		buf_add_str(to, "\033[1m");
	add_row(to, look, &l, NULL);
	if (look->color)
		buf_add_str(to, "\033[0m");
	for (size_t i = 0; i < shown; i++)
		add_row(to, look, &l, &rows[i]);
	if (shown == n)
		return;
	snprintf(text, sizeof(text), "and %zu more", n - shown);
	screen_text(to, look, text, look->columns);
	buf_add_char(to, '\n');
}
