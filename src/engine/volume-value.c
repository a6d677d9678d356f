/* SPDX-License-Identifier: Apache-2.0
 * engine/volume-value.c - a volume as templates and JSON of `volume ls` and `volume inspect` show it: the record's rows,
 * and what is no part of the record. */
#include "base/json.h"
#include "engine/volume.h"

#define VOLUME const struct volume *v = self
#define METHOD(name) static int name(const void *self, struct value_call *c, struct value *ret, struct error *err)
#define DONE (void)v, (void)c, (void)err; return 0

METHOD(mount_count) { VOLUME; *ret = value_uint(v->mount_count); DONE; }
/* Locks of volumes have names here; images' volumes and plugins' time-outs are the engine's, not the volume's. */
METHOD(zero) { VOLUME; *ret = value_int(0); DONE; }
METHOD(nothing) { VOLUME; *ret = value_str(""); DONE; }

METHOD(status)
{
	static const struct strmap none = {};
	VOLUME;
	*ret = value_strmap(&none);
	DONE;
}

/* In lists labels are text. */
METHOD(list_labels)
{
	VOLUME;
	auto_buf text = BUF_INIT(1 << 20);

	for (size_t i = 0; i < v->labels.n; i++)
		buf_addf(&text, "%s%s=%s", i ? "," : "", v->labels.v[i].key, v->labels.v[i].value);
	TRY(buf_ok(&text, "labels", err));
	*ret = value_strf(c->pool, "%s", text.data ? text.data : "");
	DONE;
}

static int to_json(const void *self, struct json_object **ret, struct error *err)
{
	VOLUME;
	auto_json *o = NULL;

	TRY(fields_save(volume_rows, FIELD_COLUMN_JSON, v, &o, err));
	TRY(json_add(o, "MountCount", json_object_new_uint64(v->mount_count), err));
	TRY(json_add(o, "LockNumber", json_object_new_int64(0), err));
	*ret = take_ptr(o);
	return 0;
}

#define MORE_MEMBERS { "MountCount", mount_count }, { "LockNumber", zero }, { "Timeout", zero }, { "StorageID", nothing }, { "Status", status }
static const struct value_method methods[] = { MORE_MEMBERS, {} }, list_methods[] = { { "Labels", list_labels }, MORE_MEMBERS, {} };
const struct value_type volume_value_type = { .name = "entities.VolumeInspectReport", .rows = volume_rows, .methods = methods, .json = to_json };
const struct value_type volume_list_value_type = { .name = "entities.VolumeListReport", .rows = volume_rows, .methods = list_methods,
					     .json = to_json };
