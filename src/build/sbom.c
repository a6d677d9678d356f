/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "build/sbom-merge.h"
#include "engine/image-remove.h"
#include "os/file.h"
#include "store/stage.h"

#define SYFT "ghcr.io/anchore/syft"
#define TRIVY "ghcr.io/aquasecurity/trivy"

static const struct preset {
	const char *names;           /* blank-separated */
	const char *image, *rootfs, *context;
	enum sbom_strategy merge;
} presets[] = {
	{ "syft syft-cyclonedx", SYFT, "/syft scan -q dir:{ROOTFS} --output cyclonedx-json={OUTPUT}",
	  "/syft scan -q dir:{CONTEXT} --output cyclonedx-json={OUTPUT}", SBOM_CYCLONEDX },
	{ "syft-spdx", SYFT, "/syft scan -q dir:{ROOTFS} --output spdx-json={OUTPUT}",
	  "/syft scan -q dir:{CONTEXT} --output spdx-json={OUTPUT}", SBOM_SPDX },
	{ "trivy trivy-cyclonedx", TRIVY, "trivy filesystem -q {ROOTFS} --format cyclonedx --output {OUTPUT}",
	  "trivy filesystem -q {CONTEXT} --format cyclonedx --output {OUTPUT}", SBOM_CYCLONEDX },
	{ "trivy-spdx", TRIVY, "trivy filesystem -q {ROOTFS} --format spdx-json --output {OUTPUT}",
	  "trivy filesystem -q {CONTEXT} --format spdx-json --output {OUTPUT}", SBOM_SPDX },
};

struct scan {
	const char *image;
	struct strv commands;
	enum sbom_strategy merge;
};

static void scan_done(struct scan *s)
{
	strv_done(&s->commands);
}

/* ---- what is asked for ---- */
bool sbom_wanted(const struct build_options *o)
{
	return o->sbom || o->sbom_image || o->sbom_commands.n || o->sbom_output || o->sbom_purl || o->sbom_image_output ||
	       o->sbom_image_purl || o->sbom_merge;
}

static const struct preset *find_preset(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(presets); i++)
		for (const char *at = presets[i].names; *at; at += strspn(at, " ")) {
			size_t n = strcspn(at, " ");
			if (strlen(name) == n && strncmp(at, name, n) == 0)
				return &presets[i];
			at += n;
		}
	return NULL;
}

/* The preset, and in its place what is given by itself. */
static int scan_init(const struct build_options *o, struct scan *ret, struct error *err)
{
	const struct preset *p = o->sbom || !o->sbom_image ? find_preset(o->sbom ? o->sbom : "syft") : NULL;

	if (o->sbom && !p)
		return fail(err, ERROR_INVALID, "unrecognized --sbom preset \"%s\": use syft, syft-cyclonedx, syft-spdx, trivy, "
			    "trivy-cyclonedx or trivy-spdx", o->sbom);
	ret->image = o->sbom_image ? o->sbom_image : p->image;
	ret->merge = p ? p->merge : SBOM_CAT;
	if (o->sbom_merge)
		TRY(sbom_strategy_parse(o->sbom_merge, &ret->merge, err));
	if (o->sbom_commands.n)
		return strv_copy(&ret->commands, &o->sbom_commands, err);
	if (!p)
		return fail(err, ERROR_INVALID, "--sbom-scanner-image needs at least one --sbom-scanner-command");
	TRY(strv_add(&ret->commands, p->rootfs, err));
	return strv_add(&ret->commands, p->context, err);
}

int sbom_check(const struct build_options *o, struct error *err)
{
	CLEANUP(scan_done) struct scan s = {};

	if (!sbom_wanted(o))
		return 0;
	if (!o->sbom_output && !o->sbom_purl && !o->sbom_image_output && !o->sbom_image_purl)
		return fail(err, ERROR_INVALID, "--sbom must be used with one or more of --sbom-image-output, --sbom-image-purl-output, "
			    "--sbom-output, and --sbom-purl-output");
	return scan_init(o, &s, err);
}

/* ---- the scan as a Containerfile ---- */
static void add_replaced(struct buf *to, const char *command, const char *place, size_t n)
{
	const char *word = str_after(place, "/.context") ? "{CONTEXT}" : "{ROOTFS}";

	for (const char *p = command; *p;) {
		const char *rest = str_after(p, word), *out = str_after(p, "{OUTPUT}");
		if (rest)
			buf_add_str(to, place);
		else if (out)
			buf_addf(to, "/.scans/scan%zu.json", n);
		else
			buf_add_char(to, *p);
		p = rest ? rest : out ? out : p + 1;
	}
}

/* Without a shell where none is needed: scanners' images often have none. */
static int add_words(struct buf *to, const char *command, struct error *err)
{
	auto_strv words = {};

	if (strpbrk(command, "<>|&;\"'\\$`*?()\n")) {
		buf_add_str(to, command);
		return 0;
	}
	TRY(strv_split(&words, command, ' ', err));
	buf_add_char(to, '[');
	for (size_t i = 0, n = 0; i < words.n; i++) {
		if (!*words.v[i])
			continue;
		buf_add_str(to, n++ ? "," : "");
		buf_add_json(to, words.v[i]);
	}
	buf_add_char(to, ']');
	return 0;
}

static int add_command(struct buf *to, const char *command, const char *id, bool has_context, size_t *n, struct error *err)
{
	auto_buf text = BUF_INIT(((size_t)1 << 20));
	bool context = strstr(command, "{CONTEXT}") != NULL;

	if (context && !has_context)
		return 0;
	if (!context && !strstr(command, "{ROOTFS}"))
		return 0;
	if (strchr(command, '\n'))
		return fail(err, ERROR_INVALID, "--sbom-scanner-command: line breaks cannot be in a command");
	add_replaced(&text, command, context ? "/.context0" : "/.rootfs", (*n)++);
	TRY(buf_ok(&text, "command of a scanner", err));
	buf_addf(to, "RUN --mount=type=bind,from=%s,target=/.rootfs ", id);
	if (has_context)
		buf_add_str(to, "--mount=type=bind,from=sbom-context,target=/.context0 ");
	TRY(add_words(to, text.data, err));
	buf_add_char(to, '\n');
	return 0;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- builds inside of the build ---- */
struct work {
	struct engine *engine;
	const struct build_request *request;
	struct stage *stage;
	struct scan scan;
	size_t n_scans;
	struct buf sbom, purls;
};

static void work_done(struct work *w)
{
	scan_done(&w->scan);
	stage_done(w->stage);
	buf_done(&w->sbom);
	buf_done(&w->purls);
}

/* The options without what is said about results, bills of materials, and the Containerfile. */
static struct build_options plain_options(const struct build_options *o, bool results)
{
	struct build_options p = *o;

	p.sbom = p.sbom_image = p.sbom_output = p.sbom_purl = p.sbom_image_output = p.sbom_image_purl = p.sbom_merge = NULL;
	p.sbom_commands = (struct strv){};
	if (results)
		return p;
	p.tags = p.outputs = (struct strv){};
	p.push = false;
	p.iidfile = NULL;
	p.sign_by = NULL;
	return p;
}

static int write_text(struct work *w, const char *name, const struct buf *text, struct error *err)
{
	TRY(buf_ok(text, name, err));
	return file_replace(stage_fd(w->stage), name, text->data, text->len, 0644, 0, err);
}

static int run_scanner(struct work *w, const char *id, int *ret_status, struct error *err)
{
	auto_buf text = BUF_INIT(((size_t)1 << 20));
	const struct build_options *o = w->request->options;
	bool has_context = is_directory(w->request->context);
	autofree char *file = NULL, *output = NULL, *context = NULL;
	CLEANUP(build_result_done) struct build_result ignored = {};

	buf_addf(&text, "FROM %s AS scan\nUSER 0\nWORKDIR /.scans\n", w->scan.image);
	for (size_t i = 0; i < w->scan.commands.n; i++)
		TRY(add_command(&text, w->scan.commands.v[i], id, has_context, &w->n_scans, err));
	buf_add_str(&text, "FROM scratch\nCOPY --from=scan /.scans /\n");
	TRY(write_text(w, "scan", &text, err));
	TRY(str_printf(&file, err, "%s/scan", stage_path(w->stage)));
	TRY(str_printf(&output, err, "type=local,dest=%s/out", stage_path(w->stage)));
	TRY(str_printf(&context, err, "sbom-context=%s", has_context ? w->request->context : ""));
	struct build_options scan = { .run = o->run, .remote = o->remote, .files = { &file, 1 }, .outputs = { &output, 1 },
				      .build_contexts = { &context, has_context }, .no_cache = true, .layers = { true, true },
				      .isolation = o->isolation, .pull = o->pull_never ? (char *)"never" : (char *)"missing" };
	const struct build_request r = { .options = &scan, .stdin_fd = -1 };
	if (build_image(w->engine, &r, &ignored, err) >= 0)
		return 0;
	*ret_status = ignored.status;
	return fail_wrap(err, "scanning with %s", w->scan.image);
}

static int read_scans(struct work *w, struct error *err)
{
	auto_strv documents = {};

	for (size_t i = 0; i < w->n_scans; i++) {
		char name[48];
		autofree char *text = NULL;
		snprintf(name, sizeof(name), "out/scan%zu.json", i);
		int r = file_read(stage_fd(w->stage), name, SBOM_BYTES_MAX, &text, NULL, err);
		if (r <= 0)
			return r < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "%s: the command wrote no {OUTPUT}: %s", w->scan.image,
						 w->scan.commands.v[i < w->scan.commands.n ? i : 0]);
		TRY(strv_add(&documents, text, err));
	}
	return sbom_merge(w->scan.merge, &documents, &w->sbom, &w->purls, err);
}

static int write_results(struct work *w, struct error *err)
{
	const struct build_options *o = w->request->options;

	if (o->sbom_output)
		TRY(file_replace(AT_FDCWD, o->sbom_output, w->sbom.data, w->sbom.len, 0644, 0, err));
	if (o->sbom_purl)
		TRY(file_replace(AT_FDCWD, o->sbom_purl, w->purls.data, w->purls.len, 0644, 0, err));
	return 0;
}

static void add_copy(struct buf *to, const char *name, const char *path)
{
	if (!path)
		return;
	buf_addf(to, "COPY [\"%s\",", name);
	buf_add_json(to, path);
	buf_add_str(to, "]\n");
}

/* The image with one more layer, under the names and in the places that were asked for. */
static int add_layer(struct work *w, struct build_result *ret, struct error *err)
{
	const struct build_options *o = w->request->options;
	struct build_options p = plain_options(o, true);
	auto_buf text = BUF_INIT(((size_t)1 << 20));
	autofree char *file = NULL, *pull = strdup("never");
	char before[65];

	memcpy(before, ret->id, sizeof(before));
	build_result_done(ret);
	*ret = (struct build_result){};
	TRY(write_text(w, "sbom", &w->sbom, err));
	TRY(write_text(w, "purls", &w->purls, err));
	buf_addf(&text, "FROM %s\n", before);
	add_copy(&text, "sbom", o->sbom_image_output);
	add_copy(&text, "purls", o->sbom_image_purl);
	TRY(write_text(w, "add", &text, err));
	TRY(str_printf(&file, err, "%s/add", stage_path(w->stage)));
	p.files = (struct strv){ &file, 1 };
	p.build_args = p.build_contexts = (struct strv){};
	p.target = p.from = p.ignorefile = NULL;
	p.pull = pull;
	p.squash = p.squash_all = false;
	struct build_request r = *w->request;
	r.options = &p;
	r.context = stage_path(w->stage);
	r.stdin_fd = -1;
	TRY(build_image(w->engine, &r, ret, err));
	struct strv name = { (char *[]){ before }, 1 };
	struct error ignored;
	CLEANUP(image_removal_done) struct image_removal gone = {};
	image_remove(w->engine, &name, &gone, &ignored);   /* it was nobody's: in use by now means it is left */
	return 0;
}

int sbom_build(struct engine *e, const struct build_request *r, struct build_result *ret, struct error *err)
{
	const struct build_options *o = r->options;
	bool into_image = o->sbom_image_output || o->sbom_image_purl;
	CLEANUP(work_done) struct work w = { .engine = e, .request = r, .sbom = BUF_INIT(SBOM_BYTES_MAX), .purls = BUF_INIT(SBOM_BYTES_MAX) };
	struct build_options main = plain_options(o, !into_image);
	struct build_request first = *r;
	struct store *store;

	TRY(scan_init(o, &w.scan, err));
	TRY(engine_store(e, &store, err));
	TRY(stage_begin(store, "sbom", &w.stage, err));
	first.options = &main;
	TRY(build_image(e, &first, ret, err));
	TRY(run_scanner(&w, ret->id, &ret->status, err));
	TRY(read_scans(&w, err));
	TRY(write_results(&w, err));
	return into_image ? add_layer(&w, ret, err) : 0;
}

int sbom_scan(struct engine *e, const struct build_options *o, const char *id, int dir, int *ret_status, struct error *err)
{
	const struct build_request r = { .options = o, .stdin_fd = -1 };
	CLEANUP(work_done) struct work w = { .engine = e, .request = &r, .sbom = BUF_INIT(SBOM_BYTES_MAX), .purls = BUF_INIT(SBOM_BYTES_MAX) };
	struct store *store;

	TRY(scan_init(o, &w.scan, err));
	TRY(engine_store(e, &store, err));
	TRY(stage_begin(store, "sbom", &w.stage, err));
	TRY(run_scanner(&w, id, ret_status, err));
	TRY(read_scans(&w, err));
	TRY(write_results(&w, err));
	TRY(file_replace(dir, "sbom", w.sbom.data, w.sbom.len, 0644, 0, err));
	return file_replace(dir, "purls", w.purls.data, w.purls.len, 0644, 0, err);
}
