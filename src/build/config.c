/* SPDX-License-Identifier: Apache-2.0
 * build/config.c - rows from instructions to the setters of image/config-change.h. */
#include "build/config.h"

#include "engine/container.h"

typedef int apply_fn(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err);

static int apply_cmd(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	state->cmd_set = true;
	return config_set_cmd(&c->config, &in->words, in->json, err);
}

static int apply_entrypoint(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	return config_set_entrypoint(&c->config, &in->words, in->json, state->cmd_set, err);
}

static int apply_env(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	const struct instruction_pair *pairs = in->pairs.v;

	for (size_t i = 0; i < in->pairs.n; i++)
		TRY(config_set_env(&c->config, pairs[i].name, pairs[i].value, err));
	return 0;
}

static int apply_label(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	const struct instruction_pair *pairs = in->pairs.v;

	for (size_t i = 0; i < in->pairs.n; i++)
		TRY(config_set_label(&c->config, pairs[i].name, pairs[i].value, err));
	return 0;
}

static int apply_expose(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	for (size_t i = 0; i < in->words.n; i++)
		TRY(config_add_port(&c->config, in->words.v[i], err));
	return 0;
}

static int apply_volume(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	for (size_t i = 0; i < in->words.n; i++)
		TRY(config_add_volume(&c->config, in->words.v[i], err));
	return 0;
}

static int apply_user(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	return str_set(&c->config.user, in->words.v[0], err);
}

static int apply_workdir(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	return config_set_workdir(&c->config, in->words.v[0], err);
}

static int apply_shell(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	return config_set_shell(&c->config, &in->words, err);
}

static int apply_stopsignal(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	int number;

	TRY(signal_parse(in->words.v[0], &number, err));
	return str_set(&c->config.stop_signal, in->words.v[0], err);
}

static int apply_onbuild(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	return config_add_trigger(&c->config, in->trigger->text, err);
}

static int apply_maintainer(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	return str_set(&c->author, in->words.v[0], err);
}

static int apply_healthcheck(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	const struct instruction_flags *f = &in->flags;
	struct health_config h = { .test = in->words, .interval = f->interval, .timeout = f->timeout,
		.start_period = f->start_period, .start_interval = f->start_interval, .retries = f->retries };

	return config_set_health(&c->config, &h, err);
}

static apply_fn *const rows[INSTRUCTION_MAX] = {
	[INSTRUCTION_CMD] = apply_cmd, [INSTRUCTION_ENTRYPOINT] = apply_entrypoint, [INSTRUCTION_ENV] = apply_env,
	[INSTRUCTION_EXPOSE] = apply_expose, [INSTRUCTION_HEALTHCHECK] = apply_healthcheck, [INSTRUCTION_LABEL] = apply_label,
	[INSTRUCTION_MAINTAINER] = apply_maintainer, [INSTRUCTION_ONBUILD] = apply_onbuild, [INSTRUCTION_SHELL] = apply_shell,
	[INSTRUCTION_STOPSIGNAL] = apply_stopsignal, [INSTRUCTION_USER] = apply_user, [INSTRUCTION_VOLUME] = apply_volume,
	[INSTRUCTION_WORKDIR] = apply_workdir,
};

bool build_config_is(enum instruction_kind k)
{
	return (unsigned)k < INSTRUCTION_MAX && rows[k];
}

int build_config_apply(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err)
{
	if (!build_config_is(in->kind))
		return fail(err, ERROR_INVALID, "%s does not change a config", instruction_name(in->kind));
	return rows[in->kind](c, state, in, err);
}
