/* SPDX-License-Identifier: Apache-2.0
 * build/ahead.c - what later COPYs of a stage copy is hashed while a step runs.
 *
 * One process a stage looks at its COPYs of the build context, in their order, and tells a digest of each. When the turn
 * of such a COPY comes its key is known, and a result that is in the cache needs no process of its own. Only what a build
 * before has copied the same way is looked at: for the first build the files are hashed while they are written. */
#include "build/ahead.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "build/build-impl.h"

struct ahead_message {
	uint32_t op;
	char digest[SHA256_HEX_MAX];     /* "": it has to be found out in its turn */
};

/* ---- which ---- */
static bool is_numeric(const char *owner)
{
	return !owner || (strchr(owner, ':') && !owner[strspn(owner, "0123456789:")]);
}

/* Sources in the context that no variable, image or user name has a say in. */
static bool is_fixed(const struct build *b, const struct op *op)
{
	const struct instruction_flags *f = &op->raw->flags;

	if (op->kind != OP_COPY || op->raw->kind != INSTRUCTION_COPY || f->from || op->raw->heredocs.n || b->context.fd < 0 ||
	    strchr(op->raw->text, '$') || !is_numeric(f->chown))
		return false;
	for (size_t i = 0; i + 1 < op->raw->words.n; i++)
		if (add_source_kind(op->raw->words.v[i]) != ADD_PATH)
			return false;
	return op->raw->words.n > 1;
}

bool ahead_key(const struct build *b, const struct op *op, char ret[65])
{
	struct sha256 h;

	if (!is_fixed(b, op))
		return false;
	key_begin(&h, "copied before");
	key_text(&h, op->raw->text);
	key_text(&h, b->context.path ? b->context.path : b->context.name);
	sha256_end_hex(&h, ret);
	return true;
}

static int seen_before(struct build *b, const struct op *op, struct error *err)
{
	auto_build_cache_entry e = {};
	char key[65];

	return ahead_key(b, op, key) ? build_cache_find(b->stage, key, &e, err) : 0;
}

/* ---- the process ---- */
static int find_files(const struct build *b, const struct instruction *in, struct copy_items *to, struct error *err)
{
	const struct build_context *c = &b->context;

	for (size_t i = 0; i + 1 < in->words.n; i++) {
		const struct copy_source s = { .root = c->fd, .what = c->path ? c->path : c->name, .pattern = in->words.v[i],
					       .ignore = c->ignore, .ignore_name = c->ignore_name, .parents = in->flags.parents, .strip_setid = true };
		TRY(copy_find(&s, to, err));
	}
	return 0;
}

static int hash(const struct stage_run *st, const struct op *op, char ret[SHA256_HEX_MAX], struct error *err)
{
	auto_copy_items items = {};
	struct instruction in = {};
	struct ignore *excludes = NULL;
	const struct expand x = scope_expand((struct scope *)&st->scope);
	struct copy_job j = { .items = &items, .destination = "/", .view = -1, .upper = -1, .hash = true };
	unsigned uid = 0, gid = 0;

	TRY(instruction_expand(op->raw, &x, &in, err));   /* quotes go; the process ends soon, so nothing is freed */
	TRY(find_files(st->b, &in, &items, err));
	j.chmod = in.flags.chmod;
	j.parents = in.flags.parents;
	if (in.flags.chown && sscanf(in.flags.chown, "%u:%u", &uid, &gid) != 2)
		return fail(err, ERROR_INVALID, "--chown");
	j.owner = (struct copy_owner){ .set = in.flags.chown != NULL, .uid = uid, .gid = gid };
	if (in.flags.excludes.n)
		TRY(ignore_new(&excludes, err));
	for (size_t i = 0; i < in.flags.excludes.n; i++)
		TRY(ignore_add(excludes, in.flags.excludes.v[i], err));
	j.excludes = excludes;
	TRY(copy_run(&j, err));
	memcpy(ret, j.digest, SHA256_HEX_MAX);
	return 0;
}

static _Noreturn void child(const struct stage_run *st, int socket)
{
	struct error ignored;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "umiak-build");
	for (size_t i = 0; i < st->n; i++) {
		struct ahead_message m = { .op = (uint32_t)i };
		if (st->ops[i].ahead != AHEAD_PENDING)
			continue;
		if (hash(st, &st->ops[i], m.digest, &ignored) < 0)
			*m.digest = '\0';
		if (send(socket, &m, sizeof(m), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* ---- the builder's side ---- */
int ahead_begin(struct stage_run *st, struct error *err)
{
	struct build *b = st->b;
	int pair[2];
	size_t n = 0;

	if (st->ahead.begun || !b->use_cache)
		return 0;
	st->ahead.begun = true;
	for (size_t i = st->next + 1; i < st->n; i++) {
		int seen = seen_before(b, &st->ops[i], err);
		TRY(seen);
		st->ops[i].ahead = seen ? AHEAD_PENDING : AHEAD_NOT;
		n += seen;
	}
	if (!n)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "socketpair");
	st->ahead.pid = fork();
	if (st->ahead.pid == 0)
		child(st, pair[1]);
	close(pair[1]);
	st->ahead.socket = pair[0];
	return st->ahead.pid < 0 ? fail_errno(err, "fork") : 0;
}

void ahead_receive(struct stage_run *st)
{
	struct ahead_message m;
	ssize_t n;

	do
		n = recv(st->ahead.socket, &m, sizeof(m), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(m) || m.op >= st->n) {
		ahead_end(st);
		return;
	}
	m.digest[sizeof(m.digest) - 1] = '\0';
	st->ops[m.op].ahead = *m.digest ? AHEAD_KNOWN : AHEAD_NOT;
	memcpy(st->ops[m.op].content, m.digest, sizeof(m.digest));
}

void ahead_end(struct stage_run *st)
{
	close_p(&st->ahead.socket);
	st->ahead.socket = -1;
	if (st->ahead.pid > 0) {
		kill(st->ahead.pid, SIGKILL);
		while (waitpid(st->ahead.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	st->ahead.pid = 0;
	for (size_t i = 0; i < st->n; i++)
		if (st->ops[i].ahead == AHEAD_PENDING)
			st->ops[i].ahead = AHEAD_NOT;
}
