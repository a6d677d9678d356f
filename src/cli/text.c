/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "base/units.h"

char *text_size(int64_t bytes, int digits, const char *between, char out[32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 1000.0 && i < ARRAY_LEN(units) - 1; i++)
		n /= 1000.0;
	snprintf(out, 32, "%.*g%s%s", digits, n, between, units[i]);
	return out;
}

char *text_ago(int64_t unix_ns, char out[56])
{
	char span[40];

	if (!unix_ns)
		snprintf(out, 56, "N/A");
	else
		snprintf(out, 56, "%s ago", duration_human(time_now() - unix_ns, span));
	return out;
}

static bool utc(int64_t unix_seconds, struct tm *tm)
{
	time_t t = unix_seconds;
	return gmtime_r(&t, tm);
}

char *text_utc(int64_t unix_seconds, char out[40])
{
	struct tm tm;

	if (!utc(unix_seconds, &tm) || !strftime(out, 40, "%Y-%m-%d %H:%M:%S +0000 UTC", &tm))
		out[0] = '\0';
	return out;
}

char *text_rfc3339(int64_t unix_seconds, char out[40])
{
	struct tm tm;

	if (!utc(unix_seconds, &tm) || !strftime(out, 40, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = '\0';
	return out;
}

int text_print(const struct buf *b, const char *what, struct error *err)
{
	TRY(buf_ok(b, what, err));
	if (b->len)
		fwrite(b->data, 1, b->len, stdout);   /* main() looks for write errors */
	return 0;
}

int text_write_file(const char *path, const char *text, size_t len, struct error *err)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_errno(err, "open %s", path);
	return file_write_all(fd, text, len, err);
}
