/* SPDX-License-Identifier: Apache-2.0
 * worker/fetch.h - what the parts of the fetch role share; nobody else includes it. */
#pragma once
#include "worker/registry.h"
#include "worker/role.h"

struct fetcher;

/* One request under way, in a thread of its own. */
struct task {
	struct fetcher *f;
	struct request r;
	int64_t told;
};

typedef int fetch_handler(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err);

struct http_client *fetch_client(struct task *t);
int fetch_endpoint(struct task *t, int64_t n, struct endpoint **ret, struct error *err);
/* For http_request.progress with the task as data: tells the client now and then. */
void fetch_tell_progress(void *task, int64_t bytes);
fetch_handler fetch_has_blob, fetch_put_blob, fetch_put_stream, fetch_put_end, fetch_put_manifest;   /* fetch-push.c */
fetch_handler fetch_search;                                         /* fetch-search.c */
fetch_handler fetch_get_path, fetch_delete;                         /* fetch-api.c */
fetch_handler fetch_put_url, fetch_get_path, fetch_delete;                         /* fetch-api.c */
/* "</v2/...>; rel=\"next\"" of a Link header: only the path is taken, the origin stays. 1: malloc'ed *ret; 0: none. */
int fetch_next_page(const char *link, char **ret, struct error *err);
