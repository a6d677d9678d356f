/* SPDX-License-Identifier: Apache-2.0
 * fuzz-params: structured option values. The first byte chooses the parser, the rest is its text. */
#include <stdlib.h>
#include <string.h>

#include "engine/container.h"
#include "engine/params-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct container_params p;
	struct error e = {};
	int sig;

	if (!size)
		return 0;
	autofree char *text = strndup((const char *)data + 1, size - 1);
	if (!text)
		return 0;
	params_init(&p);
	switch (data[0] % 10) {
	case 0: param_volume_parse(text, &p.storage.mounts, &e); break;
	case 1: param_mount_parse(text, &p.storage.mounts, &e); break;
	case 2: param_tmpfs_parse(text, &p.storage.mounts, &e); break;
	case 3: param_device_parse(text, &p.storage.devices, &e); break;
	case 4: param_port_parse(text, &p.net.ports, &e); break;
	case 5: param_ulimit_parse(text, &p.resources.ulimits, &e); break;
	case 6: param_idmap_parse(text, &p.ns.uidmap, &e); break;
	case 7: param_restart_parse(text, &p.basic.restart, &e); break;
	case 8: param_env_file_parse("file", text, &p.process.env, &e); break;
	default: signal_parse(text, &sig, &e);
	}
	params_done(&p);
	return 0;
}
