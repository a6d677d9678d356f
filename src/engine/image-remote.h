/* SPDX-License-Identifier: Apache-2.0
 * engine/image-remote.h - how a registry is to be talked to; shared by pull and push. */
#pragma once
#include "conf/registries-conf.h"
#include "engine/image.h"
#include "image/reference.h"
#include "image/worker.h"

/* Host, repository, trust, credentials, retries for one full reference. */
int endpoint_params(struct engine *e, const struct image_remote *o, const struct registries_conf *conf,
		    const struct reference *r, bool insecure, struct op_endpoint *ret, struct error *err);
void endpoint_params_done(struct op_endpoint *e);   /* wipes the secrets */
#define auto_endpoint CLEANUP(endpoint_params_done) struct op_endpoint
