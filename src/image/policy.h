/* SPDX-License-Identifier: Apache-2.0
 * image/policy.h - policy.json (containers-policy.json(5)): may an image from this place be used?
 *
 * Answers from the document alone: accepted, rejected, or "these signatures are needed". Looking for signatures and
 * verifying them is engine/image-trust.h. Strict: an unknown member, type or combination anywhere rejects the file. No
 * file at all accepts everything, the default of Podman's packages (insecureAcceptAnything).
 * Reads files. Not between clone() and exec(). */
#pragma once
#include "base/field.h"
#include "base/json.h"
#include "conf/paths.h"
#include "image/reference.h"

struct policy {
	struct json_object *doc;   /* NULL: there is none, everything is accepted */
	char *path;                /* names it in messages */
};
void policy_done(struct policy *p);
#define auto_policy CLEANUP(policy_done) struct policy
/* file: --signature-policy or NULL (then $CONTAINERS_POLICY_JSON, ~/.config/containers, /etc, /usr/share). */
int policy_load(const struct paths *paths, const char *file, struct policy *ret, struct error *err);
/* Where `image trust set` writes: the file named, else the first of those places that is ours. malloc'ed. */
int policy_own_path(const struct paths *paths, const char *file, char **ret, struct error *err);

/* ---- what a signature has to fulfil ---- */
struct policy_identity {
	char *type;                            /* NULL: matchRepoDigestOrExact */
	char *docker_reference, *docker_repository, *prefix, *signed_prefix;
};
struct policy_fulcio {
	char *ca_path, *ca_data, *oidc_issuer, *email;
};
struct policy_pki {
	char *roots_path, *roots_data, *intermediates_path, *intermediates_data, *email, *hostname;
};
struct policy_need {
	char *type, *key_type;
	bool sigstore;                         /* sigstoreSigned, else signedBy */
	char *key_path, *key_data;             /* key_data: base64, as all ..._data */
	struct strv key_paths, key_datas;
	char *rekor_path, *rekor_data;
	struct strv rekor_paths, rekor_datas;
	struct policy_fulcio *fulcio;
	struct policy_pki *pki;
	struct policy_identity *identity;
};
#define POLICY_NEED(l, i) (&((struct policy_need *)(l)->v)[i])
void policy_needs_done(struct list *needs);
#define auto_policy_needs CLEANUP(policy_needs_done) struct list

/* 0: accepted once all of *ret_needs (struct policy_need, appended) are met; ERROR_DENIED: rejected. scope: for docker
 * the full name "host/path:tag" or "...@digest", else the path. */
int policy_decide(const struct policy *p, enum transport transport, const char *scope, struct list *ret_needs,
		  struct error *err);
/* For places that cannot have signatures: what needs one is refused, too. */
int policy_check(const struct paths *paths, const char *file, enum transport transport, const char *scope,
		 struct error *err);
/* Whether an image asked for by `name` (NULL: it has no Docker name) may be one whose signature says `signed_name`.
 * ERROR_DENIED says what was expected. */
int policy_identity_check(const struct policy_identity *id, const struct reference *name, const char *signed_name,
			  struct error *err);

/* policy-need.c: one signedBy or sigstoreSigned requirement, checked whole. `what` names the file. */
int policy_need_parse(struct json_object *requirement, const char *what, struct policy_need *ret, struct error *err);
