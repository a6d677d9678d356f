/* SPDX-License-Identifier: Apache-2.0
 * engine/named-store.c - from "[driver@graphroot+runroot:options]" to an engine on that store. */
#include "engine/named-store.h"

#include <stdlib.h>
#include <string.h>

#include "store/store.h"

void named_store_done(struct named_store *o)
{
	if (o->is_other)
		engine_done(&o->engine);
	free(o->driver);
	free(o->root);
	free(o->runroot);
	free(o->name);
	strv_done(&o->options);
}

/* "driver@root+runroot:options", all but the root optional. */
static int parse_spec(char *spec, struct named_store *ret, struct error *err)
{
	char *at = strchr(spec, '@'), *plus, *colon;

	if (at) {
		*at = '\0';
		TRY(str_set(&ret->driver, *spec ? spec : NULL, err));
		spec = at + 1;
	}
	colon = strchr(spec, ':');
	if (colon) {
		*colon = '\0';
		TRY(strv_split(&ret->options, colon + 1, ',', err));
	}
	plus = strchr(spec, '+');
	if (plus) {
		*plus = '\0';
		TRY(str_set(&ret->runroot, plus[1] ? plus + 1 : NULL, err));
	}
	if (*spec != '/')
		return fail(err, ERROR_INVALID, "containers-storage:[%s]: want [driver@/graphroot+/runroot]NAME", spec);
	return str_set(&ret->root, spec, err);
}

int named_store_find(struct engine *e, const char *text, struct named_store *ret, struct error *err)
{
	const char *rest = str_after(text, "containers-storage:"), *end = rest && *rest == '[' ? strchr(rest, ']') : NULL;

	ret->is_store = rest != NULL;
	if (!end)
		return str_set(&ret->name, text, err);
	autofree char *spec = strndup(rest + 1, (size_t)(end - rest - 1));
	if (!spec)
		return fail_oom(err);
	TRY(parse_spec(spec, ret, err));
	TRY(str_printf(&ret->name, err, "containers-storage:%s", end + 1));
	if (streq(ret->root, e->root) && !ret->options.n)
		return 0;
	TRY(store_check_owner(ret->root, err));
	struct engine_options o = e->opt;
	o.root = ret->root;
	o.runroot = ret->runroot ? ret->runroot : e->runroot;
	o.storage_driver = ret->driver;
	o.imagestore = NULL;
	o.brings_images = false;
	if (ret->options.n)
		o.storage_opts = &ret->options;
	TRY(engine_init(&ret->engine, &o, e->log, err));
	ret->is_other = true;
	return 0;
}
