/* SPDX-License-Identifier: Apache-2.0
 * base/error.c - the error value and the one table that maps it outwards. */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct error_kind_info kinds[] = {
	[ERROR_NONE]           = { "ok",                     200, 0 },
	[ERROR_INVALID]        = { "invalid argument",       400, 125 },
	[ERROR_USAGE]          = { "usage",                  400, 125 },
	[ERROR_NOT_FOUND]      = { "no such object",         404, 125 },
	[ERROR_EXISTS]         = { "already exists",         409, 125 },
	[ERROR_STATE]          = { "state improper",         409, 125 },
	[ERROR_IN_USE]         = { "in use",                 409, 125 },
	[ERROR_DENIED]         = { "permission denied",      403, 125 },
	[ERROR_UNSUPPORTED]    = { "not supported",          501, 125 },
	[ERROR_CORRUPT]        = { "corrupt",                500, 125 },
	[ERROR_UNREACHABLE]    = { "unreachable",            502, 125 },
	[ERROR_TIMEOUT]        = { "timed out",              504, 125 },
	[ERROR_NOT_EXECUTABLE] = { "cannot be invoked",      400, 126 },
	[ERROR_NO_COMMAND]     = { "command not found",      400, 127 },
	[ERROR_RUNTIME]        = { "OCI runtime error",      500, 126 },
	[ERROR_EXIT]           = { "exit",                   500, 125 },
	[ERROR_SYSTEM]         = { "system error",           500, 125 },
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == ERROR_KIND_MAX, "every error kind needs a row");

const struct error_kind_info *error_kind_info(enum error_kind kind)
{
	return &kinds[kind < ERROR_KIND_MAX ? kind : ERROR_SYSTEM];
}

int error_exit_code(const struct error *err)
{
	return err->kind == ERROR_EXIT ? err->errnum : error_kind_info(err->kind)->exit;
}

/* Appends to the text; a cut is visible as "...", never silent. */
static void __attribute__((format(printf, 2, 0))) append(struct error *err, const char *fmt, va_list ap)
{
	size_t used = strlen(err->text), room = sizeof(err->text) - used;
	int n = vsnprintf(err->text + used, room, fmt, ap);

	if (n >= 0 && (size_t)n >= room)
		memcpy(err->text + sizeof(err->text) - 4, "...", 4);
}

static void __attribute__((format(printf, 2, 3))) appendf(struct error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(err, fmt, ap);
	va_end(ap);
}

static int __attribute__((format(printf, 4, 0))) set(struct error *err, enum error_kind kind, int errnum, const char *fmt, va_list ap)
{
	err->kind = kind;
	err->errnum = errnum;
	err->text[0] = '\0';
	append(err, fmt, ap);
	if (errnum)
		appendf(err, ": %s", strerror(errnum));
	return -1;
}

int (fail)(struct error *err, enum error_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = set(err, kind, 0, fmt, ap);
	va_end(ap);
	return r;
}

int (fail_errno)(struct error *err, const char *fmt, ...)
{
	int e = errno;
	va_list ap;

	va_start(ap, fmt);
	int r = set(err, ERROR_SYSTEM, e, fmt, ap);
	va_end(ap);
	return r;
}

int (fail_with)(struct error *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = set(err, ERROR_SYSTEM, errnum, fmt, ap);
	va_end(ap);
	return r;
}

int (fail_oom)(struct error *err)
{
	return fail(err, ERROR_SYSTEM, "out of memory");
}

int (fail_exit)(struct error *err, int code)
{
	err->kind = ERROR_EXIT;
	err->errnum = code;
	err->text[0] = '\0';
	return -1;
}

int (fail_wrap)(struct error *err, const char *fmt, ...)
{
	char context[sizeof(err->text)];
	va_list ap;

	if (err->kind == ERROR_EXIT)
		return -1;
	va_start(ap, fmt);
	int n = vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	size_t len = strlen(err->text);
	if (n > 0 && (size_t)n + 2 + len < sizeof(err->text)) {
		memmove(err->text + n + 2, err->text, len + 1);
		memcpy(err->text, context, n);
		memcpy(err->text + n, ": ", 2);
	}
	return -1;
}
