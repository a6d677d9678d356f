/* SPDX-License-Identifier: Apache-2.0 */
#include "build/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "build/build-impl.h"
#include "conf/helpers.h"

enum { START_MS = 20000 };
#define ADD_NS (60 * NSEC_PER_SEC)

struct agent {
	char *keys, *socket;
	struct spawned process;
};

void build_agents_done(struct list *agents)
{
	struct agent *a = agents->v;

	for (size_t i = 0; i < agents->n; i++) {
		spawn_done(&a[i].process);
		free(a[i].keys);
		free(a[i].socket);
	}
	free(agents->v);
	*agents = (struct list){};
}

/* It says where its socket is as soon as it listens there. */
static int wait_for_word(int fd, struct error *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[512];

	int n = poll(&p, 1, START_MS);
	return n == 1 && read(fd, text, sizeof(text)) > 0 ? 0 : fail(err, ERROR_RUNTIME, "ssh-agent does not start");
}

static int start(struct agent *a, struct error *err)
{
	autofree char *program = NULL;
	int p[2];

	TRY(helper_find_foreign("ssh-agent", NULL, true, &program, err));
	if (pipe2(p, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	autoclose int in = p[0], out = p[1];
	char *argv[] = { (char *)"ssh-agent", (char *)"-D", (char *)"-a", a->socket, NULL };
	struct spawn s = SPAWN_INIT;
	s.path = program;
	s.argv = argv;
	s.stdout_fd = out;
	s.die_with_parent = true;
	TRY(spawn_start(&s, &a->process, err));
	close_p(&out);
	out = -1;
	return wait_for_word(in, err);
}

static int add_key(const struct agent *a, const char *key, struct error *err)
{
	autofree char *program = NULL, *where = NULL;
	auto_buf said = BUF_INIT(4096);
	int status = 0;

	TRY(helper_find_foreign("ssh-add", NULL, true, &program, err));
	TRY(str_printf(&where, err, "SSH_AUTH_SOCK=%s", a->socket));
	char *argv[] = { (char *)"ssh-add", (char *)"-q", (char *)(uintptr_t)key, NULL }, *envp[] = { where, NULL };
	struct spawn s = SPAWN_INIT;
	s.path = program;
	s.argv = argv;
	s.envp = envp;
	s.new_session = true;   /* no terminal to ask for a passphrase on */
	const struct spawn_io io = { .errout = &said, .timeout_ns = ADD_NS };
	TRY(spawn_run(&s, &io, &status, err));
	if (status == 0)
		return 0;
	for (size_t i = 0; i < said.len; i++)
		if (said.data[i] == '\n')
			said.data[i] = ' ';
	return fail(err, ERROR_INVALID, "key %s cannot be used (keys with a passphrase: ssh-add them to an agent): %.*s", key,
		    (int)(said.len < 300 ? said.len : 300), said.data ? said.data : "");
}

int build_agent(struct build *b, const char *keys, const char **ret_socket, struct error *err)
{
	struct agent *v = b->agents.v;
	auto_strv files = {};

	for (size_t i = 0; i < b->agents.n; i++)
		if (streq(v[i].keys, keys)) {
			*ret_socket = v[i].socket;
			return 0;
		}
	struct agent *a = list_add(&b->agents, sizeof(*a), err);
	if (!a)
		return -1;
	*a = (struct agent){ .process = SPAWNED_INIT };
	TRY(str_set(&a->keys, keys, err));
	TRY(str_printf(&a->socket, err, "%s/agent%zu", stage_path(b->stage), b->agents.n));
	TRY(start(a, err));
	TRY(strv_split(&files, keys, ',', err));
	for (size_t i = 0; i < files.n; i++)
		TRY(add_key(a, files.v[i], err));
	*ret_socket = a->socket;
	return 0;
}
