/* SPDX-License-Identifier: Apache-2.0 */
#include "os/systemd-bus.h"

#include <dlfcn.h>
#include <string.h>

#include "os/ns.h"

void bus_done(struct bus *b)
{
	if (b->bus)
		b->flush_close_unref(b->bus);
}

static int bus_symbols(struct bus *b, struct error *err)
{
	const struct { const char *name; void *at; } symbols[] = {
		{ "sd_bus_open_system", &b->open_system }, { "sd_bus_open_user", &b->open_user },
		{ "sd_bus_flush_close_unref", &b->flush_close_unref }, { "sd_bus_message_new_method_call", &b->new_call },
		{ "sd_bus_message_append", &b->append }, { "sd_bus_message_append_array", &b->append_array },
		{ "sd_bus_message_open_container", &b->open_container },
		{ "sd_bus_message_close_container", &b->close_container }, { "sd_bus_call", &b->call },
		{ "sd_bus_path_encode", &b->path_encode }, { "sd_bus_get_property_trivial", &b->get_trivial },
		{ "sd_bus_message_unref", &b->message_unref }, { "sd_bus_error_free", &b->error_free },
	};

	b->lib = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		void *sym = b->lib ? dlsym(b->lib, symbols[i].name) : NULL;
		if (!sym)
			return fail(err, ERROR_UNSUPPORTED, "cgroup manager systemd: libsystemd is not installed: use "
							    "--cgroup-manager=cgroupfs");
		memcpy(symbols[i].at, &sym, sizeof(sym));
	}
	return 0;
}

bool bus_is_user_session(void)
{
	return geteuid() != 0 || !ns_in_initial_user();
}

int bus_open(struct bus *b, struct error *err)
{
	bool user = bus_is_user_session();

	if (access("/run/systemd/system", F_OK) < 0)
		return fail(err, ERROR_UNSUPPORTED, "cgroup manager systemd: systemd is not running here: use "
						    "--cgroup-manager=cgroupfs");
	TRY(bus_symbols(b, err));
	int r = user ? b->open_user(&b->bus) : b->open_system(&b->bus);
	return r < 0 ? fail_with(err, -r, "connect to the %s bus of systemd", user ? "user" : "system") : 0;
}

int bus_manager_call(struct bus *b, void **m, const char *member)
{
	return b->new_call(b->bus, m, SYSTEMD_SERVICE, SYSTEMD_OBJECT, SYSTEMD_MANAGER, member);
}

static enum error_kind kind_of(const struct bus_error *e)
{
	if (streq0(e->name, SYSTEMD_SERVICE ".UnitExists"))
		return ERROR_EXISTS;
	return streq0(e->name, SYSTEMD_SERVICE ".NoSuchUnit") ? ERROR_NOT_FOUND : ERROR_SYSTEM;
}

int bus_call(struct bus *b, void *m, const char *what, struct error *err)
{
	struct bus_error e = { 0 };
	void *reply = NULL;
	int r = b->call(b->bus, m, SYSTEMD_WAIT_NS / 1000, &e, &reply);

	b->message_unref(m);
	if (reply)
		b->message_unref(reply);
	if (r < 0) {
		fail_with(err, -r, "%s%s%s", what, e.message ? ": " : "", e.message ? e.message : "");
		err->kind = kind_of(&e);
	}
	b->error_free(&e);
	return r < 0 ? -1 : 0;
}

/* ---- limits ---- */
static int put_u64(struct bus *b, void *m, const char *name, uint64_t v)
{
	return b->append(m, "(sv)", name, "t", v);
}

int bus_put_bool(struct bus *b, void *m, const char *name, bool v)
{
	return b->append(m, "(sv)", name, "b", (int)v);
}

static uint64_t limit_or_max(int64_t v)
{
	return v < 0 ? UINT64_MAX : (uint64_t)v;
}

static int put_memory(struct bus *b, void *m, const struct cgroup_memory *mem, bool v2)
{
	if (mem->limit.set && mem->limit.value)
		TRY(put_u64(b, m, v2 ? "MemoryMax" : "MemoryLimit", limit_or_max(mem->limit.value)));
	if (v2 && mem->reservation.set && mem->reservation.value)
		TRY(put_u64(b, m, "MemoryLow", limit_or_max(mem->reservation.value)));
	if (v2 && mem->swap.set && mem->swap.value && mem->limit.value > 0 && mem->swap.value >= mem->limit.value)
		TRY(put_u64(b, m, "MemorySwapMax", (uint64_t)(mem->swap.value - mem->limit.value)));
	return 0;
}

/* "0-3,7" as bits, lowest first; numbers beyond the room are left out. */
static int put_list(struct bus *b, void *m, const char *name, const char *list)
{
	uint8_t bits[1024] = {};
	size_t used = 0;

	if (str_empty(list) || !cgroup_list_is_valid(list))
		return 0;   /* cgroup_set() has the sentence for it */
	for (const char *p = list; *p; p += *p == ',') {
		unsigned long from = strtoul(p, (char **)&p, 10), to = *p == '-' ? strtoul(p + 1, (char **)&p, 10) : from;
		for (unsigned long i = from; i <= to && i / 8 < sizeof(bits); i++) {
			bits[i / 8] |= (uint8_t)(1u << i % 8);
			used = i / 8 + 1 > used ? i / 8 + 1 : used;
		}
	}
	TRY(b->open_container(m, 'r', "sv"));
	TRY(b->append(m, "s", name));
	TRY(b->open_container(m, 'v', "ay"));
	TRY(b->append_array(m, 'y', bits, used));
	TRY(b->close_container(m));
	return b->close_container(m);
}

static int put_device(struct bus *b, void *m, const char *name, const struct cgroup_throttle_device *d)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/block/%lld:%lld", (long long)d->major, (long long)d->minor);
	return b->append(m, "(sv)", name, "a(st)", 1, path, d->rate);
}

static int put_devices(struct bus *b, void *m, const char *name, const struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		TRY(put_device(b, m, name, &((const struct cgroup_throttle_device *)l->v)[i]));
	return 0;
}

static int put_blkio(struct bus *b, void *m, const struct cgroup_blkio *io)
{
	const struct cgroup_weight_device *w = io->weight_device.v;

	if (io->weight.set && io->weight.value)
		TRY(put_u64(b, m, "IOWeight", cgroup_io_weight(io->weight.value)));
	for (size_t i = 0; i < io->weight_device.n; i++)
		if (w[i].weight.set)
			TRY(put_device(b, m, "IODeviceWeight",
				       &(struct cgroup_throttle_device){ w[i].major, w[i].minor, cgroup_io_weight(w[i].weight.value) }));
	TRY(put_devices(b, m, "IOReadBandwidthMax", &io->read_bps));
	TRY(put_devices(b, m, "IOWriteBandwidthMax", &io->write_bps));
	TRY(put_devices(b, m, "IOReadIOPSMax", &io->read_iops));
	return put_devices(b, m, "IOWriteIOPSMax", &io->write_iops);
}

static int put_v2(struct bus *b, void *m, const struct cgroup_resources *r)
{
	TRY(put_list(b, m, "AllowedCPUs", r->cpu.cpus));
	TRY(put_list(b, m, "AllowedMemoryNodes", r->cpu.mems));
	return put_blkio(b, m, &r->blkio);
}

int bus_put_limits(struct bus *b, void *m, const struct cgroup_resources *r, bool v2)
{
	uint64_t period = r->cpu.period.set && r->cpu.period.value ? r->cpu.period.value : 100000;

	TRY(put_memory(b, m, &r->memory, v2));
	if (r->cpu.shares.set && r->cpu.shares.value)
		TRY(put_u64(b, m, v2 ? "CPUWeight" : "CPUShares",
			    v2 ? cgroup_shares_to_weight(r->cpu.shares.value) : r->cpu.shares.value));
	/* systemd rounds to 10 ms a second, upwards: so do we, that a reload changes nothing */
	if (r->cpu.quota.set && r->cpu.quota.value > 0)
		TRY(put_u64(b, m, "CPUQuotaPerSecUSec",
			    ((uint64_t)r->cpu.quota.value * 1000000 / period + 9999) / 10000 * 10000));
	if (r->pids.set)
		TRY(put_u64(b, m, "TasksMax", r->pids.value > 0 ? (uint64_t)r->pids.value : UINT64_MAX));
	return v2 ? put_v2(b, m, r) : 0;
}
