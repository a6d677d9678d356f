/* SPDX-License-Identifier: Apache-2.0
 * umiak-fetch - the worker that talks to registries. A program of its own because of libcurl: the three dozen libraries
 * that come with it would be most of what every other worker's start costs. */
#include <stdio.h>

#include "worker/program.h"

int main(int argc, char **argv)
{
	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: umiak-fetch (started by umiak, not by hand)\n");
		return 64;
	}
	return worker_program("umiak-fetch", WORKER_FETCH, fetch_serve);
}
