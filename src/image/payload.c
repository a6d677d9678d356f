/* SPDX-License-Identifier: Apache-2.0 */
#include "image/payload.h"

#include <string.h>

#include "base/json.h"

#define ATOMIC_TYPE "atomic container signature"
#define SIGSTORE_TYPE "cosign container image signature"

void payload_done(struct op_signed *s)
{
	fields_done(worker_ops[OP_PARSE_PAYLOAD].reply, s);
}

/* An object (name NULL: parent itself) with no other members than these. */
static int take_object(struct json_object *parent, const char *name, const char *const *members, struct json_object **ret,
		       struct error *err)
{
	struct json_object *o = parent;

	if (name && (!json_object_object_get_ex(parent, name, &o) || !json_object_is_type(o, json_type_object)))
		return fail(err, ERROR_CORRUPT, "signature: \"%s\" is missing", name);
	json_object_object_foreach(o, key, value) {
		bool known = false;
		(void)value;
		for (size_t i = 0; members[i]; i++)
			known |= streq(members[i], key);
		if (!known)
			return fail(err, ERROR_CORRUPT, "signature: unknown member \"%.60s\"", key);
	}
	*ret = o;
	return 0;
}

static int take_text(struct json_object *o, const char *name, char **ret, struct error *err)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_string))
		return fail(err, ERROR_CORRUPT, "signature: \"%s\" is missing", name);
	const char *s = json_object_get_string(v);
	if ((size_t)json_object_get_string_len(v) != strlen(s))
		return fail(err, ERROR_CORRUPT, "signature: \"%s\": a NUL byte", name);
	return str_set(ret, s, err);
}

static int take_optional(struct json_object *tree, struct op_signed *ret, struct error *err)
{
	struct json_object *o, *v;

	if (!json_object_object_get_ex(tree, "optional", &o) || !o)
		return 0;
	if (!json_object_is_type(o, json_type_object))
		return fail(err, ERROR_CORRUPT, "signature: \"optional\" is no object");
	if (json_object_object_get_ex(o, "creator", &v) && take_text(o, "creator", &ret->creator, err) < 0)
		return -1;
	if (json_object_object_get_ex(o, "timestamp", &v)) {
		if (!json_object_is_type(v, json_type_int))
			return fail(err, ERROR_CORRUPT, "signature: \"timestamp\" is no whole number");
		ret->time = json_object_get_int64(v);
	}
	return 0;
}

static int parse(struct json_object *tree, bool sigstore, struct op_signed *ret, struct error *err)
{
	static const char *const top[] = { "critical", "optional", NULL }, *const image[] = { "docker-manifest-digest", NULL };
	static const char *const critical[] = { "type", "image", "identity", NULL };
	static const char *const identity[] = { "docker-reference", NULL };
	const char *want = sigstore ? SIGSTORE_TYPE : ATOMIC_TYPE;
	struct json_object *c, *o;
	autofree char *type = NULL;

	if (!json_object_is_type(tree, json_type_object))
		return fail(err, ERROR_CORRUPT, "signature: not a JSON object");
	TRY(take_object(tree, NULL, top, &o, err));
	TRY(take_object(tree, "critical", critical, &c, err));
	TRY(take_text(c, "type", &type, err));
	if (!streq(type, want))
		return fail(err, ERROR_CORRUPT, "signature: its type is \"%.60s\", not \"%s\"", type, want);
	TRY(take_object(c, "image", image, &o, err));
	TRY(take_text(o, "docker-manifest-digest", &ret->digest, err));
	if (!digest_is_valid(ret->digest))
		return fail(err, ERROR_CORRUPT, "signature: \"%.80s\" is no digest", ret->digest);
	TRY(take_object(c, "identity", identity, &o, err));
	TRY(take_text(o, "docker-reference", &ret->reference, err));
	return take_optional(tree, ret, err);
}

int payload_parse(const void *bytes, size_t len, bool sigstore, struct op_signed *ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = PAYLOAD_BYTES_MAX, .max_depth = 16, .unique_keys = true };
	auto_json *tree = NULL;

	TRY(json_parse("signature", bytes, len, &limits, &tree, err));
	int r = parse(tree, sigstore, ret, err);
	if (r < 0)
		payload_done(ret);
	return r;
}

int payload_format(const struct op_signed *s, bool sigstore, struct buf *to, struct error *err)
{
	buf_add_str(to, "{\"critical\":{\"identity\":{\"docker-reference\":");
	buf_add_json(to, s->reference);
	buf_add_str(to, "},\"image\":{\"docker-manifest-digest\":");
	buf_add_json(to, s->digest);
	buf_addf(to, "},\"type\":\"%s\"},\"optional\":", sigstore ? SIGSTORE_TYPE : ATOMIC_TYPE);
	buf_add_str(to, "{\"creator\":");
	buf_add_json(to, s->creator ? s->creator : "");
	if (s->time)
		buf_addf(to, ",\"timestamp\":%lld", (long long)s->time);
	buf_add_str(to, "}}");
	return buf_ok(to, "signature", err);
}
