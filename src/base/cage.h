/* SPDX-License-Identifier: Apache-2.0
 * base/cage.h - giving everything up: for the small programs that read bytes of strangers as long as they live.
 *
 * No rights and nobody's identity, no files but those that may be read, few system calls. Each layer stands alone: a
 * kernel that lacks one still has the others, and nothing here may fail a start. Owns nothing, allocates nothing. Not in
 * the library: compiled into the programs that use it (they are static and tiny). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct cage {
	const char *const *places;   /* reading below these; relative to the current directory or absolute */
	size_t n_places;
	const int *calls;            /* SYS_*; everything else fails with EPERM. Memory that is not executable always works */
	size_t n_calls;              /* at most CAGE_CALLS_MAX */
	bool internet;               /* socket() for IPv4 and IPv6; otherwise none */
};
enum { CAGE_CALLS_MAX = 64 };
void cage_enter(const struct cage *c);
