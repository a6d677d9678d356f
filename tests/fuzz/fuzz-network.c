/* SPDX-License-Identifier: Apache-2.0
 * Network definitions (files of a directory) and the words of --network. */
#include <stdlib.h>
#include <string.h>

#include "engine/network.h"
#include "net/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_network n = {};
	CLEANUP(net_request_done) struct net_request r = {};
	struct error err;

	if (network_parse("fuzz", (const char *)data, size, &n, &err) >= 0) {
		struct network_option o;
		if (network_options(&n, &o, &err) < 0 || network_check(&n, &err) < 0)
			abort();   /* what was accepted stays acceptable */
	}
	char *word = strndup((const char *)data, size);
	if (word)
		network_word_parse(word, &r, &err);
	free(word);
	return 0;
}
