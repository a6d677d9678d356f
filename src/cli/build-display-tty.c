/* SPDX-License-Identifier: Apache-2.0
 * The picture: one block per stage with its steps (done: time or "cached"; running: seconds and the last lines of its
 * output), drawn again in place. What is above the screen is not touched: only steps that are not done are redrawn, those
 * done are printed once and scroll away. */
#include "cli/build-display-tty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"
#include "base/units.h"

enum { TAIL_LINES = 4, LINE_MAX_BYTES = 400 };
#define REDRAW_NS (NSEC_PER_SEC / 15)

struct tty_stage {
	char *name, *text;                        /* of the running step */
	size_t step, n_steps, number, n_stages;
	int64_t since;
	bool running, cached;
	char lines[TAIL_LINES][LINE_MAX_BYTES];   /* the last ones, oldest first */
	size_t n_lines;
	char partial[LINE_MAX_BYTES];
	size_t n_partial;
};

struct build_tty {
	FILE *out;
	struct tty_stage *v;
	size_t n;
	size_t drawn;         /* lines of the moving part on the screen */
	int columns;
	int64_t begun, last;
	bool color, ended;
};

int build_tty_new(FILE *out, struct build_tty **ret, struct error *err)
{
	struct build_tty *t = calloc(1, sizeof(*t));

	if (!t)
		return fail_oom(err);
	t->out = out;
	t->begun = time_now();
	t->color = str_empty(getenv("NO_COLOR"));
	*ret = t;
	return 0;
}

void build_tty_free(struct build_tty *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].text);
	}
	free(t->v);
	free(t);
}

/* ---- drawing ---- */
static void color(const struct build_tty *t, const char *code)
{
	if (t->color)
		fputs(code, t->out);
}
#define DIM "\033[2m"
#define GREEN "\033[32m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* At most `room` columns; control characters of a command are not let through to the terminal. */
static void put_text(const struct build_tty *t, const char *s, int room)
{
	for (; *s && room > 0; room--) {
		size_t n = utf8_length(s, strlen(s));
		if (n == 1 && ((unsigned char)*s < 0x20 || *s == 0x7f)) {
			fputc(*s == '\t' ? ' ' : '?', t->out);
		} else {
			fwrite(s, 1, n ? n : 1, t->out);
		}
		s += n ? n : 1;
	}
}

static void erase(struct build_tty *t)
{
	if (t->drawn)
		fprintf(t->out, "\033[%zuA", t->drawn);
	fputs("\r\033[J", t->out);
	t->drawn = 0;
}

static int label(const struct build_tty *t, const struct tty_stage *s)
{
	int n;

	color(t, BOLD);
	if (s->n_stages > 1 && s->name)
		n = fprintf(t->out, "[%s %zu/%zu] ", s->name, s->step, s->n_steps);
	else if (s->n_stages > 1)
		n = fprintf(t->out, "[stage %zu %zu/%zu] ", s->number, s->step, s->n_steps);
	else
		n = fprintf(t->out, "[%zu/%zu] ", s->step, s->n_steps);
	color(t, PLAIN);
	return n;
}

static void draw_running(struct build_tty *t, const struct tty_stage *s)
{
	char when[32];
	int n, width = snprintf(when, sizeof(when), "%6.1fs", (double)(time_now() - s->since) / NSEC_PER_SEC);

	fputs(" > ", t->out);
	n = label(t, s);
	put_text(t, s->text, t->columns - n - width - 5);
	fputs(" ", t->out);
	color(t, DIM);
	fputs(when, t->out);
	fputs("\n", t->out);
	t->drawn++;
	for (size_t i = 0; i < s->n_lines; i++) {
		fputs("     ", t->out);
		put_text(t, s->lines[i], t->columns - 6);
		fputs("\n", t->out);
		t->drawn++;
	}
	color(t, PLAIN);
}

static void draw(struct build_tty *t, bool now)
{
	struct winsize w = {};

	if (t->ended || (!now && time_now() - t->last < REDRAW_NS))
		return;
	t->last = time_now();
	t->columns = ioctl(fileno(t->out), TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
	erase(t);
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].running)
			draw_running(t, &t->v[i]);
	fflush(t->out);
}

/* A line that stays. */
static void settle(struct build_tty *t, const struct tty_stage *s)
{
	char when[32];
	int width = s->cached ? snprintf(when, sizeof(when), " cached") :
				snprintf(when, sizeof(when), "%6.1fs", (double)(time_now() - s->since) / NSEC_PER_SEC);

	erase(t);
	color(t, GREEN);
	fputs(" ✓ ", t->out);
	color(t, PLAIN);
	int n = label(t, s);
	put_text(t, s->text, t->columns - n - width - 5);
	fputs(" ", t->out);
	color(t, DIM);
	fputs(when, t->out);
	color(t, PLAIN);
	fputs("\n", t->out);
}

/* ---- events ---- */
static struct tty_stage *stage_at(struct build_tty *t, size_t i)
{
	if (i < t->n)
		return &t->v[i];
	struct tty_stage *grown = realloc(t->v, (i + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	memset(grown + t->n, 0, (i + 1 - t->n) * sizeof(*grown));
	t->v = grown;
	t->n = i + 1;
	return &t->v[i];
}

static void add_line(struct tty_stage *s)
{
	if (s->n_lines == TAIL_LINES)
		memmove(s->lines[0], s->lines[1], sizeof(s->lines[0]) * --s->n_lines);
	s->partial[s->n_partial] = '\0';
	memcpy(s->lines[s->n_lines++], s->partial, s->n_partial + 1);
	s->n_partial = 0;
}

static void add_output(struct tty_stage *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			add_line(s);
		else if (text[i] == '\r')
			s->n_partial = 0;
		else if (s->n_partial + 1 < LINE_MAX_BYTES)
			s->partial[s->n_partial++] = text[i];
	}
}

static void begin_step(struct build_tty *t, struct tty_stage *s, const struct build_event *e)
{
	struct error ignored;

	if (s->running)
		settle(t, s);   /* FROM has no end of its own */
	*s = (struct tty_stage){ .name = s->name, .text = s->text, .step = e->step, .n_steps = e->n_steps, .number = e->stage + 1,
				 .n_stages = e->n_stages, .since = time_now(), .running = true };
	str_set(&s->name, e->name, &ignored);
	str_set(&s->text, e->text, &ignored);
	for (char *p = s->text; p && *p; p++)
		if (*p == '\n')
			*p = ' ';
}

static void end_step(struct build_tty *t, struct tty_stage *s)
{
	if (!s->running)
		return;
	settle(t, s);
	s->running = false;
}

static void say(struct build_tty *t, const char *what, const char *text)
{
	erase(t);
	fputs(what, t->out);
	put_text(t, text, 4096);
	fputs("\n", t->out);
}

void build_tty_event(struct build_tty *t, const struct build_event *e)
{
	struct tty_stage *s = e->type == BUILD_TICK ? NULL : stage_at(t, e->stage);

	if (e->type == BUILD_TICK) {
		draw(t, false);
		return;
	}
	if (!s)
		return;
	switch (e->type) {
	case BUILD_STEP: begin_step(t, s, e); break;
	case BUILD_OUTPUT: add_output(s, e->text, e->len); break;
	case BUILD_CACHED: s->cached = true; break;
	case BUILD_STEP_DONE: end_step(t, s); break;
	case BUILD_STAGE_DONE: end_step(t, s); break;
	case BUILD_TAGGED: say(t, " = ", e->text); break;
	case BUILD_NOTE: say(t, "   ", e->text); break;
	case BUILD_IMAGE: {
		erase(t);
		fprintf(t->out, "   built in %.1fs\n", (double)(time_now() - t->begun) / NSEC_PER_SEC);
		break;
	}
	default: break;
	}
	draw(t, e->type != BUILD_OUTPUT);
}

void build_tty_end(struct build_tty *t)
{
	if (t->ended)
		return;
	t->last = 0;
	draw(t, true);   /* a step that failed stays on the screen with its last lines */
	t->ended = true;
	fflush(t->out);
}
