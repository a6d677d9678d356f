/* SPDX-License-Identifier: Apache-2.0
 * base/error.h - errors are values with a kind and a story.
 *
 * Doctrine. A function that can fail returns int: >= 0 is success (and may carry an answer), < 0 means
 * failed and *err is set. `kind` is what callers branch on (never the text); it maps once, in the table of
 * error.c, to an exit code and an HTTP status. The text reads "outer: inner: cause": fail() where the cause
 * is known, fail_wrap() once per layer boundary with *what we were doing*, print once at the edge.
 * Expected outcomes ("not there" for a lookup that may miss) are positive results, not errors.
 *
 * Owns nothing, allocates nothing: a struct error may be used after fork(), between clone() and exec(), and
 * written whole into a pipe to another process of the same build. Podman's fixed phrases ("no such
 * container", ...) are in the rows of error.c: fail_object() builds `prefix: phrase` sentences from them. */
#pragma once
#include <stdarg.h>

enum error_kind {
	ERROR_NONE,
	ERROR_INVALID,        /* an argument, a file, a message does not make sense */
	ERROR_USAGE,          /* wrong command line: the edge adds "See '... --help'" */
	ERROR_NOT_FOUND,      /* a named object does not exist */
	ERROR_EXISTS,         /* a name is taken */
	ERROR_STATE,          /* the object is not in a state that allows this ("container state improper") */
	ERROR_IN_USE,         /* the object is used by another */
	ERROR_DENIED,         /* not permitted, by the kernel, a policy or a registry */
	ERROR_UNSUPPORTED,    /* known but not possible here: kernel, build or host lacks it */
	ERROR_CORRUPT,        /* stored or received bytes are not what their digest or format says */
	ERROR_UNREACHABLE,    /* network: no answer, connection refused, TLS failure */
	ERROR_TIMEOUT,        /* a deadline passed */
	ERROR_NOT_EXECUTABLE, /* the container's command cannot be invoked: exit 126 */
	ERROR_NO_COMMAND,     /* the container's command does not exist: exit 127 */
	ERROR_RUNTIME,        /* "OCI runtime error" */
	ERROR_EXIT,           /* no message: leave with exit code `errnum` (a container's own code) */
	ERROR_SYSTEM,         /* a system call failed; errnum says why */
	ERROR_KIND_MAX
};

struct error {
	enum error_kind kind;
	int errnum;        /* errno for ERROR_SYSTEM (and others made by fail_errno*), exit code for ERROR_EXIT, else 0 */
	char text[1012];   /* "outer: inner: cause", always terminated; a cut shows as "..." */
};

/* Sets *err and returns -1. The text is the message without "Error: " and without a full stop. */
int fail(struct error *err, enum error_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As fail(ERROR_SYSTEM, ...) with ": strerror(errno)" appended and errnum set. EACCES/EPERM keep kind SYSTEM. */
int fail_errno(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As fail_errno() with the given errno value instead of errno. */
int fail_with(struct error *err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int fail_oom(struct error *err);
/* Puts "context: " before the text, keeps kind and errnum. Context that does not fit is dropped, the cause never. */
int fail_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* ERROR_EXIT: the program ends silently with `code`. */
int fail_exit(struct error *err, int code);

/* All of them return -1; said here, so that the compiler knows it too and does not warn at -O3 about outputs that a
 * failure leaves alone. */
#define fail(...) ({ (fail)(__VA_ARGS__); -1; })
#define fail_errno(...) ({ (fail_errno)(__VA_ARGS__); -1; })
#define fail_with(...) ({ (fail_with)(__VA_ARGS__); -1; })
#define fail_oom(err) ({ (fail_oom)(err); -1; })
#define fail_wrap(...) ({ (fail_wrap)(__VA_ARGS__); -1; })
#define fail_exit(err, code) ({ (fail_exit)(err, code); -1; })

struct error_kind_info {
	const char *name;
	int http;   /* status for the REST API */
	int exit;   /* process exit code */
};
const struct error_kind_info *error_kind_info(enum error_kind kind);
/* Exit code for the error: the kind's, or errnum for ERROR_EXIT. */
int error_exit_code(const struct error *err);
