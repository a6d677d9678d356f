/* SPDX-License-Identifier: Apache-2.0
 * build/copy-mode.c - modes as chmod(1) writes them. */
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "build/copy.h"

/* "u", "go", "a", "": whose bits, as a mask of rwx for each. */
static mode_t parse_who(const char **p)
{
	mode_t who = 0;

	for (;; (*p)++) {
		if (**p == 'u')
			who |= S_IRWXU | S_ISUID;
		else if (**p == 'g')
			who |= S_IRWXG | S_ISGID;
		else if (**p == 'o')
			who |= S_IRWXO;
		else if (**p == 'a')
			who |= 06777;
		else
			return who ? who : 06777;
	}
}

static bool parse_bits(const char **p, mode_t mode, bool is_dir, mode_t *ret)
{
	mode_t bits = 0;

	for (; **p && !strchr(",+-=", **p); (*p)++) {
		switch (**p) {
		case 'r': bits |= 0444; break;
		case 'w': bits |= 0222; break;
		case 'x': bits |= 0111; break;
		case 'X': bits |= is_dir || mode & 0111 ? 0111 : 0; break;
		case 's': bits |= S_ISUID | S_ISGID; break;
		case 't': bits |= S_ISVTX; break;
		default: return false;
		}
	}
	*ret = bits;
	return true;
}

static bool apply_clause(const char **p, mode_t *mode, bool is_dir)
{
	mode_t who = parse_who(p), bits;

	if (!**p || !strchr("+-=", **p))
		return false;
	while (**p && strchr("+-=", **p)) {
		char op = *(*p)++;
		if (!parse_bits(p, *mode, is_dir, &bits))
			return false;
		mode_t masked = (bits & who) | (bits & S_ISVTX);
		if (op == '-')
			*mode &= ~masked;
		else
			*mode = op == '=' ? (*mode & ~(who & 0777)) | masked : *mode | masked;
	}
	return true;
}

int copy_mode_parse(const char *text, mode_t mode, bool is_dir, mode_t *ret, struct error *err)
{
	uint32_t octal;
	const char *p = text;

	if (parse_mode(text, &octal)) {
		*ret = octal;
		return 0;
	}
	while (apply_clause(&p, &mode, is_dir)) {
		if (!*p) {
			*ret = mode;
			return 0;
		}
		if (*p++ != ',')
			break;
	}
	return fail(err, ERROR_INVALID, "invalid --chmod \"%s\": must be octal or symbolic, as 0755 or u=rwX,go=rX", text);
}
