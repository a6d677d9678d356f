/* SPDX-License-Identifier: Apache-2.0
 * oci/hooks.c - running hooks: state on stdin, the row's environment, a timeout, order kept. */
#include "oci/hooks.h"

#include <sys/wait.h>

#include "base/units.h"
#include "os/spawn.h"

#define PID_DIGITS 20
#define STATE_VERSION "1.0.2"

extern char **environ;

const char *const hook_names[OCI_HOOK_MAX] = {
	[OCI_HOOK_PRESTART] = "prestart",
	[OCI_HOOK_CREATE_RUNTIME] = "createRuntime",
	[OCI_HOOK_CREATE_CONTAINER] = "createContainer",
	[OCI_HOOK_START_CONTAINER] = "startContainer",
	[OCI_HOOK_POSTSTART] = "poststart",
	[OCI_HOOK_POSTSTOP] = "poststop",
};

const struct list *hooks_of(const struct oci_hooks *h, enum oci_hook_kind kind)
{
	const struct list *all[OCI_HOOK_MAX] = {
		[OCI_HOOK_PRESTART] = &h->prestart,
		[OCI_HOOK_CREATE_RUNTIME] = &h->create_runtime,
		[OCI_HOOK_CREATE_CONTAINER] = &h->create_container,
		[OCI_HOOK_START_CONTAINER] = &h->start_container,
		[OCI_HOOK_POSTSTART] = &h->poststart,
		[OCI_HOOK_POSTSTOP] = &h->poststop,
	};
	return all[kind];
}

static void add_member(struct buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(b, ",\"%s\":", name);
	buf_add_json(b, value);
}

static void add_prefix(struct buf *b, const struct oci_hook_state *s)
{
	buf_add_str(b, "{\"ociVersion\":\"" STATE_VERSION "\"");
	add_member(b, "id", s->id);
	add_member(b, "status", s->status);
	buf_add_str(b, ",\"pid\":");
}

static void add_suffix(struct buf *b, const struct oci_hook_state *s)
{
	add_member(b, "root", s->root);
	add_member(b, "bundle", s->bundle ? s->bundle : "/");
	if (s->annotations && s->annotations->n) {
		buf_add_str(b, ",\"annotations\":{");
		for (size_t i = 0; i < s->annotations->n; i++) {
			if (i)
				buf_add_char(b, ',');
			buf_add_json(b, s->annotations->v[i].key);
			buf_add_char(b, ':');
			buf_add_json(b, s->annotations->v[i].value);
		}
		buf_add_char(b, '}');
	}
	buf_add_char(b, '}');
}

int oci_hook_state_format(const struct oci_hook_state *s, struct buf *to, struct error *err)
{
	add_prefix(to, s);
	buf_addf(to, "%d", (int)s->pid);
	add_suffix(to, s);
	return buf_ok(to, "hook state", err);
}

void hook_state_text_done(struct hook_state_text *t)
{
	free(t->text);
	*t = (struct hook_state_text){};
}

static int text_make(struct buf *prefix, const struct buf *suffix, struct hook_state_text *ret, struct error *err)
{
	size_t len = prefix->len;

	for (int i = 0; i < PID_DIGITS; i++)
		buf_add_char(prefix, ' ');
	buf_add(prefix, suffix->data, suffix->len);
	TRY(buf_ok(suffix, "hook state", err));
	TRY(buf_ok(prefix, "hook state", err));
	ret->prefix = len;
	ret->suffix = suffix->len;
	ret->text = buf_steal(prefix);
	return 0;
}

int hook_state_text_make(const struct oci_hook_state *s, struct hook_state_text *ret, struct error *err)
{
	auto_buf prefix = BUF_INIT(BUF_MAX_DEFAULT);
	auto_buf suffix = BUF_INIT(BUF_MAX_DEFAULT);

	add_prefix(&prefix, s);
	add_suffix(&suffix, s);
	return text_make(&prefix, &suffix, ret, err);
}

int seccomp_state_text_make(const char *metadata, struct hook_state_text *ret, struct error *err)
{
	auto_buf prefix = BUF_INIT(BUF_MAX_DEFAULT);
	auto_buf suffix = BUF_INIT(BUF_MAX_DEFAULT);

	buf_add_str(&prefix, "{\"ociVersion\":\"0.2.0\",\"fds\":[\"seccompFd\"],\"pid\":");
	add_member(&suffix, "metadata", metadata);
	buf_add_str(&suffix, ",\"state\":");
	return text_make(&prefix, &suffix, ret, err);
}

const char *hook_state_text_pid(struct hook_state_text *t, pid_t pid, size_t *ret_len)
{
	/* Blanks between the colon and the number are fine in JSON: the digits are put at the end of the room. */
	char *at = t->text + t->prefix + PID_DIGITS;

	memset(t->text + t->prefix, ' ', PID_DIGITS);
	unsigned long n = pid > 0 ? (unsigned long)pid : 0;
	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	*ret_len = t->prefix + PID_DIGITS + t->suffix;
	return t->text;
}

static int hook_result(const struct hook_run *r, const struct oci_hook *h, int status, struct error *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return fail(err, ERROR_RUNTIME, "%s hook `%s` was killed by signal %d", hook_names[r->kind], h->path,
			    WTERMSIG(status));
	return fail(err, ERROR_RUNTIME, "%s hook failed with exit code %d: `%s`", hook_names[r->kind],
		    WEXITSTATUS(status), h->path);
}

static int hook_run_one(const struct oci_hook *h, const struct hook_run *r, struct error *err)
{
	char *own_argv[] = { h->path, NULL };
	char *no_env[] = { NULL };
	/* A hook without "env" inherits the runtime's: it is the operator's own (crun does so, scripts rely on PATH). */
	struct spawn s = SPAWN_INIT;
	s.path = h->path;
	s.argv = h->args.n ? h->args.v : own_argv;
	s.envp = h->env.n ? h->env.v : environ ? environ : no_env;
	s.stdout_fd = r->stdout_fd >= 0 ? r->stdout_fd : STDOUT_FILENO;
	s.stderr_fd = r->stderr_fd >= 0 ? r->stderr_fd : STDERR_FILENO;
	s.cwd_fd = r->cwd_fd;
	const struct spawn_io io = {
		.input = r->state,
		.input_len = r->state_len,
		.timeout_ns = h->timeout.set ? h->timeout.value * NSEC_PER_SEC : 0,
	};
	int status = 0;

	if (spawn_run(&s, &io, &status, err) < 0) {
		if (err->kind == ERROR_TIMEOUT)
			return fail(err, ERROR_RUNTIME, "%s hook `%s` did not end within %lld seconds",
				    hook_names[r->kind], h->path, (long long)h->timeout.value);
		return fail_wrap(err, "%s hook `%s`", hook_names[r->kind], h->path);
	}
	return hook_result(r, h, status, err);
}

int hooks_run_text(const struct list *hooks, const struct hook_run *r, struct error *err)
{
	const struct oci_hook *h = hooks->v;

	for (size_t i = 0; i < hooks->n; i++)
		TRY(hook_run_one(&h[i], r, err));
	return 0;
}

int oci_hooks_run(const struct oci_hooks *hooks, enum oci_hook_kind kind, const struct oci_hook_state *state,
		  struct error *err)
{
	const struct list *l = hooks_of(hooks, kind);
	auto_buf text = BUF_INIT(BUF_MAX_DEFAULT);

	if (!l->n)
		return 0;
	TRY(oci_hook_state_format(state, &text, err));
	const struct hook_run r = {
		.kind = kind, .state = text.data, .state_len = text.len, .cwd_fd = -1,
		.stdout_fd = state->stdout_fd > 0 ? state->stdout_fd : -1,
		.stderr_fd = state->stderr_fd > 0 ? state->stderr_fd : -1,
	};
	return hooks_run_text(l, &r, err);
}
