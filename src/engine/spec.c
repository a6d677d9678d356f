/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/spec.h"

#include "engine/files.h"
#include "engine/hooks.h"

typedef int (*topic_fn)(struct spec_context *x, struct oci_spec *s, struct error *err);

static int spec_rest(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct ctr *c = x->container;

	TRY(strmap_copy(&s->annotations, &x->params->basic.annotations, err));
	if (strv_has(&x->params->process.groups, "keep-groups"))
		TRY(strmap_set(&s->annotations, "run.oci.keep_original_groups", "1", err));
	TRY(hooks_load(c, &s->hooks, err));
	s->root = calloc(1, sizeof(*s->root));
	if (!s->root)
		return fail_oom(err);
	s->root->readonly = x->params->storage.read_only.value;
	return str_set(&s->root->path, c->at.record.rootfs ? c->at.record.rootfs : "rootfs", err);
}

/* Needs the hostname and the user; the mounts of the next topic are made from what is there. */
static int spec_files(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	(void)s;
	TRY(files_make(x, x->run_dir_fd, err));
	return files_make_passwd(x, x->run_dir_fd, err);
}

int spec_build(struct spec_context *x, struct oci_spec *ret, struct error *err)
{
	static const topic_fn topics[] = {
		spec_rest, spec_namespaces, spec_process, spec_files, spec_mounts, spec_secrets, spec_devices, spec_security, spec_resources,
	};
	auto_oci_spec s = {};

	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		TRY(topics[i](x, &s, err));
	*ret = s;
	s = (struct oci_spec){};
	return 0;
}

void spec_context_done(struct spec_context *x)
{
	free(x->home);
	free(x->hostname);
}

const struct peer *spec_peer(const struct spec_context *x, const struct param_ns *ns)
{
	for (size_t i = 0; ns->mode == NS_CONTAINER && i < x->n_peers; i++)
		if (streq(x->peers[i].id, ns->value))
			return &x->peers[i];
	return NULL;
}
