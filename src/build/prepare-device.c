/* SPDX-License-Identifier: Apache-2.0
 * build/prepare-device.c - which devices a RUN gets. */
#include <string.h>
#include <unistd.h>

#include "build/build-impl.h"
#include "engine/cdi.h"

static int device_found(void *arg, const struct cdi_spec *s, const struct cdi_device *d, struct error *err)
{
	(void)arg;
	(void)s;
	(void)d;
	(void)err;
	return 0;
}

/* 1: there is such a device. */
static int is_there(const struct engine *e, const char *name, struct error *err)
{
	if (!cdi_is_name(name)) {
		autofree char *path = strndup(name, strcspn(name, ":"));
		return path ? access(path, F_OK) == 0 : fail_oom(err);
	}
	if (cdi_find(e, name, device_found, NULL, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	return 1;
}

/* Those that are not there and not required are left out. */
int prepare_run_devices(const struct build *b, const struct strv *given, struct strv *to, struct error *err)
{
	for (size_t i = 0; i < given->n; i++) {
		auto_run_device d = {};
		autofree char *word = NULL;
		struct error missing;
		TRY(run_device_parse(given->v[i], &d, err));
		TRY(str_printf(&word, err, "device=%s", d.name));
		if (!strv_has(&b->o->allow, "device") && !strv_has(&b->o->allow, word))
			return fail(err, ERROR_DENIED, "RUN --device=%s is not allowed: build with --allow %s", d.name, word);
		int there = is_there(b->engine, d.name, &missing);
		if (there < 0)
			return *err = missing, -1;
		if (there || d.required)
			TRY(strv_add(to, d.name, err));
	}
	return 0;
}
