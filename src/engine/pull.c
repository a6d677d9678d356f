/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pull.h"

#include "engine/image-list.h"

enum policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER, PULL_NEWER };

static int parse_policy(const struct engine *e, const struct params_image *p, enum policy *ret, struct error *err)
{
	static const struct {
		const char *word;
		enum policy policy;
	} words[] = { { "missing", PULL_MISSING }, { "ifnotpresent", PULL_MISSING }, { "always", PULL_ALWAYS },
		{ "never", PULL_NEVER }, { "newer", PULL_NEWER }, { "ifnewer", PULL_NEWER }, { "true", PULL_ALWAYS },
		{ "false", PULL_MISSING } };
	const char *given = p->pull ? p->pull : e->conf.engine.pull_policy;

	*ret = PULL_MISSING;
	if (str_empty(given))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(given, words[i].word) == 0) {
			*ret = words[i].policy;
			return 0;
		}
	return fail(err, ERROR_INVALID, "unsupported pull policy \"%s\"", given);
}

int image_obtain(struct engine *e, const char *what, const struct params_image *p, unsigned want, struct store_image *ret,
		 char **ret_name, struct error *err)
{
	enum policy policy;
	struct error missing = {};

	TRY(parse_policy(e, p, &policy, err));
	if (policy == PULL_MISSING || policy == PULL_NEVER) {
		int r = image_find(e, what, want, ret, ret_name, &missing);
		if (r > 0)
			return 0;
		if (policy == PULL_NEVER || missing.kind != ERROR_NOT_FOUND) {
			*err = missing;
			return -1;
		}
	}
	if (policy == PULL_ALWAYS || policy == PULL_NEWER)
		return fail(err, ERROR_UNSUPPORTED, "--pull=%s: %s cannot be pulled by this build: use umiak load", p->pull, what);
	*err = missing;
	return -1;
}
