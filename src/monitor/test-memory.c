/* SPDX-License-Identifier: Apache-2.0
 * Memory of an idle container's monitor, measured with 50 of them running: DESIGN.md's promise is 200 kB PSS. */
#include "test-monitor.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"

#include <cmocka.h>   /* last: it defines fail() */

#define N 50
#define LIMIT_KB 120

static long pss_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	autofclose FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (str_after(line, "Pss:"))
			kb = strtol(line + 4, NULL, 10);
	return kb;
}

static void test_memory_pss_when_50_are_idle(void **state)
{
	static struct box b[N];
	long sum = 0;

	for (size_t i = 0; i < N; i++) {
		struct error e;
		/* Not quite idle: each has written, so that its log path was used. */
		box_start(&b[i], &(struct box_options){.script = "seq 1 3000; exec sleep 600",
						       .role = MONITOR_ROLE_WAIT,
						       .driver = MONITOR_LOG_K8S_FILE});
		assert_int_equal(monitor_start(b[i].client, &e), 0);
	}
	sleep(6);   /* buffers are given back after 5 s */
	for (size_t i = 0; i < N; i++)
		sum += pss_kb(b[i].monitor);
	print_message("umiak-monitor: %ld kB PSS each\n", sum / N);
	for (size_t i = 0; i < N; i++)
		box_done(&b[i]);
	assert_true(sum / N > 0 && sum / N <= LIMIT_KB);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_memory_pss_when_50_are_idle) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
