/* SPDX-License-Identifier: Apache-2.0
 * base/own.h - visible ownership: cleanup attributes and transfers.
 * Owns nothing. May be used anywhere, also between clone() and exec(). */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Defines fn##_p(), the cleanup of a variable holding a pointer that fn() frees. */
#define DEFINE_CLEANUP(type, fn)                  \
	static inline void fn##_p(type **p)       \
	{                                         \
		if (*p)                           \
			fn(*p);                   \
	}                                         \
	struct cleanup_needs_a_semicolon

static inline void free_p(void *p)
{
	free(*(void **)p);
}

static inline void close_p(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}

static inline void fclose_p(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define autofree  CLEANUP(free_p)
#define autoclose CLEANUP(close_p)
#define autofclose CLEANUP(fclose_p)

/* Hand over: the variable forgets what it owned, the expression's value owns it. */
#define take_ptr(p)                         \
	({                                  \
		__auto_type _pp = &(p);     \
		__auto_type _v = *_pp;      \
		*_pp = NULL;                \
		_v;                         \
	})
#define take_fd(fd)             \
	({                      \
		int *_fp = &(fd); \
		int _v = *_fp;  \
		*_fp = -1;      \
		_v;             \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The only macro that hides a return. Safe because everything owned is a cleanup variable. */
#define TRY(expr)                  \
	do {                       \
		int r_ = (expr);   \
		if (r_ < 0)        \
			return r_; \
	} while (0)
