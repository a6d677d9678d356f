/* SPDX-License-Identifier: Apache-2.0
 * build/step-network.c - the network of a RUN: that of a container (engine/network.h), for as long as the step runs. */
#include "build/step-run.h"

int step_run_plan_network(struct runner *k, struct error *err)
{
	/* M may not touch the connection it inherited: the engine opens a store of its own when it asks for one. */
	k->job->engine->store = NULL;
	return ctr_net_plan(&k->c, &k->net, err) < 0 ? fail_wrap(err, "network of the step") : 0;
}

int step_run_apply_network(struct runner *k, struct error *err)
{
	const struct ctr_net_end end = { k->process.pid, k->process.netns_fd };

	return ctr_net_apply(&k->c, &k->net, &end, err) < 0 ? fail_wrap(err, "network of the step") : 0;
}

void step_run_end_network(struct runner *k)
{
	ctr_net_abort(&k->c, &k->net);   /* nothing of it shall stay */
	ctr_net_done(&k->net);
}
