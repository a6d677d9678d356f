/* SPDX-License-Identifier: Apache-2.0
 * worker/registry.h - talking to one repository of a registry (OCI distribution spec 1.1, Docker registry v2).
 *
 * Owns: whether the server speaks TLS, what authentication it wants, the token, retries, redirects and who may see the
 * credentials: they go to the registry's own origin and to a token server that origin_may_have_credentials() accepts;
 * never along a redirect, never from https down to http (security-matrix G5-G7). Threads share an endpoint.
 * Nothing here looks into manifests or blobs. */
#pragma once
#include "image/worker.h"
#include "worker/challenge.h"
#include "worker/http.h"

struct endpoint {
	struct op_endpoint o;           /* owned */
	struct http_trust trust;
	struct http_client *client;
	void (*notice)(void *data, const char *text);   /* tells the user about a retry; NULL */
	void *notice_data;
	pthread_mutex_t mutex;          /* guards what follows */
	bool pinged;
	struct error given_up;          /* kind NONE: not yet; nobody answered after all retries: others need not wait again */
	struct origin origin;           /* of the registry, once pinged */
	char *base;                     /* "https://host" */
	bool local;                     /* it is reached at a loopback or link-local address itself */
	struct challenge challenge;
	char *token;                    /* bearer token in use; NULL: none */
	unsigned token_serial;          /* counts tokens: a thread whose token was refused asks for a newer one once */
};

/* Takes o's members over. */
int endpoint_init(struct endpoint *e, struct op_endpoint *o, struct http_client *client, struct error *err);
void endpoint_done(struct endpoint *e);
/* First contact ahead of the first call, which sees how it went. */
void endpoint_greet(struct endpoint *e);

/* A request below /v2/<repository>/ (path: "manifests/latest") or, when path starts with "http", at that address, as a
 * Location header names it. Authenticates, follows redirects of GET and HEAD, repeats what failed for a passing
 * reason. A final answer that is no 2xx is an error with the registry's meaning ("manifest unknown", "unauthorized"),
 * except statuses listed in ok (0-terminated; may be NULL). q->url, authorization are set here. */
struct registry_call {
	struct http_request q;
	const char *path;
	const int *ok;
};
int endpoint_call(struct endpoint *e, struct registry_call *call, struct http_response *ret, struct error *err);
/* GET of a blob into q.out_fd with resume: continues by Range where it broke off. offset: first byte wanted; size: of
 * the whole blob, or -1. */
int endpoint_get_blob(struct endpoint *e, const char *digest, int64_t offset, int64_t size,
		      struct http_request *q, int64_t *ret_bytes, struct error *err);

/* Sleeps before another try, as long as the answer asks for, within reason. */
void registry_pause(const struct endpoint *e, const struct http_response *r, int64_t attempt);

/* Any URL, no registry: redirects followed, no credentials. */
int http_get_url(struct http_client *c, const struct http_trust *trust, const char *url, struct http_request *q,
		 struct http_response *ret, struct error *err);
