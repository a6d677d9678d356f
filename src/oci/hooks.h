/* SPDX-License-Identifier: Apache-2.0
 * oci/hooks.h - how one hook is run; used by the runtime for the hooks outside the container (runtime.h has the
 * public functions) and by the container's own process for createContainer and startContainer.
 * Owns nothing. hook_state_text is made before clone(); hooks_run_text() allocates nothing and is used after it. */
#pragma once
#include "oci/runtime.h"

/* The state JSON cut where the pid stands: the child learns its pid on the host only when it runs. */
struct hook_state_text {
	char *text;            /* room for prefix + 20 digits + suffix */
	size_t prefix, suffix; /* lengths; the suffix starts behind the room for digits */
};
void hook_state_text_done(struct hook_state_text *t);
int hook_state_text_make(const struct oci_hook_state *s, struct hook_state_text *ret, struct error *err);
/* The frame around it for the agent of a seccomp listener: everything up to "state":, the state and a "}" follow. */
int seccomp_state_text_make(const char *metadata, struct hook_state_text *ret, struct error *err);
/* Writes the pid into its place; returns the text and its length. */
const char *hook_state_text_pid(struct hook_state_text *t, pid_t pid, size_t *ret_len);

struct hook_run {
	enum oci_hook_kind kind;
	const char *state;
	size_t state_len;
	int cwd_fd;                 /* -1: as it is */
	int stdout_fd, stderr_fd;   /* -1: ours */
};
/* Runs the list in order; stops at the first failure. */
int hooks_run_text(const struct list *hooks, const struct hook_run *r, struct error *err);
const struct list *hooks_of(const struct oci_hooks *h, enum oci_hook_kind kind);
extern const char *const hook_names[OCI_HOOK_MAX];
