/* SPDX-License-Identifier: Apache-2.0
 * build/working-onbuild.c - triggers of an image (ONBUILD), carried out when a working container is made of it. */
#include "build/config.h"
#include "build/scope.h"
#include "build/working-internal.h"
#include "os/path.h"

static int run_trigger(struct working *w, const struct working_onbuild *o, const struct instruction *in, struct error *err)
{
	static char *words[] = { (char *)"/bin/sh", (char *)"-c", NULL };
	const struct strv fallback = { words, 2 };
	const struct strv *shell = w->config.config.shell.n ? &w->config.config.shell : &fallback;
	auto_run_script script = {};
	auto_strv args = {};
	int code;

	if (in->json) {
		TRY(strv_copy(&args, &in->words, err));
	} else {
		TRY(strv_copy(&args, shell, err));
		TRY(instruction_script(in, &script, err));
		TRY(strv_add(&args, script.line ? script.line : script.file, err));
	}
	const struct working_command c = { .args = &args, .options = o->options, .no_stdin = true, .quiet = true };
	return working_run(w, &c, &code, err);
}

/* Sources lie below the current directory. */
static int copy_trigger(struct working *w, const struct working_onbuild *o, const struct instruction *in, struct error *err)
{
	auto_strv sources = {};
	char digest[65];
	const char *what;

	if (in->words.n < 2)
		return fail(err, ERROR_INVALID, "a source and a destination are needed");
	for (size_t i = 0; i + 1 < in->words.n; i++)
		TRY(strv_add(&sources, in->words.v[i], err));
	const struct working_copy c = {
		.sources = &sources, .destination = in->words.v[in->words.n - 1], .chown = in->flags.chown, .chmod = in->flags.chmod,
		.checksum = in->flags.checksum, .from = in->flags.from, .excludes = &in->flags.excludes, .options = o->options,
		.parents = in->flags.parents, .add = in->kind == INSTRUCTION_ADD, .quiet = true,
	};
	return working_copy(w, &c, digest, &what, err);
}

static int set_workdir(struct working *w, const struct instruction *in, struct error *err)
{
	struct image_run_config *c = &w->config.config;
	const char *word = in->words.n ? in->words.v[0] : "/";
	autofree char *joined = NULL, *clean = NULL;

	TRY(str_printf(&joined, err, "%s/%s", *word == '/' || str_empty(c->working_dir) ? "" : c->working_dir, word));
	clean = path_clean(joined);
	return clean ? str_set(&c->working_dir, clean, err) : fail_oom(err);
}

static int carry_out(struct working *w, const struct working_onbuild *o, struct scope *scope, struct config_state *said,
		     const struct instruction *raw, struct error *err)
{
	struct expand x = scope_expand(scope);
	auto_instruction in = {};

	if (raw->kind == INSTRUCTION_ARG)
		return scope_arg(scope, raw, err);
	if (raw->kind == INSTRUCTION_ENV) {
		TRY(scope_env(scope, raw, err));
		strv_done(&w->config.config.env);
		w->config.config.env = (struct strv){};
		return strv_copy(&w->config.config.env, &scope->env, err);
	}
	TRY(instruction_expand(raw, &x, &in, err));
	if (in.kind == INSTRUCTION_RUN)
		return run_trigger(w, o, &in, err);
	if (in.kind == INSTRUCTION_COPY || in.kind == INSTRUCTION_ADD)
		return copy_trigger(w, o, &in, err);
	if (in.kind == INSTRUCTION_WORKDIR)
		return set_workdir(w, &in, err);
	return build_config_is(in.kind) ? build_config_apply(&w->config, said, &in, err) : 0;
}

static int trigger(struct working *w, const struct working_onbuild *o, struct scope *scope, struct config_state *said,
		   const char *text, struct error *err)
{
	auto_instruction raw = {};

	TRY(instruction_parse(text, '\\', &raw, err));
	if (raw.kind == INSTRUCTION_FROM || raw.kind == INSTRUCTION_ONBUILD || raw.kind == INSTRUCTION_MAINTAINER)
		return fail(err, ERROR_INVALID, "it cannot be a trigger");
	return carry_out(w, o, scope, said, &raw, err);
}

int working_onbuild(struct working *w, const struct working_onbuild *o, struct error *err)
{
	auto_strv texts = w->config.config.on_build;   /* those an ONBUILD of the container adds later stay */
	auto_scope_head head = {};
	auto_scope scope = {};
	struct config_state said = {};

	w->config.config.on_build = (struct strv){};
	TRY(scope_init(&scope, &head, '\\', &w->config.config.env, NULL, err));
	for (size_t i = 0; i < texts.n; i++) {
		if (o->step)
			o->step(i + 1, texts.v[i]);
		if (trigger(w, o, &scope, &said, texts.v[i], err) < 0)
			return fail_wrap(err, "ONBUILD %s", texts.v[i]);
	}
	return texts.n ? working_save(w, err) : 0;
}
