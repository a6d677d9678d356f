/* SPDX-License-Identifier: Apache-2.0
 * build/run-device.c - RUN --device=[name=]NAME[,required[=BOOL]]: a path, or a name as the Container Device Interface has
 * them ("vendor.com/class=name"). */
#include "base/argv.h"
#include "build/containerfile.h"

void run_device_done(struct run_device *d)
{
	free(d->name);
	*d = (struct run_device){};
}

/* 1: it says whether the device is required. */
static int take_required(const char *word, struct run_device *d, struct error *err)
{
	const char *rest = str_after(word, "required");

	if (!rest || (*rest && *rest != '='))
		return 0;
	d->required = true;
	if (*rest && !parse_bool(rest + 1, &d->required))
		return fail(err, ERROR_INVALID, "invalid value for required: %s", rest + 1);
	return 1;
}

static int parse(const char *text, struct run_device *d, struct error *err)
{
	auto_strv words = {};

	TRY(csv_split(&words, text, err));
	for (size_t i = 0; i < words.n; i++) {
		const char *name = str_after(words.v[i], "name=");
		int required = take_required(words.v[i], d, err);
		TRY(required);
		if (required)
			continue;
		if (d->name)
			return name ? fail(err, ERROR_INVALID, "device name already set to %s", d->name)
				    : fail(err, ERROR_INVALID, "unexpected field \"%s\": name and required are known", words.v[i]);
		TRY(str_set(&d->name, name ? name : words.v[i], err));
	}
	return str_empty(d->name) ? fail(err, ERROR_INVALID, "a device's name is missing") : 0;
}

int run_device_parse(const char *text, struct run_device *ret, struct error *err)
{
	auto_run_device d = {};

	if (parse(text, &d, err) < 0)
		return fail_wrap(err, "--device=%.200s", text);
	*ret = d;
	d = (struct run_device){};
	return 0;
}
