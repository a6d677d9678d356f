/* SPDX-License-Identifier: Apache-2.0
 * image/worker-client.c - starting a worker, sending requests, checking its answers. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/str.h"
#include "image/worker-message.h"
#include "image/worker.h"
#include "image/wire.h"
#include "os/spawn.h"

#define WORKER_FD 3                       /* the socket's number in the worker */
#define PENDING_MAX 64
#define GOODBYE_NS (INT64_C(500) * 1000 * 1000)

struct worker {
	enum worker_role role;
	struct spawned process;
	int sock;
	int next_id;
	bool ready;                       /* OP_SETUP was answered */
	const struct log *log;
	struct { int id; enum worker_op op; bool quiet; } pending[PENDING_MAX];
};

/* The environment of a worker: proxies for the one that talks to the network, nothing else of ours. */
static int worker_environment(enum worker_role role, struct strv *env, struct error *err)
{
	static const char *const keep[] = { "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY",
		"NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR" };

	TRY(strv_add(env, "PATH=/usr/bin:/bin", err));
	for (size_t i = 0; role == WORKER_FETCH && i < ARRAY_LEN(keep); i++)
		if (getenv(keep[i]))
			TRY(strv_env_set(env, keep[i], getenv(keep[i]), err));
	return 0;
}

/* The program for a role: who fetches lies beside who does everything else. */
static int find_program(enum worker_role role, const char *worker, char **ret, struct error *err)
{
	const char *name = strrchr(worker, '/');

	if (role != WORKER_FETCH)
		return str_set(ret, worker, err);
	return str_printf(ret, err, "%.*sumiak-fetch", name ? (int)(name + 1 - worker) : 0, worker);
}

static int start_process(struct worker *w, const char *beside, int theirs, struct error *err)
{
	auto_strv env = {};
	autofree char *program = NULL;
	const char *role = w->role == WORKER_FETCH ? NULL : worker_role_name(w->role);
	char *argv[] = { NULL, (char *)(uintptr_t)role, NULL };
	struct spawn_fd fd = { theirs, WORKER_FD };
	struct spawn s = SPAWN_INIT;

	TRY(worker_environment(w->role, &env, err));
	TRY(find_program(w->role, beside, &program, err));
	argv[0] = strrchr(program, '/') ? strrchr(program, '/') + 1 : program;
	s.path = program;
	s.argv = argv;
	s.envp = env.v;
	s.stderr_fd = STDERR_FILENO;
	s.fds = &fd;
	s.n_fds = 1;
	s.die_with_parent = true;
	if (spawn_start(&s, &w->process, err) < 0)
		return fail_wrap(err, "start %s", program);
	return 0;
}

int worker_begin(enum worker_role role, const char *program, const struct log *log, struct worker **ret, struct error *err)
{
	int pair[2];
	auto_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return fail_oom(err);
	*w = (struct worker){ .role = role, .process = SPAWNED_INIT, .sock = -1, .log = log };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "socketpair");
	w->sock = pair[0];
	autoclose int theirs = pair[1];
	TRY(start_process(w, program, theirs, err));
	*ret = take_ptr(w);
	return 0;
}

int worker_set_up(struct worker *w, const struct op_setup *setup, int root_fd, struct error *err)
{
	return worker_send(w, OP_SETUP, setup, &root_fd, setup->has_root ? 1 : 0, err) < 0 ? -1 : 0;
}

int worker_start(enum worker_role role, const struct worker_options *o, struct worker **ret, struct error *err)
{
	auto_worker *w = NULL;

	TRY(worker_begin(role, o->program, o->log, &w, err));
	TRY(worker_set_up(w, &o->setup, o->root_fd, err));
	*ret = take_ptr(w);
	return 0;
}

void worker_dismiss(struct worker *w)
{
	if (!w)
		return;
	close_p(&w->sock);   /* the worker reads end of file and leaves */
	w->sock = -1;
}

void worker_free(struct worker *w)
{
	struct error ignored;
	int status;

	if (!w)
		return;
	worker_dismiss(w);
	if (w->process.pidfd >= 0 && spawn_wait(&w->process, GOODBYE_NS, &status, &ignored) <= 0)
		spawn_done(&w->process);
	free(w);
}

int worker_fd(const struct worker *w)
{
	return w->sock;
}

/* ---- requests under way ---- */
static int pending_slot(const struct worker *w, int id)
{
	for (int i = 0; i < PENDING_MAX; i++)
		if (w->pending[i].id == id)
			return i;
	return -1;
}

int worker_send(struct worker *w, enum worker_op op, const void *request, const int *fds, size_t n_fds,
		struct error *err)
{
	const struct worker_op_info *info = &worker_ops[op];
	auto_buf body = BUF_INIT(MESSAGE_BODY_MAX);
	int slot = pending_slot(w, 0);

	if (slot < 0)
		return fail(err, ERROR_INVALID, "worker %s: too many requests under way", worker_role_name(w->role));
	TRY(wire_encode(info->request, request, &body, err));
	struct message_header head = { .type = MESSAGE_REQUEST, .op = op, .id = w->next_id + 1 };
	if (message_send(w->sock, head, &body, fds, n_fds, err) < 0)
		return fail_wrap(err, "worker %s", worker_role_name(w->role));
	w->next_id++;
	w->pending[slot].id = w->next_id;
	w->pending[slot].op = op;
	w->pending[slot].quiet = false;
	return w->next_id;
}

int worker_tell(struct worker *w, enum worker_op op, const void *request, struct error *err)
{
	int id = worker_send(w, op, request, NULL, 0, err);

	TRY(id);
	w->pending[pending_slot(w, id)].quiet = true;
	return 0;
}

/* ---- answers ---- */
void worker_message_done(struct worker_message *m)
{
	if (m->reply) {
		fields_done(worker_ops[m->op].reply, m->reply);
		free(m->reply);
	}
	close_p(&m->fd);
	*m = (struct worker_message){ .fd = -1 };
}

static int decode_reply(const struct message *m, struct worker_message *ret, struct error *err)
{
	const struct worker_op_info *info = &worker_ops[ret->op];

	ret->reply = calloc(1, info->reply_size);
	if (!ret->reply)
		return fail_oom(err);
	return wire_decode(info->reply, m->body.data, m->body.len, ret->reply, err);
}

static void text_make_printable(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

/* The worker's sentence: bounded, one line, a kind we know. */
static int decode_error(const struct message *m, struct error *ret, struct error *err)
{
	struct error e;

	if (m->body.len != sizeof(e))
		return fail(err, ERROR_CORRUPT, "malformed failure");
	memcpy(&e, m->body.data, sizeof(e));
	if (e.kind <= ERROR_NONE || e.kind >= ERROR_KIND_MAX || e.kind == ERROR_EXIT ||
	    !memchr(e.text, 0, sizeof(e.text)))
		return fail(err, ERROR_CORRUPT, "malformed failure");
	text_make_printable(e.text);
	*ret = e;
	return 0;
}

static int decode_message(struct worker *w, struct message *m, struct worker_message *ret, struct error *err)
{
	int slot = m->head.id > 0 ? pending_slot(w, m->head.id) : -1;

	if (slot < 0 || m->head.op != w->pending[slot].op || m->head.type == MESSAGE_REQUEST)
		return fail(err, ERROR_CORRUPT, "an answer to nothing");
	ret->id = m->head.id;
	ret->op = w->pending[slot].op;
	ret->fd = take_fd(m->fds[0]);
	if (m->head.type == MESSAGE_PROGRESS) {
		ret->event = WORKER_PROGRESS;
		if (m->body.len != sizeof(ret->bytes))
			return fail(err, ERROR_CORRUPT, "malformed progress");
		memcpy(&ret->bytes, m->body.data, sizeof(ret->bytes));
		return 0;
	}
	w->pending[slot].id = 0;
	ret->quiet = w->pending[slot].quiet;
	ret->event = m->head.type == MESSAGE_REPLY ? WORKER_REPLY : WORKER_FAILED;
	return ret->event == WORKER_REPLY ? decode_reply(m, ret, err) : decode_error(m, &ret->error, err);
}

static int tell_death(struct worker *w, struct error *err)
{
	const char *role = worker_role_name(w->role);
	int status;

	if (spawn_wait(&w->process, GOODBYE_NS, &status, err) != 1)
		return fail(err, ERROR_SYSTEM, "worker %s closed its socket", role);
	if (WIFSIGNALED(status))
		return fail(err, ERROR_SYSTEM, "worker %s was killed by signal %d (%s)", role, WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	return fail(err, ERROR_SYSTEM, "worker %s ended with code %d", role, WEXITSTATUS(status));
}

/* A warning of the worker's: its text is hostile input, too. */
static int take_notice(const struct worker *w, const struct message *m, struct error *err)
{
	char text[NOTICE_MAX];

	if (!w->ready || m->head.id || m->body.len >= sizeof(text))
		return fail(err, ERROR_CORRUPT, "malformed notice");
	memcpy(text, m->body.data, m->body.len);
	text[m->body.len] = '\0';
	text_make_printable(text);
	log_warn(w->log, "%s", text);
	return 0;
}

static int receive_one(struct worker *w, struct worker_message *ret, struct error *err)
{
	auto_message m = { .fds = { -1, -1, -1 } };
	auto_worker_message msg = { .fd = -1 };

	int r;
	while ((r = message_receive(w->sock, &m, err)) > 0 && m.head.type == MESSAGE_NOTICE) {
		if (take_notice(w, &m, err) < 0)
			return fail_wrap(err, "worker %s", worker_role_name(w->role));
		message_done(&m);
	}
	if (r == 0)
		return tell_death(w, err);
	if (r < 0 || decode_message(w, &m, &msg, err) < 0)
		return fail_wrap(err, "worker %s", worker_role_name(w->role));
	*ret = msg;
	msg = (struct worker_message){ .fd = -1 };
	return 0;
}

static int note_ready(struct worker *w, const struct worker_message *m, struct error *err)
{
	if (m->event != WORKER_REPLY) {
		*err = m->error;
		return fail_wrap(err, "worker %s: set-up", worker_role_name(w->role));
	}
	const struct op_ready *ready = m->reply;
	log_debug(w->log, "worker %s: landlock ABI %lld, confined %d, seccomp %d", worker_role_name(w->role),
		  (long long)ready->landlock_abi, ready->confined, ready->seccomp);
	w->ready = true;
	return 0;
}

int worker_receive(struct worker *w, struct worker_message *ret, struct error *err)
{
	for (;;) {
		auto_worker_message m = { .fd = -1 };
		TRY(receive_one(w, &m, err));
		if (m.op == OP_SETUP) {
			TRY(note_ready(w, &m, err));
			continue;
		}
		if (!w->ready)
			return fail(err, ERROR_CORRUPT, "worker %s: answers before it is confined",
				    worker_role_name(w->role));
		if (m.quiet && m.event == WORKER_REPLY)
			continue;
		if (m.quiet) {
			*err = m.error;
			return -1;
		}
		*ret = m;
		m = (struct worker_message){ .fd = -1 };
		return 0;
	}
}

int worker_call(struct worker *w, enum worker_op op, const void *request, const int *fds, size_t n_fds, void *reply,
		int *ret_fd, struct error *err)
{
	auto_worker_message m = { .fd = -1 };
	int id = worker_send(w, op, request, fds, n_fds, err);

	TRY(id);
	do {
		worker_message_done(&m);
		TRY(worker_receive(w, &m, err));
	} while (m.event == WORKER_PROGRESS || m.id != id);
	if (m.event == WORKER_FAILED) {
		*err = m.error;
		return -1;
	}
	if (ret_fd)
		*ret_fd = take_fd(m.fd);
	if (reply) {
		memcpy(reply, m.reply, worker_ops[op].reply_size);
		free(take_ptr(m.reply));
	}
	return 0;
}
