/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build-display.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/build-display-tty.h"

enum { KEPT_MAX = 256 << 20 };

/* What a stage said before its turn: chunks of (stream, length, bytes). */
struct kept {
	struct buf chunks;
	bool done;
};

struct build_display {
	enum build_display_mode mode;
	FILE *out, *err;
	struct kept *stages;
	size_t n, front;         /* the stage that speaks */
	struct build_tty *tty;
	const char *platform;    /* NULL: there is only one */
};

int build_display_new(enum build_display_mode mode, FILE *out, FILE *err_stream, struct build_display **ret, struct error *err)
{
	struct build_display *d = calloc(1, sizeof(*d));

	if (!d)
		return fail_oom(err);
	d->mode = mode;
	d->out = out;
	d->err = err_stream;
	if (mode == BUILD_DISPLAY_TTY && build_tty_new(out, &d->tty, err) < 0) {
		free(d);
		return -1;
	}
	*ret = d;
	return 0;
}

void build_display_free(struct build_display *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		buf_done(&d->stages[i].chunks);
	free(d->stages);
	build_tty_free(d->tty);
	free(d);
}

static bool know_stages(struct build_display *d, size_t n)
{
	if (n <= d->n)
		return true;
	struct kept *grown = realloc(d->stages, n * sizeof(*grown));
	if (!grown)
		return false;
	d->stages = grown;
	for (; d->n < n; d->n++)
		grown[d->n] = (struct kept){ .chunks = BUF_INIT(KEPT_MAX) };
	return true;
}

/* ---- streams ---- */
static void write_to(struct build_display *d, bool is_err, const char *text, size_t len)
{
	FILE *to = is_err ? d->err : d->out;

	if (to == d->err)
		fflush(d->out);
	fwrite(text, 1, len, to);
	fflush(to);
}

static void say(struct build_display *d, size_t stage, bool is_err, const char *text, size_t len)
{
	struct kept *k = stage < d->n ? &d->stages[stage] : NULL;

	if (d->mode == BUILD_DISPLAY_QUIET)
		return;
	if (!k || stage == d->front) {
		write_to(d, is_err, text, len);
		return;
	}
	buf_add_char(&k->chunks, is_err ? '2' : '1');
	buf_add(&k->chunks, &len, sizeof(len));
	buf_add(&k->chunks, text, len);
}

static void sayf(struct build_display *d, const struct build_event *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void sayf(struct build_display *d, const struct build_event *e, const char *fmt, ...)
{
	auto_buf text = BUF_INIT(16 << 20);
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	if (text.data)
		say(d, e->stage, false, text.data, text.len);
}

static void empty(struct build_display *d, struct kept *k)
{
	for (size_t at = 0; at < k->chunks.len;) {
		size_t len;
		bool is_err = k->chunks.data[at] == '2';
		memcpy(&len, k->chunks.data + at + 1, sizeof(len));
		at += 1 + sizeof(len);
		write_to(d, is_err, k->chunks.data + at, len);
		at += len;
	}
	buf_truncate(&k->chunks, 0);
}

/* The next stage that is not done speaks; those done in between are read out. A stage that never says anything (it is
 * not needed) is passed over when another one has spoken: `spoken` is where to go at least. */
static void pass_on(struct build_display *d)
{
	while (d->front + 1 < d->n && d->stages[d->front].done) {
		d->front++;
		empty(d, &d->stages[d->front]);
	}
}

/* ---- plain lines ---- */
static const char *prefix_of(const struct build_display *d, const struct build_event *e, char ret[192])
{
	size_t n = 0;

	*ret = 0;
	if (d->platform)
		n = (size_t)snprintf(ret, 128, "[%.120s] ", d->platform);
	if (e->n_stages > 1)
		snprintf(ret + n, 48, "[%zu/%zu] ", e->stage + 1, e->n_stages);
	return ret;
}

static void show_step(struct build_display *d, const struct build_event *e)
{
	char prefix[192];

	sayf(d, e, "%sSTEP %zu/%zu: %s\n", prefix_of(d, e, prefix), e->step, e->n_steps, e->text);
}

static void show_commit(struct build_display *d, const struct build_event *e)
{
	char prefix[192];

	sayf(d, e, "%sCOMMIT%s%s\n", prefix_of(d, e, prefix), *e->text ? " " : "", e->text);
}

static void show_done(struct build_display *d, const struct build_event *e)
{
	bool final = !e->n_steps;   /* of the image itself */

	if (e->id && *e->id && (final || !e->last))
		sayf(d, e, "--> %.12s\n", e->id);
}

static void show_plain(struct build_display *d, const struct build_event *e)
{
	switch (e->type) {
	case BUILD_STEP: show_step(d, e); break;
	case BUILD_OUTPUT: say(d, e->stage, e->is_err, e->text, e->len); break;
	case BUILD_CACHED:
		if (e->id && *e->id)
			sayf(d, e, "--> Using cache %s\n", e->id);
		break;
	case BUILD_STEP_DONE: show_done(d, e); break;
	case BUILD_COMMIT: show_commit(d, e); break;
	case BUILD_TAGGED: sayf(d, e, "Successfully tagged %s\n", e->text); break;
	case BUILD_NOTE:
		write_to(d, true, e->text, e->len);
		write_to(d, true, "\n", 1);
		break;
	default: break;
	}
}

void build_display_event(void *data, const struct build_event *e)
{
	struct build_display *d = data;

	if (d->mode == BUILD_DISPLAY_TTY) {
		build_tty_event(d->tty, e);
		return;
	}
	if (!know_stages(d, e->n_stages))
		return;
	if (e->type == BUILD_TAGGED) {   /* no stage's */
		struct build_event last = *e;
		last.stage = d->front;
		show_plain(d, &last);
		return;
	}
	if (e->type == BUILD_COMMIT)
		build_display_end(d);
	if (e->type != BUILD_NOTE || d->mode != BUILD_DISPLAY_QUIET)
		show_plain(d, e);
	if (e->type == BUILD_STAGE_DONE && e->stage < d->n)
		d->stages[e->stage].done = true;
	pass_on(d);
}

void build_display_prefix(struct build_display *d, const char *platform)
{
	struct error ignored;

	d->platform = platform;
	d->front = 0;
	if (d->tty) {   /* a picture for each of them */
		build_tty_free(d->tty);
		d->tty = NULL;
		if (build_tty_new(d->out, &d->tty, &ignored) < 0)
			d->mode = BUILD_DISPLAY_PLAIN;
		else
			build_tty_event(d->tty, &(struct build_event){ .type = BUILD_NOTE, .text = platform, .len = strlen(platform) });
	}
	for (size_t i = 0; i < d->n; i++)
		d->stages[i].done = false;
}

void build_display_end(struct build_display *d)
{
	if (d->tty)
		build_tty_end(d->tty);
	for (; d->front + 1 < d->n; d->front++)
		empty(d, &d->stages[d->front + 1]);
}
