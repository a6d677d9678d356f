/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/units.h"
#include "engine/tree-pack.h"
#include "os/process.h"
#include "store/rootfs.h"

void step_mount_done(struct step_mount *m)
{
	free(m->trees.v);
	close_p(&m->lock);
	close_p(&m->dir);
	if (m->secret)
		explicit_bzero(m->secret, m->secret_len);
	free(m->secret);
	free(m->socket);
	free(m->target);
}

void step_run_done(struct step_run *r)
{
	struct step_mount *m = r->mounts.v;

	for (size_t i = 0; i < r->mounts.n; i++)
		step_mount_done(&m[i]);
	free(r->mounts.v);
	strv_done(&r->args);
	strv_done(&r->env);
	strv_done(&r->volumes);
	strv_done(&r->image_volumes);
	strv_done(&r->devices);
	free(r->user);
	free(r->workdir);
	free(r->script);
	free(r->script_name);
	free(r->network);
	free(r->security);
	*r = (struct step_run){};
}

void step_job_done(struct step_job *j)
{
	struct copy_source *s = j->patterns.v;

	for (size_t i = 0; i < j->patterns.n; i++)
		free((char *)s[i].pattern);
	free(j->patterns.v);
	step_run_done(&j->run);
	copy_items_done(&j->items);
	ignore_free(j->excludes);
	free(j->below.v);
	free(j->from.v);
	free(j->scratch_path);
	free(j->destination);
	free(j->chown);
	free(j->chmod);
	free(j->directory);
	free(j->user);
	*j = (struct step_job){ .upper = -1, .scratch = -1, .out = -1, .err = -1 };
}

/* ---- E ---- */
static _Noreturn void child(struct step_job *j, int socket)
{
	struct step_message m = { .event = STEP_FAILED };
	sigset_t none;
	int r;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_NAME, "umiak-build");
	switch (j->kind) {
	case STEP_RUN:
		r = step_run_child(j, socket, &m, &m.error);
		break;
	case STEP_COPY:
		r = step_copy_child(j, socket, &m, &m.error);
		break;
	case STEP_WORKDIR:
		r = step_workdir_child(j, &m, &m.error);
		break;
	default:
		r = step_squash_child(j, &m, &m.error);
	}
	m.event = r < 0 ? STEP_FAILED : STEP_DONE;
	step_send(socket, &m);
	_exit(0);
}

int step_start(struct step *s, struct step_job *j, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "socketpair");
	s->pid = fork();
	if (s->pid == 0) {
		close(pair[0]);
		child(j, pair[1]);
	}
	close(pair[1]);
	s->socket = pair[0];
	return s->pid < 0 ? fail_errno(err, "fork") : 0;
}

int step_receive(struct step *s, struct step_message *ret, struct error *err)
{
	struct error ignored;
	ssize_t n;

	do
		n = recv(s->socket, ret, sizeof(*ret), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_errno(err, "receive from a build step");
	if (n != (ssize_t)sizeof(*ret))
		*ret = (struct step_message){ .event = STEP_LOST };
	if (ret->event == STEP_RUNS && s->command < 0)
		s->command = process_open(ret->status, &ignored);
	if (ret->event == STEP_LOST && s->command >= 0)
		process_signal(s->command, SIGKILL, &ignored);
	return 0;
}

/* The other side waits for this word, and would for ever: the end of the connection tells it as well. */
static void send_or_shut(int socket, const void *word, size_t len)
{
	ssize_t n;

	do
		n = send(socket, word, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		shutdown(socket, SHUT_RDWR);
}

void step_answer(struct step *s, bool go_on)
{
	char c = go_on ? 'y' : 'n';

	send_or_shut(s->socket, &c, 1);
}

/* Closing the socket is the order to stop; M cleans up and ends. */
void step_end(struct step *s)
{
	int status;

	close_p(&s->socket);
	s->socket = -1;
	if (s->pid > 0)
		while (wait4(s->pid, &status, 0, &s->used) < 0 && errno == EINTR)
			;
	s->pid = -1;
	close_p(&s->command);
	s->command = -1;
}

/* ---- M ---- */
void step_send(int socket, const struct step_message *m)
{
	send_or_shut(socket, m, sizeof(*m));
}

int step_view(const struct step_job *j, const struct step_trees *t, int *ret, struct error *err)
{
	const struct rootfs_trees trees = { .lower = t->v, .n = t->n, .upper = -1, .work = -1 };

	*ret = -1;
	return t->n ? store_rootfs_open_trees(j->store, &trees, ret, err) : 0;
}

int step_layer(const struct step_job *j, struct step_message *ret, struct error *err)
{
	struct tree_pack pack = TREE_PACK_INIT;
	struct sha256 hash;

	if (j->no_layer)
		return 0;
	sha256_init(&hash);
	pack.from = j->upper;
	pack.hash = &hash;
	pack.in_place = pack.overlay = true;
	pack.times = j->set_times ? PACK_TIMES_SET : j->clamp ? PACK_TIMES_CLAMP : PACK_TIMES_KEEP;
	pack.time_ns = j->latest * NSEC_PER_SEC;
	if (tree_pack(&pack, err) < 0)
		return fail_wrap(err, "making a layer");
	sha256_end_text(&hash, ret->diff_id);
	ret->size = pack.ret_bytes;
	ret->entries = pack.ret_entries;
	ret->has_layer = 1;
	return 0;
}
