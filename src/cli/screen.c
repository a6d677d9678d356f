/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"
#include "base/units.h"

#define HOME "\033[H"
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"

static volatile sig_atomic_t resized;

static void note_resize(int sig)
{
	(void)sig;
	resized = 1;
}

bool screen_begin(void)
{
	const char *term = getenv("TERM");

	if (!isatty(STDOUT_FILENO) || str_empty(term) || streq(term, "dumb"))
		return false;
	sigaction(SIGWINCH, &(struct sigaction){ .sa_handler = note_resize }, NULL);
	fputs("\033[2J", stdout);
	return true;
}

static bool is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		if (!str_empty(value))
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

struct screen_look screen_look(void)
{
	struct winsize w = {};
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col && w.ws_row;

	return (struct screen_look){ .columns = known ? w.ws_col : 80, .lines = known ? w.ws_row : 24,
				     .color = str_empty(getenv("NO_COLOR")), .unicode = is_utf8() };
}

int screen_show(const struct buf *frame, struct error *err)
{
	const char *p = frame->data ? frame->data : "", *nl;

	fputs(HOME, stdout);
	for (; (nl = strchr(p, '\n')); p = nl + 1) {
		fputs(ERASE_LINE, stdout);   /* first: at the edge it would take the last character */
		fwrite(p, 1, (size_t)(nl - p), stdout);
		fputc('\n', stdout);
	}
	fputs(ERASE_BELOW, stdout);
	return fflush(stdout) == EOF ? fail_errno(err, "write") : 0;
}

bool screen_wait(int64_t until_ns)
{
	for (;;) {
		sigset_t none, winch, old;
		int64_t left = until_ns - time_monotonic();
		if (left <= 0)
			return false;
		struct timespec ts = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };
		sigemptyset(&winch);
		sigaddset(&winch, SIGWINCH);
		sigprocmask(SIG_BLOCK, &winch, &old);
		none = old;
		sigdelset(&none, SIGWINCH);
		if (!resized)
			ppoll(NULL, 0, &ts, &none);
		sigprocmask(SIG_SETMASK, &old, NULL);
		if (resized) {
			resized = 0;
			return true;
		}
	}
}

/* ---- pieces ---- */
static void add_color(struct buf *to, const struct screen_look *look, double level)
{
	if (look->color)
		buf_add_str(to, level >= 0.8 ? "\033[31m" : level >= 0.5 ? "\033[33m" : "\033[32m");
}

static void end_color(struct buf *to, const struct screen_look *look)
{
	if (look->color)
		buf_add_str(to, "\033[0m");
}

static double bounded(double level)
{
	return level > 1 ? 1 : level > 0 ? level : 0;
}

void screen_bar(struct buf *to, const struct screen_look *look, double level, int width)
{
	static const char *const eighths[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int steps = look->unicode ? 8 : 1, full = (int)(bounded(level) * width * steps + 0.5);

	add_color(to, look, level);
	for (int i = 0; i < width; i++, full -= steps)
		buf_add_str(to, full >= steps ? (look->unicode ? "█" : "#") : full > 0 ? eighths[full] : look->unicode ? " " : "-");
	end_color(to, look);
}

void screen_curve(struct buf *to, const struct screen_look *look, const float *values, size_t n, int width)
{
	static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[] = { "_", ".", ":", "-", "=", "+", "*", "#" };
	size_t skip = n > (size_t)width ? n - (size_t)width : 0;

	add_color(to, look, n ? values[n - 1] : 0);
	buf_addf(to, "%*s", width - (int)(n - skip), "");
	for (size_t i = skip; i < n; i++) {
		int step = (int)(bounded(values[i]) * 7 + 0.5);
		buf_add_str(to, look->unicode ? blocks[step] : plain[step]);
	}
	end_color(to, look);
}

/* At most `room` columns of a line of len bytes, control characters as '?'. How many it took. */
static int add_line(struct buf *to, const char *s, size_t len, int room)
{
	int used = 0;

	while (len && used < room) {
		size_t n = utf8_length(s, len);
		if (n <= 1 && ((unsigned char)*s < 0x20 || *s == 0x7f || !n))
			buf_add_char(to, '?');
		else
			buf_add(to, s, n);
		s += n ? n : 1;
		len -= n ? n : 1;
		used++;
	}
	return used;
}

void screen_text(struct buf *to, const struct screen_look *look, const char *text, int width)
{
	size_t len = strlen(text);

	if (utf8_count(text, len) <= (size_t)width) {
		buf_addf(to, "%*s", width - add_line(to, text, len, width), "");
		return;
	}
	add_line(to, text, len, width - 1);
	buf_add_str(to, look->unicode ? "…" : "+");
}

void screen_cut_lines(struct buf *to, const struct screen_look *look, const char *text, size_t len)
{
	const char *end = text + len;

	for (int n = 1; text < end && n < look->lines; n++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		add_line(to, text, (size_t)((nl ? nl : end) - text), look->columns);
		buf_add_char(to, '\n');
		text = nl ? nl + 1 : end;
	}
}
