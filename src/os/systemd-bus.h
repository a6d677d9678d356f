/* SPDX-License-Identifier: Apache-2.0
 * os/systemd-bus.h - internal to os/cgroup-*.c: talking to systemd, and limits as properties of its units.
 *
 * libsystemd is opened only here, when first needed. Functions of struct bus are sd-bus' own: negative errno on failure.
 * Allocates: not between clone() and exec(). */
#pragma once
#include "os/cgroup-host.h"

#define SYSTEMD_SERVICE "org.freedesktop.systemd1"
#define SYSTEMD_OBJECT  "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define SYSTEMD_WAIT_NS INT64_C(25000000000)

struct bus_error {
	const char *name, *message;
	int need_free;
};
struct bus {
	void *lib, *bus;
	int (*open_system)(void **bus);
	int (*open_user)(void **bus);
	void *(*flush_close_unref)(void *bus);
	int (*new_call)(void *bus, void **m, const char *dest, const char *path, const char *iface, const char *member);
	int (*append)(void *m, const char *types, ...);
	int (*append_array)(void *m, char type, const void *data, size_t size);
	int (*open_container)(void *m, char type, const char *contents);
	int (*close_container)(void *m);
	int (*call)(void *bus, void *m, uint64_t usec, struct bus_error *e, void **reply);
	int (*path_encode)(const char *prefix, const char *id, char **ret_path);
	int (*get_trivial)(void *bus, const char *dest, const char *path, const char *iface, const char *member, struct bus_error *e,
			   char type, void *ret);
	void *(*message_unref)(void *m);
	void (*error_free)(struct bus_error *e);
};
void bus_done(struct bus *b);
#define auto_bus CLEANUP(bus_done) struct bus
/* The system's, or the user's for who is not root of the first user namespace. ERROR_UNSUPPORTED: no systemd, no library. */
int bus_open(struct bus *b, struct error *err);
bool bus_is_user_session(void);
/* Begins a call of systemd's manager. */
int bus_manager_call(struct bus *b, void **m, const char *member);
/* Sends the call; takes the message. ERROR_EXISTS: the unit is there already; ERROR_NOT_FOUND: it is not. */
int bus_call(struct bus *b, void *m, const char *what, struct error *err);
/* Limits as (sv) pairs of an open array: what systemd writes again whenever it reloads. */
int bus_put_limits(struct bus *b, void *m, const struct cgroup_resources *r, bool v2);
int bus_put_bool(struct bus *b, void *m, const char *name, bool v);
