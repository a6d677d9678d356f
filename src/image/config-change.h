/* SPDX-License-Identifier: Apache-2.0
 * image/config-change.h - what the Containerfile's instructions do to an image config.
 *
 * One function per instruction, values already expanded: the builder calls them with what its parser found, `commit
 * --change` and `import --change` through image_change_apply(), which reads one instruction in text form.
 * Pure; the config owns all. On failure it may hold a part of the change. Allocates. */
#pragma once
#include "image/oci-image.h"

/* CMD and ENTRYPOINT. json: the vector as it is; else one line for the config's SHELL (/bin/sh -c without one). An
 * ENTRYPOINT drops a CMD that an image below has set unless keep_cmd (the same build has set one). */
int config_set_cmd(struct image_run_config *c, const struct strv *words, bool json, struct error *err);
int config_set_entrypoint(struct image_run_config *c, const struct strv *words, bool json, bool keep_cmd, struct error *err);
int config_set_shell(struct image_run_config *c, const struct strv *words, struct error *err);
int config_set_env(struct image_run_config *c, const char *name, const char *value, struct error *err);
int config_set_label(struct image_run_config *c, const char *name, const char *value, struct error *err);
/* "80", "80/udp", "8000-8010", "127.0.0.1:80:8080" (only the container's port counts). */
int config_add_port(struct image_run_config *c, const char *port, struct error *err);
int config_add_volume(struct image_run_config *c, const char *path, struct error *err);
/* Relative paths continue the config's directory; the result is clean. */
int config_set_workdir(struct image_run_config *c, const char *path, struct error *err);
int config_add_trigger(struct image_run_config *c, const char *instruction, struct error *err);
/* test as the config has it ({"NONE"}, {"CMD", ...}, {"CMD-SHELL", LINE}); times in nanoseconds, 0: default. */
int config_set_health(struct image_run_config *c, const struct health_config *h, struct error *err);

/* One instruction ("CMD [\"/bin/sh\"]", "ENV a=b", "CMD=x"): ADD, COPY, FROM, RUN and the like are refused by name. */
int image_change_apply(struct image_config *c, const char *instruction, struct error *err);
