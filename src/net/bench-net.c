/* SPDX-License-Identifier: Apache-2.0
 * What a container's network costs: set up and torn down again and again, with 0, 1 and 500 ports. Inside a network
 * namespace: unshare -n sh -c 'ip link set lo up; src/net/bench-net DIR' */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "net/setup.h"
#include "os/ns.h"

enum { ROUNDS = 200 };

static pid_t make_container(struct error *err)
{
	int ready[2];
	char c;

	if (pipe(ready) < 0)
		return fail_errno(err, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	ssize_t n = read(ready[0], &c, 1);
	close(ready[0]);
	return n == 1 ? pid : fail(err, ERROR_SYSTEM, "no network namespace");
}

static int compare(const void *a, const void *b)
{
	return *(const int64_t *)a < *(const int64_t *)b ? -1 : 1;
}

static int one(const struct net_env *env, const struct net_port *ports, size_t n_ports, int64_t *ret_up, int64_t *ret_down,
	       struct error *err)
{
	struct net_request r = { .network = (char *)"podman" };
	const struct net_job job = { .id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", .name = "bench",
				     .requests = &r, .n_requests = 1, .ports = ports, .n_ports = n_ports };
	auto_net_status s = {};
	auto_lock intent = LOCK_INIT;
	pid_t pid = make_container(err);

	if (pid < 0)
		return -1;
	autoclose int netns = ns_open(pid, NS_NET, err);
	int64_t t0 = time_monotonic();
	TRY(net_sweep(env, err));
	TRY(net_plan(env, &job, &intent, &s, err));
	TRY(net_apply(env, job.id, &s, netns, err));
	net_commit(env, job.id, &intent);
	*ret_up = time_monotonic() - t0;
	t0 = time_monotonic();
	TRY(net_teardown(env, job.id, &s, -1, err));
	*ret_down = time_monotonic() - t0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

int main(int argc, char **argv)
{
	static const int64_t counts[] = { 0, 1, 500 };
	struct conf_network conf = {};
	struct error err;
	char run[4096];

	if (argc != 2)
		return 64;
	snprintf(run, sizeof(run), "%s/run", argv[1]);
	const struct net_env env = { .config_dir = argv[1], .run_dir = run, .host_netns = -1, .conf = &conf, .no_sync = true };
	for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
		struct net_port port = { .host_ip = (char *)"", .protocol = (char *)"tcp", .host_port = 20000, .container_port = 20000,
					 .range = counts[k] };
		int64_t up[ROUNDS], down[ROUNDS];
		for (int i = 0; i < ROUNDS; i++)
			if (one(&env, &port, counts[k] > 0, &up[i], &down[i], &err) < 0) {
				fprintf(stderr, "%s\n", err.text);
				return 1;
			}
		qsort(up, ROUNDS, sizeof(*up), compare);
		qsort(down, ROUNDS, sizeof(*down), compare);
		printf("%3lld ports: up min %.2f median %.2f ms, down min %.2f median %.2f ms\n", (long long)counts[k], (double)up[0] / 1e6,
		       (double)up[ROUNDS / 2] / 1e6, (double)down[0] / 1e6, (double)down[ROUNDS / 2] / 1e6);
	}
	return 0;
}
