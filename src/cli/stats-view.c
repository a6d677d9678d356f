/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stats-view.h"

#include "base/units.h"

#define SELF const struct stats_row *r = self
#define METHOD(name) static int name(const void *self, struct value_call *c, struct value *ret, struct error *err)
#define DONE (void)err; return 0

static struct value percent(struct value_call *c, double n)
{
	return value_strf(c->pool, "%.2f%%", n);
}

static struct value pair(struct value_call *c, uint64_t a, uint64_t b, bool binary)
{
	char x[24], y[24];

	if (binary)
		return value_strf(c->pool, "%s / %s", size_format_binary((int64_t)a, x), size_format_binary((int64_t)b, y));
	return value_strf(c->pool, "%s / %s", size_format((int64_t)a, x), size_format((int64_t)b, y));
}

METHOD(row_id) { SELF; *ret = value_strf(c->pool, "%.*s", r->full_ids ? 64 : 12, r->id); DONE; }
METHOD(row_pod) { SELF; *ret = value_strf(c->pool, "%.*s", r->full_ids ? 64 : 12, r->pod); DONE; }
METHOD(row_cpu) { SELF; *ret = percent(c, r->s.cpu); DONE; }
METHOD(row_average) { SELF; *ret = percent(c, r->s.average); DONE; }
METHOD(row_memory_percent) { SELF; *ret = percent(c, r->s.memory_percent); DONE; }
METHOD(row_memory) { SELF; *ret = pair(c, r->s.memory, r->s.memory_limit, false); DONE; }
METHOD(row_memory_bytes) { SELF; *ret = pair(c, r->s.memory, r->s.memory_limit, true); DONE; }
METHOD(row_net) { SELF; *ret = pair(c, r->s.rx, r->s.tx, false); DONE; }
METHOD(row_block) { SELF; *ret = pair(c, r->s.read, r->s.written, false); DONE; }
METHOD(row_pids) { SELF; *ret = value_strf(c->pool, "%llu", (unsigned long long)r->s.pids); DONE; }

static const char *cpu_time(const struct stats_row *r, char out[40])
{
	return duration_format((int64_t)r->s.cpu_ns, out);
}
METHOD(row_cpu_time) { SELF; char t[40]; *ret = value_strf(c->pool, "%s", cpu_time(r, t)); DONE; }

static int save_network(const struct field *f, const void *at, struct json_object **ret, struct error *err)
{
	(void)f;
	return ctr_stats_network(*(const int64_t *)at, ret, err);
}
static const struct field_custom network = { .save = save_network };

#define ROW struct stats_row
static const struct field raw_rows[] = {
	{ .json = "Name", F_STR(ROW, name) }, { .json = "AvgCPU", F_DOUBLE(ROW, s.average) }, { .json = "CPU", F_DOUBLE(ROW, s.cpu) },
	{ .json = "CPUNano", F_UINT(ROW, s.cpu_ns) }, { .json = "MemLimit", F_UINT(ROW, s.memory_limit) },
	{ .json = "BlockInput", F_UINT(ROW, s.read) }, { .json = "BlockOutput", F_UINT(ROW, s.written) },
	{ .json = "PIDs", F_UINT(ROW, s.pids) }, { .json = "Duration", F_INT(ROW, s.running_ns) },
	{ .json = "CPUSystemNano", F_UINT(ROW, s.cpu_system_ns) }, { .json = "SystemNano", F_INT(ROW, s.taken) },
	{ .json = "NetInput", F_UINT(ROW, s.rx) }, { .json = "NetOutput", F_UINT(ROW, s.tx) },
	{ .json = "Network", F_CUSTOM(ROW, s.pid, &network) }, { .json = "PerCPU", F_NUMBERS(ROW, per_cpu) }, {}
};

METHOD(row_container) { SELF; *ret = value_strf(c->pool, "%s", r->id); DONE; }

static const struct value_method methods[] = {
	{ "ID", row_id }, { "ContainerID", row_container }, { "CPUPerc", row_cpu }, { "AVGCPU", row_average }, { "MemPerc", row_memory_percent },
	{ "MemUsage", row_memory }, { "MemUsageBytes", row_memory_bytes }, { "NetIO", row_net }, { "BlockIO", row_block },
	{ "PIDS", row_pids }, { "UpTime", row_cpu_time }, { "Up", row_cpu_time }, {}
};

static int add(struct json_object *o, const char *key, struct error *err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int add(struct json_object *o, const char *key, struct error *err, const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return json_add_str(o, key, text, err);
}

static int row_json(const void *self, struct json_object **ret, struct error *err)
{
	SELF;
	auto_json *o = json_object_new_object();
	char a[24], b[24], t[40];

	if (!o)
		return fail_oom(err);
	TRY(add(o, "id", err, "%.*s", r->full_ids ? 64 : 12, r->id));
	TRY(json_add_str(o, "name", r->name, err));
	TRY(json_add_str(o, "cpu_time", cpu_time(r, t), err));
	TRY(add(o, "cpu_percent", err, "%.2f%%", r->s.cpu));
	TRY(add(o, "avg_cpu", err, "%.2f%%", r->s.average));
	TRY(add(o, "mem_usage", err, "%s / %s", size_format((int64_t)r->s.memory, a), size_format((int64_t)r->s.memory_limit, b)));
	TRY(add(o, "mem_percent", err, "%.2f%%", r->s.memory_percent));
	TRY(add(o, "net_io", err, "%s / %s", size_format((int64_t)r->s.rx, a), size_format((int64_t)r->s.tx, b)));
	TRY(add(o, "block_io", err, "%s / %s", size_format((int64_t)r->s.read, a), size_format((int64_t)r->s.written, b)));
	TRY(add(o, "pids", err, "%llu", (unsigned long long)r->s.pids));
	*ret = take_ptr(o);
	return 0;
}
const struct value_type stats_row_type = { .name = "containers.containerStats", .rows = raw_rows, .methods = methods, .json = row_json };

/* ---- pods ---- */
static const struct value_method pod_methods[] = {
	{ "Pod", row_pod }, { "CID", row_id }, { "CPU", row_cpu }, { "MemUsage", row_memory }, { "MemUsageBytes", row_memory_bytes },
	{ "Mem", row_memory_percent }, { "NetIO", row_net }, { "BlockIO", row_block }, { "PIDS", row_pids }, {}
};
static const struct field pod_rows[] = { { .json = "Name", F_STR(ROW, name) }, {} };

static int pod_json(const void *self, struct json_object **ret, struct error *err)
{
	SELF;
	auto_json *o = json_object_new_object();
	char a[24], b[24];

	if (!o)
		return fail_oom(err);
	TRY(add(o, "CPU", err, "%.2f%%", r->s.cpu));
	TRY(add(o, "MemUsage", err, "%s / %s", size_format((int64_t)r->s.memory, a), size_format((int64_t)r->s.memory_limit, b)));
	TRY(add(o, "MemUsageBytes", err, "%s / %s", size_format_binary((int64_t)r->s.memory, a),
		size_format_binary((int64_t)r->s.memory_limit, b)));
	TRY(add(o, "Mem", err, "%.2f%%", r->s.memory_percent));
	TRY(add(o, "NetIO", err, "%s / %s", size_format((int64_t)r->s.rx, a), size_format((int64_t)r->s.tx, b)));
	TRY(add(o, "BlockIO", err, "%s / %s", size_format((int64_t)r->s.read, a), size_format((int64_t)r->s.written, b)));
	TRY(add(o, "PIDS", err, "%llu", (unsigned long long)r->s.pids));
	TRY(add(o, "Pod", err, "%.12s", r->pod));
	TRY(add(o, "CID", err, "%.12s", r->id));
	TRY(json_add_str(o, "Name", r->name, err));
	*ret = take_ptr(o);
	return 0;
}
const struct value_type pod_stats_row_type = { .name = "entities.PodStatsReport", .rows = pod_rows, .methods = pod_methods,
					       .json = pod_json };
