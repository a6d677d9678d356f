/* SPDX-License-Identifier: Apache-2.0
 * cli/transfer.c - progress on stderr: lines, and on a terminal one bar for each blob that is on its way.
 *
 * Bars are the last lines of the screen. Whatever is printed above them first takes them away; they are drawn again
 * ten times a second at most. A blob's line ("Copying blob sha256:...") becomes its bar and, when it has arrived, a
 * line for good. */
#include "cli/transfer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/text.h"

#define BARS_MAX 24
#define REDRAW_NS (INT64_C(100) * 1000 * 1000)
#define DIGEST_SHOWN 12

struct bar {
	char digest[80];
	int64_t bytes, total, started;
};

/* The one screen there is. */
static struct {
	struct bar v[BARS_MAX];
	size_t n, drawn;
	int64_t last;
} bars;

static void print_line(void *data, const char *text)
{
	(void)data;
	fprintf(stderr, "%s\n", text);
}

/* ---- drawing ---- */
static void take_away(void)
{
	if (bars.drawn)
		fprintf(stderr, "\033[%zuA\033[J", bars.drawn);
	bars.drawn = 0;
}

static const char *short_name(const char *digest)
{
	const char *colon = strchr(digest, ':');

	return colon ? colon + 1 : digest;
}

static void draw_bar(const struct bar *b, int64_t now, int columns)
{
	char done[32], all[32], rate[32], head[64], tail[128];
	double seconds = (double)(now - b->started) / NSEC_PER_SEC;
	int64_t per_second = seconds > 0.2 ? (int64_t)((double)b->bytes / seconds) : 0;

	snprintf(head, sizeof(head), "Copying blob %.*s ", DIGEST_SHOWN, short_name(b->digest));
	snprintf(tail, sizeof(tail), " %s / %s | %s/s", text_size(b->bytes, 3, "", done), b->total > 0 ? text_size(b->total, 3, "", all) : "?",
		 text_size(per_second, 3, "", rate));
	int width = columns - (int)strlen(head) - (int)strlen(tail) - 3;
	if (width > 60)
		width = 60;
	fputs(head, stderr);
	if (width > 4) {
		int full = b->total > 0 && b->bytes <= b->total ? (int)((double)b->bytes / (double)b->total * width) : 0;
		fputc('[', stderr);
		for (int i = 0; i < width; i++)
			fputc(i < full ? '=' : i == full ? '>' : '-', stderr);
		fputc(']', stderr);
	}
	fprintf(stderr, "%s\n", tail);
}

static void draw(void)
{
	int64_t now = time_monotonic();
	int columns = cli_columns();

	take_away();
	for (size_t i = 0; i < bars.n; i++)
		draw_bar(&bars.v[i], now, columns);
	bars.drawn = bars.n;
	bars.last = now;
	fflush(stderr);
}

/* ---- what is told ---- */
static struct bar *find(const char *digest)
{
	for (size_t i = 0; i < bars.n; i++)
		if (streq(bars.v[i].digest, digest))
			return &bars.v[i];
	return NULL;
}

static void add(const char *digest)
{
	if (bars.n == BARS_MAX || find(digest))
		return;
	struct bar *b = &bars.v[bars.n++];
	*b = (struct bar){ .started = time_monotonic(), .total = -1 };
	snprintf(b->digest, sizeof(b->digest), "%s", digest);
	draw();
}

static void remove_bar(struct bar *b)
{
	take_away();
	fprintf(stderr, "Copying blob %.*s done\n", DIGEST_SHOWN, short_name(b->digest));
	memmove(b, b + 1, (size_t)(&bars.v[bars.n] - (b + 1)) * sizeof(*b));
	bars.n--;
	draw();
}

static void terminal_line(void *data, const char *text)
{
	const char *digest = str_after(text, "Copying blob ");

	(void)data;
	if (digest && !strchr(digest, ' ')) {
		add(digest);
		return;
	}
	take_away();
	fprintf(stderr, "%s\n", text);
	draw();
}

static void terminal_moved(void *data, const char *digest, int64_t bytes, int64_t total)
{
	struct bar *b = find(digest);

	(void)data;
	if (!b)
		return;
	b->bytes = bytes;
	b->total = total;
	if (total >= 0 && bytes >= total)
		remove_bar(b);
	else if (time_monotonic() - bars.last >= REDRAW_NS)
		draw();
}

const struct image_progress cli_progress_lines = { .line = print_line };

struct image_progress cli_progress(bool quiet)
{
	const char *term = getenv("TERM");

	if (quiet)
		return (struct image_progress){};
	if (!isatty(STDERR_FILENO) || (term && streq(term, "dumb")))
		return cli_progress_lines;
	return (struct image_progress){ .line = terminal_line, .moved = terminal_moved };
}

void cli_progress_end(void)
{
	take_away();
	bars.n = 0;
}
