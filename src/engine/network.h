/* SPDX-License-Identifier: Apache-2.0
 * engine/network.h - containers and their networks: from params to net/setup.h and back.
 *
 * Owns the dance around a start: ctr_net_plan() before the fork (addresses are known to the child that writes hosts and
 * resolv.conf), ctr_net_apply() while the child mounts, the status into the container's live record, ctr_net_commit().
 * Ports of the host are held by bound sockets that the container's monitor inherits, so that nobody else takes
 * them while it runs. Also: who uses which network, connect and disconnect, reload. Rows of definitions, addresses, rules:
 * net/. Allocates: not between clone() and exec(). */
#pragma once
#include "engine/container.h"
#include "net/setup.h"

/* What src/net is told, and the strings it borrows. */
struct network_place {
	struct net_env env;
	char *config_dir, *run_dir, *netavark;
	char *pasta, *netns_dir;  /* rootless: the program and where its namespaces' files are (net/pasta.h) */
	int netns_fd;             /* of the host side, when it is not ours; -1 */
};
#define NETWORK_PLACE_INIT { .netns_fd = -1 }
void network_place_done(struct network_place *p);
#define auto_place CLEANUP(network_place_done) struct network_place
/* Definitions and leases; with `host`: also the namespace bridges live in. */
int network_place(struct engine *e, bool host, struct network_place *ret, struct error *err);

/* ---- rootless (network-user.c) ---- */
#define NETWORK_UNSHARE_ID "unshare-"   /* with a process id: a user of the user's namespace that is no container */
struct pasta_job;
/* Fills pasta and netns_dir. `need`: no pasta is an error that names the remedy. */
int network_user_place(const struct engine *e, bool need, struct network_place *p, struct error *err);
/* The host side of bridges: the user's namespace, or an empty one when there is none (nothing to find in it). */
int network_user_find(struct network_place *p, struct error *err);
/* The same for a container that is being started: made when missing. */
int network_user_open(struct network_place *p, const char *id, struct error *err);
/* Where the host is, seen from there. */
int network_user_host(const struct network_place *p, struct net_status *s, struct error *err);
/* pasta for a container of mode pasta. 1: connected; 0: not possible here, a warning was given and the container has a
 * namespace with nothing but its loopback (only when nobody asked for pasta or a port). */
int network_user_connect(struct ctr *c, struct network_place *p, pid_t pid, int netns_fd, struct net_status *s, struct error *err);
/* Ports of a container on bridges. */
int network_user_publish(struct network_place *p, pid_t pid, int netns_fd, struct net_status *s, struct error *err);
/* What the two above made. */
int network_user_stop(struct network_place *p, const struct net_status *s, struct error *err);
int network_user_leave(struct network_place *p, const char *id, struct error *err);
/* --network slirp4netns[:OPTIONS] becomes pasta, with a warning. */
int network_slirp_to_pasta(const struct engine *e, struct param_ns *net, struct error *err);

/* ---- names (network-names.c) ---- */
/* The container's names on those of its networks that resolve names (away with them: net_disconnect(), net_teardown()). */
int network_names_add(struct ctr *c, const struct network_place *p, const struct net_status *s, struct error *err);
/* On one of them: net_dns_wait() for it before somebody is told. */
struct net_dns_wait;
int network_name_add(struct ctr *c, const struct network_place *p, const struct network *n, const struct net_attachment *a,
		     struct net_dns_wait *ret, struct error *err);
/* After a reload; and under a new name. */
int network_names_restore(const struct network_place *p, const struct net_status *s, struct error *err);

/* ---- params ---- */
/* --network words, --ip, --ip6, --mac-address, --network-alias as one request per network (struct net_request). */
int network_requests(const struct container_params *p, const char *id, struct list *ret, struct error *err);
void network_requests_done(struct list *l);
/* At creation: names instead of ids, modes that exclude options, host ports chosen, exposed ports published. */
int network_params_settle(struct engine *e, struct container_params *p, struct error *err);
/* One word NAME[:option=value,...] parsed (fuzzing, `network connect`). */
int network_word_parse(const char *word, struct net_request *ret, struct error *err);

/* ---- ports ---- */
/* A bound socket on every host port. `address already in use` is told as Podman tells it. */
struct port_sockets {
	int *v;
	size_t n;
};
int port_sockets_open(const struct list *ports, struct port_sockets *ret, struct error *err);
void port_sockets_done(struct port_sockets *s);
/* "0.0.0.0:8080->80/tcp, ..." as ps shows it. */
int ports_format(const struct list *ports, char **ret, struct error *err);
/* The record's column: JSON text of the list, and back (NULL: none). */
int ports_save(const struct list *ports, char **ret, struct error *err);
int ports_parse(const char *text, struct list *ret, struct error *err);

/* ---- a start ---- */
struct ctr_net {
	struct network_place place;
	struct lock intent;
	struct net_status status;
	struct port_sockets sockets;
	bool planned;             /* there is something to apply, commit or abort */
};
#define CTR_NET_INIT { .place = NETWORK_PLACE_INIT, .intent = LOCK_INIT }
void ctr_net_done(struct ctr_net *n);
#define auto_ctr_net CLEANUP(ctr_net_done) struct ctr_net
int ctr_net_plan(struct ctr *c, struct ctr_net *ret, struct error *err);
struct ctr_net_end {
	pid_t pid;
	int netns_fd;             /* -1: the process's can be opened */
};
int ctr_net_apply(struct ctr *c, struct ctr_net *n, const struct ctr_net_end *end, struct error *err);
void ctr_net_commit(struct ctr *c, struct ctr_net *n);
void ctr_net_abort(struct ctr *c, struct ctr_net *n);   /* nothing came of the start */
/* At the end of a run; any number of times. */
int ctr_net_teardown(struct ctr *c, const struct net_status *s, struct error *err);

/* ---- files of the container ---- */
struct spec_context;
/* Lines of /etc/hosts for its addresses: "IP\tNAMES". */
void network_hosts(const struct net_status *s, const char *names, struct buf *to);
/* The address that host.containers.internal means, or NULL. */
const char *network_host_address(const struct engine *e, const struct container_params *p, const struct net_status *s);
/* Name servers that the networks of a container serve (borrowed). */
int network_nameservers(const struct net_status *s, struct strv *ret, struct error *err);
/* Whether some, or all, of them got theirs from DHCP servers. */
bool network_has_leases(const struct net_status *s);
bool network_has_only_leases(const struct net_status *s);
/* Domains to search there. */
int network_search(const struct net_status *s, struct strv *ret, struct error *err);

/* ---- the host side as a whole (network-host.c) ---- */
/* Rules and names of all running containers again, but of one. Failures are warnings. */
void networks_restore(struct engine *e, const struct network_place *p, const char *but_id);
/* The same if somebody flushed the table (root's networks only). One question when all is well. */
void networks_heal(struct engine *e);
/* Running containers learn which name servers their network has now. */
int network_tell_dns(struct engine *e, const struct network *n, struct error *err);
/* Bridges and the table go where nobody else uses them; definitions unless they are those of another root. */
int networks_reset(struct engine *e, struct error *err);

/* ---- commands ---- */
/* Ids of the containers that use the network. */
int network_users(struct engine *e, const char *name, struct strv *ret, struct error *err);
/* Of a running or stopped container. Aliases, addresses: in the request. */
int ctr_net_connect(struct ctr *c, const struct net_request *r, struct error *err);
int ctr_net_disconnect(struct ctr *c, const char *network, bool force, struct error *err);
int ctr_net_reload(struct ctr *c, struct error *err);
/* It has another name now: so on its networks, from here on. */
int ctr_net_rename(struct ctr *c, struct error *err);
