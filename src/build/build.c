/* SPDX-License-Identifier: Apache-2.0
 * build/build.c - from a request to an image, as a list of steps. */
#include "build/build.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/units.h"
#include "base/url.h"
#include "build/build-impl.h"
#include "build/sbom.h"
#include "conf/helpers.h"
#include "engine/manifest-list.h"
#include "os/file.h"
#include "store/store.h"

void build_tell(struct build *b, const struct build_event *e)
{
	struct build_event shown = *e;
	size_t last = b->graph.target > e->stage ? b->graph.target : e->stage;

	if (shown.n_stages)   /* those behind the target do not count */
		shown.n_stages = last + 1;
	if (b->request->event)
		b->request->event(b->request->data, &shown);
}

void build_note(struct build *b, const char *text)
{
	build_tell(b, &(struct build_event){ .type = BUILD_NOTE, .text = text, .len = strlen(text) });
}

void build_result_done(struct build_result *r)
{
	strv_done(&r->names);
}

/* ---- ending ---- */
static void stage_run_done(struct stage_run *st)
{
	struct instruction *triggers = st->triggers.v;

	ahead_end(st);
	for (size_t i = 0; i < st->n; i++)
		op_done(&st->ops[i]);
	free(st->ops);
	for (size_t i = 0; i < st->triggers.n; i++)
		instruction_done(&triggers[i]);
	free(st->triggers.v);
	stage_layer_abort(&st->single);
	image_config_done(&st->config);
	strmap_done(&st->annotations);
	scope_done(&st->scope);
	free(st->layers);
	free(st->base_name);
	free(st->base_digest);
}

static void layer_done(struct build_layer *l)
{
	stage_layer_abort(&l->staged);
	close_p(&l->fd);
	free(l->blob);
	free(l->media_type);
	free(l);
}

void build_done(struct build *b)
{
	struct build_layer **layers = b->layers.v;
	struct named_context *contexts = b->contexts.v;

	for (size_t i = 0; i < b->n_stages; i++)
		stage_run_done(&b->stages[i]);
	free(b->stages);
	for (size_t i = 0; i < b->layers.n; i++)
		layer_done(layers[i]);
	free(b->layers.v);
	schedule_forget_rows(b);
	free(b->rows);
	strv_done(&b->touched);
	remote_cache_done(&b->remote);
	source_policy_done(&b->policy);
	build_agents_done(&b->agents);
	if (b->usage)
		fclose(b->usage);
	build_graph_done(&b->graph);
	containerfile_done(&b->file);
	containerfile_text_done(&b->text);
	scope_head_done(&b->head);
	for (size_t i = 0; i < b->contexts.n; i++) {
		build_context_done(&contexts[i].c);
		free(contexts[i].name);
	}
	free(b->contexts.v);
	strmap_done(&b->context_names);
	build_context_done(&b->context);
	platform_done(&b->platform);
	stage_done(b->stage);
	free(b->worker);
	free(b->runtime);
}

/* ---- beginning ---- */
/* --source-date-epoch, else --build-arg SOURCE_DATE_EPOCH=... (BuildKit, Buildah). */
static const char *source_epoch(const struct build_options *o)
{
	const char *found = o->source_date_epoch;

	for (size_t i = 0; !o->source_date_epoch && i < o->build_args.n; i++) {
		const char *value = str_after(o->build_args.v[i], "SOURCE_DATE_EPOCH=");
		found = value && *value ? value : found;
	}
	return found;
}

static int set_time(struct build *b, struct error *err)
{
	const struct build_options *o = b->o;
	const char *epoch = source_epoch(o);
	uint64_t s;

	if (o->timestamp.set) {
		b->has_time = true;
		b->time_s = o->timestamp.value;
	} else if (epoch) {
		if (!parse_u64(epoch, &s) || s > (uint64_t)INT64_MAX / NSEC_PER_SEC)
			return fail(err, ERROR_INVALID, "parsing source date epoch \"%s\": must be seconds since 1970", epoch);
		b->has_time = true;
		b->time_s = (int64_t)s;
	}
	if (o->cache_ttl && *o->cache_ttl) {
		TRY(duration_parse(o->cache_ttl, &b->ttl, err));
		if (!b->ttl)
			log_debug(b->engine->log, "Setting --no-cache=true since --cache-ttl was set to 0");
		b->use_cache &= b->ttl != 0;
	}
	return 0;
}

static int set_platform(struct build *b, const char *text, struct error *err)
{
	struct platform p = {};
	const struct build_options *o = b->o;
	int r = text ? platform_parse(text, &p, err) : 0;

	if (r < 0)
		return fail_wrap(err, "--platform %s", text);
	r = str_set(&b->platform.os, p.os ? p.os : o->os ? o->os : platform_host_os(), err);
	if (r >= 0)
		r = str_set(&b->platform.architecture, p.architecture ? p.architecture : o->arch ? o->arch : platform_host_architecture(),
			    err);
	if (r >= 0)
		r = str_set(&b->platform.variant, p.variant ? p.variant : o->variant ? o->variant :
			    p.architecture || o->arch ? "" : platform_host_variant(), err);
	platform_done(&p);
	return r;
}

static int begin(struct build *b, struct error *err)
{
	TRY(engine_store(b->engine, &b->store, err));
	TRY(helper_find("umiak-worker", &b->worker, err));
	TRY(stage_begin(b->store, "build", &b->stage, err));
	TRY(engine_runtime(b->engine, NULL, &b->runtime, err));
	TRY(image_remote_check_authfile(&b->o->remote, err));
	TRY(build_isolation_parse(b->o, &b->isolation, err));
	if (b->isolation == BUILD_ISOLATION_CHROOT && b->o->run.ns.net.mode != NS_DEFAULT && b->o->run.ns.net.mode != NS_HOST)
		return fail(err, ERROR_INVALID, "cannot set --network other than host with --isolation chroot");
	bool layers = b->o->layers.set && b->o->layers.value;   /* with --squash: steps are kept, the result is one layer */
	b->single = (b->o->layers.set && !b->o->layers.value) || ((b->o->squash || b->o->squash_all) && !(layers && b->o->squash_all));
	b->use_cache = !b->o->no_cache && !b->single;
	if (b->o->remote.retry.set)
		log_debug(b->engine->log, "Setting MaxPullPushRetries to %llu and PullPushRetryDelay to %s", (unsigned long long)b->o->remote.retry.value,
			  b->o->remote.retry_delay ? b->o->remote.retry_delay : "2s");
	TRY(set_time(b, err));
	TRY(remote_cache_open(b, err));
	if (b->o->rusage_logfile && !(b->usage = fopen(b->o->rusage_logfile, "we")))
		return fail_errno(err, "creating file to store rusage logs: %s", b->o->rusage_logfile);
	if (b->o->source_policy)
		TRY(source_policy_read(b->o->source_policy, &b->policy, err));
	int scratch = file_open_dir(stage_fd(b->stage), "context", true, 0700, err);
	if (scratch < 0)
		return -1;
	autofree char *path = NULL;
	TRY(str_printf(&path, err, "%s/context", stage_path(b->stage)));
	b->context_options = (struct context_options){
		.as_buildah = b->o->as_buildah,
		.worker = b->worker, .log = b->engine->log, .scratch_fd = scratch, .scratch_path = take_ptr(path),
		.userns = b->engine->paths.rootless, .ignore_chown = b->engine->storage.ignore_chown_errors,
		.stdin_fd = b->request->stdin_fd,
	};
	return context_options_remote(&b->context_options, &b->o->remote, err);
}

/* ---- reading ---- */
static int open_contexts(struct build *b, struct error *err)
{
	const struct strv *given = &b->o->build_contexts;
	struct context_options named = b->context_options;

	named.named = true;
	named.stdin_fd = -1;
	for (size_t i = 0; i < given->n; i++) {
		const char *eq = strchr(given->v[i], '=');
		if (!eq || eq == given->v[i] || !eq[1])
			return fail(err, ERROR_INVALID, "invalid --build-context \"%s\": must be NAME=SOURCE", given->v[i]);
		struct named_context *c = list_add(&b->contexts, sizeof(*c), err);
		if (!c)
			return -1;
		c->c = (struct build_context)BUILD_CONTEXT_INIT;
		c->name = strndup(given->v[i], (size_t)(eq - given->v[i]));
		if (!c->name)
			return fail_oom(err);
		for (char *p = c->name; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		TRY(build_context_open(&named, eq + 1, &c->c, err));
		if (c->c.kind == CONTEXT_TREE)
			TRY(build_context_load_ignore(&c->c, NULL, NULL, err));
		TRY(strmap_set(&b->context_names, c->name, eq + 1, err));
	}
	return 0;
}

static int read_file(struct build *b, struct error *err)
{
	const struct build_options *o = b->o;

	b->context = (struct build_context)BUILD_CONTEXT_INIT;
	if (b->request->context)
		TRY(build_context_open(&b->context_options, b->request->context, &b->context, err));
	TRY(open_contexts(b, err));
	if (o->files.n <= 1) {
		TRY(build_context_read_file(&b->context_options, &b->context, o->files.n ? o->files.v[0] : NULL, &o->cpp_flags, &b->text,
					    err));
		if (b->text.warning)
			build_note(b, b->text.warning);
	} else {   /* several files are read as one */
		auto_buf all = BUF_INIT(CONTAINERFILE_BYTES_MAX);
		for (size_t i = 0; i < o->files.n; i++) {
			auto_containerfile_text t = {};
			TRY(build_context_read_file(&b->context_options, &b->context, o->files.v[i], &o->cpp_flags, &t, err));
			if (t.warning)
				build_note(b, t.warning);
			if (i && containerfile_check_directives(t.text, t.len, err) < 0)
				return fail_wrap(err, "parsing additional Dockerfile %s", o->files.v[i]);
			buf_add(&all, t.text, t.len);
			buf_add_char(&all, '\n');
		}
		TRY(buf_ok(&all, "Containerfiles", err));
		TRY(str_set(&b->text.name, o->files.v[0], err));
		b->text.len = all.len;
		b->text.text = buf_steal(&all);
	}
	return build_context_load_ignore(&b->context, o->ignorefile, &b->text, err);
}

static int add_build_args(struct build *b, struct error *err)
{
	const struct strv *args = &b->o->build_args;

	for (size_t i = 0; i < args->n; i++) {
		const char *eq = strchr(args->v[i], '=');
		const char *value = eq ? eq + 1 : getenv(args->v[i]);
		autofree char *name = eq ? strndup(args->v[i], (size_t)(eq - args->v[i])) : strdup(args->v[i]);
		if (!name)
			return fail_oom(err);
		if (value)
			TRY(strmap_set(&b->head.given, name, value, err));
	}
	return 0;
}

static int make_graph(struct build *b, struct error *err)
{
	autofree char *host = NULL, *target = NULL;
	const struct platform *p = &b->platform;
	const char *variant = platform_host_variant();
	const struct opt_bool *skip = &b->o->skip_unused_stages;

	TRY(containerfile_parse(b->text.name, b->text.text, b->text.len, &b->file, err));
	TRY(str_printf(&host, err, "%s/%s%s%s", platform_host_os(), platform_host_architecture(), *variant ? "/" : "", variant));
	TRY(str_printf(&target, err, "%s/%s%s%s", p->os, p->architecture, str_empty(p->variant) ? "" : "/",
		       p->variant ? p->variant : ""));
	TRY(scope_head_init(&b->head, host, target, err));
	if (source_epoch(b->o))
		TRY(strmap_set(&b->head.platform, "SOURCE_DATE_EPOCH", source_epoch(b->o), err));
	TRY(add_build_args(b, err));
	b->graph_options = (struct graph_options){ .head = &b->head, .contexts = &b->context_names, .target = b->o->target,
						   .all_stages = skip->set && !skip->value };
	TRY(build_graph_make(&b->file, &b->graph_options, &b->graph, err));
	for (size_t i = 0; i < b->graph.warnings.n; i++)
		log_warn(b->engine->log, "%s", b->graph.warnings.v[i]);
	b->n_stages = b->graph.stages.n;
	b->stages = calloc(b->n_stages + 1, sizeof(*b->stages));
	if (!b->stages)
		return fail_oom(err);
	for (size_t i = 0; i < b->n_stages; i++)
		b->stages[i] = (struct stage_run){ .s = STAGE(&b->graph, i), .b = b, .single = STAGE_LAYER_INIT, .ahead.socket = -1 };
	return 0;
}

/* ---- ending well ---- */
static int warn_unused_args(struct build *b, struct error *err)
{
	auto_strv unused = {};
	autofree char *list = NULL, *text = NULL;

	TRY(scope_head_unused(&b->head, &unused, err));
	if (!unused.n)
		return 0;
	list = strv_join(&unused, " ");
	if (!list)
		return fail_oom(err);
	TRY(str_printf(&text, err, "[Warning] one or more build args were not consumed: [%s]", list));
	build_note(b, text);
	return 0;
}

static int finish(struct build *b, struct error *err)
{
	struct stage_run *st = &b->stages[b->graph.target];

	TRY(schedule_flush(b, err));
	build_cache_touch(b->store, &b->touched);
	TRY(warn_unused_args(b, err));
	if (image_is_relabelled(st))
		TRY(plan_note_options(st, err));
	TRY(image_describe(b, st, err));
	if (build_output_only(b))
		return build_output(b, st, err);
	TRY(image_finish(b, st, err));
	build_tell(b, &(struct build_event){ .type = BUILD_STEP_DONE, .stage = st->s->index, .n_stages = b->n_stages,
					     .id = b->result->id, .last = true });
	for (size_t i = 0; i < b->result->names.n; i++)
		build_tell(b, &(struct build_event){ .type = BUILD_TAGGED, .text = b->result->names.v[i] });
	TRY(build_output(b, st, err));
	build_tell(b, &(struct build_event){ .type = BUILD_IMAGE, .id = b->result->id });
	return 0;
}

/* --check: the linter's findings are the result. "# check=error=true": they end a build. */
static int check(struct build *b, struct error *err)
{
	CLEANUP(lint_result_done) struct lint_result l = {};
	const char *platform = strmap_get(&b->head.platform, "TARGETPLATFORM");
	const bool look = b->o->check || b->file.check;   /* images are looked at only when somebody wants to know */
	const struct lint_options o = { .build_args = &b->head.given, .ignore = b->context.ignore, .contexts = &b->context_names,
					.platform = platform, .base = look ? base_known : NULL, .data = b };
	auto_buf text = BUF_INIT(16 << 20);

	TRY(lint_run(&b->file, &o, &l, err));
	if (!b->o->check && !l.error)
		return 0;
	lint_print(&l, b->text.name, b->text.text, b->text.len, &text);
	TRY(buf_ok(&text, "warnings", err));
	if (text.len)
		build_tell(b, &(struct build_event){ .type = BUILD_NOTE, .text = text.data, .len = text.len });
	if (l.warnings.n)
		return fail(err, ERROR_INVALID, "%s: %zu warning%s of the linter", b->text.name, l.warnings.n, l.warnings.n == 1 ? "" : "s");
	return 0;
}

static int read_all(struct build *b, struct error *err)
{
	TRY(begin(b, err));
	TRY(set_platform(b, b->o->platforms.n ? b->o->platforms.v[0] : NULL, err));
	TRY(read_file(b, err));
	return make_graph(b, err);
}

static int build(struct build *b, struct error *err)
{
	TRY(build_output_check(b, err));
	TRY(read_all(b, err));
	TRY(check(b, err));
	if (b->o->check)
		return 0;
	if (schedule_run(b, err) < 0) {
		struct error ignored;
		b->result->status = b->failed_status;
		schedule_flush(b, &ignored);   /* what was done is done: the next build goes on from here */
		if (build_keep_failed(b, &ignored) < 0)
			log_warn(b->engine->log, "%s", ignored.text);
		return -1;
	}
	TRY(finish(b, err));
	return build_keep_steps(b, err);
}

static int with_build(struct engine *e, const struct build_request *r, struct build_result *ret,
		      int (*fn)(struct build *b, struct error *err), struct error *err)
{
	struct build b = { .engine = e, .request = r, .o = r->options, .result = ret, .context = BUILD_CONTEXT_INIT,
			   .context_options = { .scratch_fd = -1 } };
	int result = fn(&b, err);

	if (result < 0)
		url_hide_users(err->text);
	close_p((int *)&b.context_options.scratch_fd);
	free((char *)b.context_options.scratch_path);
	build_done(&b);
	return result;
}

int build_image(struct engine *e, const struct build_request *r, struct build_result *ret, struct error *err)
{
	if (sbom_wanted(r->options))
		return sbom_build(e, r, ret, err);
	return with_build(e, r, ret, build, err);
}

/* ---- every platform of the base images ---- */
static int read_platforms(struct json_object *list, struct strv *to, struct error *err)
{
	struct json_object *entries = json_get_array(list, "manifests");

	for (size_t i = 0; entries && i < json_object_array_length(entries); i++) {
		struct json_object *p = json_get_object(json_object_array_get_idx(entries, i), "platform");
		const char *os = json_get_str(p, "os"), *arch = json_get_str(p, "architecture"), *variant = json_get_str(p, "variant");
		autofree char *text = NULL;
		if (str_empty(os) || str_empty(arch) || streq(os, "unknown"))   /* attestations beside the images */
			continue;
		TRY(str_printf(&text, err, "%s/%s%s%s", os, arch, str_empty(variant) ? "" : "/", variant ? variant : ""));
		if (!strv_has(to, text))
			TRY(strv_add(to, text, err));
	}
	return 0;
}

/* Of `all` stays what this base has, too; the first one's are all. */
static int intersect(struct build *b, const char *name, bool first, struct strv *all, struct error *err)
{
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX * 4);
	auto_json *list = NULL;
	auto_strv has = {};
	autofree char *source = NULL;

	TRY(source_policy_image(&b->policy, name, &source, err));
	TRY(manifest_list_inspect(b->engine, source, &b->o->remote, &text, err));
	TRY(json_parse(source, text.data ? text.data : "", text.len, NULL, &list, err));
	TRY(read_platforms(list, &has, err));
	if (!has.n)
		return fail(err, ERROR_INVALID, "--all-platforms: base image %s is not a manifest list", name);
	if (first)
		return strv_copy(all, &has, err);
	for (size_t i = 0; i < all->n;)
		if (strv_has(&has, all->v[i]))
			i++;
		else
			strv_remove(all, i);
	return 0;
}

/* A stage with a platform of its own is the same for all of them. */
static int find_platforms(struct build *b, struct error *err)
{
	struct strv *all = &b->result->names;
	size_t n = 0;

	TRY(read_all(b, err));
	for (size_t i = 0; i < b->n_stages; i++) {
		const struct build_stage *s = STAGE(&b->graph, i);
		const char *platform = INSTRUCTION(&b->file, s->first)->flags.platform;
		bool replaced = b->o->from && i == 0;
		const char *context = base_context_image(b, &s->base);
		if (!s->needed || (s->base.kind != GRAPH_IMAGE && !context && !(replaced && s->base.kind == GRAPH_SCRATCH)) ||
		    (platform && !strstr(platform, "TARGET")))
			continue;
		TRY(intersect(b, replaced ? b->o->from : context ? context : s->base.name, n++ == 0, all, err));
	}
	if (!n)
		return fail(err, ERROR_INVALID, "--all-platforms: build uses no non-scratch base images");
	return all->n ? 0 : fail(err, ERROR_INVALID, "--all-platforms: the base images have no platform in common");
}

int build_all_platforms(struct engine *e, const struct build_request *r, struct strv *ret, struct error *err)
{
	CLEANUP(build_result_done) struct build_result found = {};

	TRY(with_build(e, r, &found, find_platforms, err));
	return strv_copy(ret, &found.names, err);
}
