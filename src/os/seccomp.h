/* SPDX-License-Identifier: Apache-2.0
 * os/seccomp.h - system call filters: the built-in profiles, compiled at build time; JSON profiles, compiled by
 * libseccomp when one is given (loaded only then); installing a filter.
 *
 * A filter is a plain array of BPF instructions. Built-in ones are patched copies of embedded programs: the profile
 * depends on the container's capabilities, so each capability-dependent group of rules is a flag the program was
 * generated for. struct seccomp_filter owns its bytes. seccomp_install() allocates nothing and is the only function for
 * use between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "os/caps.h"

struct json_object;
struct sock_filter;

struct seccomp_filter {
	struct sock_filter *code;   /* owned unless `borrowed`; NULL: no filter */
	uint16_t n;
	bool borrowed;              /* points into the program itself */
	unsigned flags;             /* SECCOMP_FILTER_FLAG_* for seccomp(2), without NEW_LISTENER */
	bool notify;                /* contains SECCOMP_RET_USER_NOTIF: install with a listener */
};
void seccomp_filter_done(struct seccomp_filter *f);
#define auto_seccomp CLEANUP(seccomp_filter_done) struct seccomp_filter

enum seccomp_profile {
	SECCOMP_PROFILE_DEFAULT,    /* drop-in: nested namespaces allowed */
	SECCOMP_PROFILE_HARDENED,   /* unshare, setns, clone(NEW*), mount family only with CAP_SYS_ADMIN */
	SECCOMP_PROFILE_MAX
};
struct seccomp_builtin {
	enum seccomp_profile profile;
	capset caps;                /* the container's bounding set */
	bool log;                   /* debug mode: what would be refused is logged and allowed */
	const struct strv *families;   /* socket families to allow in addition ("vsock", "alg", "can"); NULL */
};
/* The filter for a container with these capabilities. Microseconds; nothing is parsed or loaded. */
int seccomp_builtin(const struct seccomp_builtin *b, struct seccomp_filter *ret, struct error *err);

/* ---- JSON ---- */
struct seccomp_json {
	const char *cache_dir;      /* where compiled filters are kept by hash; NULL: not */
	capset caps;                /* for Docker's includes/excludes */
	bool ignore_unknown;        /* unknown system call names are skipped (runtime spec); else an error */
};
/* A profile in Docker's or OCI's file format (defaultAction, archMap/architectures, syscalls with includes/excludes), or
 * the runtime spec's linux.seccomp object. `text` is the exact JSON. ERROR_UNSUPPORTED when libseccomp is not there. */
int seccomp_from_json(const char *text, size_t len, const struct seccomp_json *how, struct seccomp_filter *ret,
		      struct error *err);
/* Applies includes/excludes for these capabilities, this machine and this kernel: a runtime-spec linux.seccomp object,
 * owned by the caller. For config.json of other runtimes and for inspect. */
int seccomp_json_to_spec(const char *text, size_t len, capset caps, struct json_object **ret, struct error *err);
/* The built-in profile in the same form. */
int seccomp_builtin_to_spec(const struct seccomp_builtin *b, struct json_object **ret, struct error *err);

/* Installs the filter on the calling thread. Needs no_new_privs or CAP_SYS_ADMIN. Returns the listener descriptor when
 * f->notify, else 0. f->code NULL: nothing is done. */
int seccomp_install(const struct seccomp_filter *f, struct error *err);

/* Interprets the filter for one system call: the SECCOMP_RET_* value. For tests. */
struct seccomp_call {
	uint32_t arch;              /* AUDIT_ARCH_* */
	int nr;
	uint64_t args[6];
};
uint32_t seccomp_evaluate(const struct seccomp_filter *f, const struct seccomp_call *call);
