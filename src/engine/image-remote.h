/* SPDX-License-Identifier: Apache-2.0
 * engine/image-remote.h - how a registry is to be talked to; shared by pull and push. */
#pragma once
#include "conf/registries-conf.h"
#include "engine/image.h"
#include "image/reference.h"
#include "image/repository.h"
#include "image/worker.h"

/* Options that make no sense are told before anybody is asked. */
int image_remote_check(const struct image_remote *o, struct error *err);
/* Host, repository, trust, credentials, retries for one full reference. */
int endpoint_params(struct engine *e, const struct image_remote *o, const struct registries_conf *conf,
		    const struct reference *r, bool insecure, struct op_endpoint *ret, struct error *err);
void endpoint_params_done(struct op_endpoint *e);   /* wipes the secrets */
#define auto_endpoint CLEANUP(endpoint_params_done) struct op_endpoint

/* A registry will be asked: the program that does it (most of a small transfer's time is its start) begins while we find
 * out what to ask. Whoever opens a registry next takes it over; engine_done() ends it when nobody did. Best effort. */
void fetcher_begin(struct engine *e);
struct worker *fetcher_take(struct engine *e);   /* NULL: none; the caller's to hand on */

enum repository_access { REPOSITORY_READ, REPOSITORY_WRITE, REPOSITORY_DELETE };
/* Opens the repository of a reference ("host/path": short names and docker.io are completed by the caller) as
 * registries.conf, auth.json, certs.d and the options say. Mirrors are not asked (pull does that). path NULL: the
 * registry as such (login, catalog). ERROR_DENIED when it is blocked. */
int repository_open_reference(struct engine *e, const struct image_remote *o, const struct reference *r,
			    enum repository_access access, struct repository **ret, struct error *err);
/* Reads a manifest or index from where registries.conf says it is: mirrors first. r: a full name with tag or digest.
 * *ret_repository (may be NULL) is the place that had it, *ret_place (may be NULL) its name. */
int remote_manifest_read(struct engine *e, const struct image_remote *o, const struct reference *r,
			 struct repository_document *ret, struct repository **ret_repository, struct reference *ret_place,
			 struct error *err);
/* The same with the endpoint's parameters filled in and not yet used. */
int repository_endpoint_params(struct engine *e, const struct image_remote *o, const struct reference *r,
			     enum repository_access access, struct op_endpoint *ret, struct error *err);
