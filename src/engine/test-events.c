/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/units.h"
#include "engine/events-impl.h"

#include <cmocka.h>   /* last: it defines fail() */

#define TIME_NS INT64_C(1500000000123456789)

struct scratch {
	char dir[64], path[96];
	struct events events;
};

static void scratch_make(struct scratch *s)
{
	*s = (struct scratch){ .dir = "/tmp/umiak-test-events-XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/deep/events.log", s->dir);
	s->events = (struct events){ .backend = "file", .path = s->path };
}

static void scratch_done(struct scratch *s)
{
	char deep[96];

	snprintf(deep, sizeof(deep), "%s/deep", s->dir);
	unlink(s->path);
	rmdir(deep);
	assert_int_equal(rmdir(s->dir), 0);
}

static struct event container_event(enum event_status status, const char *name)
{
	return (struct event){ .type = EVENT_CONTAINER, .status = status, .name = name, .id = "0123456789abcdef0123",
			       .image = "quay.io/x:latest", .time_ns = TIME_NS };
}

static void write_event(const struct events *e, const struct event *ev)
{
	struct error err = {};

	if (events_write(e, ev, &err) < 0)
		fail_msg("%s", err.text);
}

static int collect(void *arg, const struct event *ev, struct error *err)
{
	struct buf *b = arg;

	buf_addf(b, "%s-%s,", ev->name ? ev->name : ev->network, event_status_name(ev->status));
	return 0;
}

static void expect(const struct events *e, const char *since, const char *const *filters, const char *want)
{
	auto_buf got = BUF_INIT(1 << 20);
	struct events_query q = { .since = since, .stop_fd = -1 };
	struct error err = {};

	for (; filters && *filters; filters++)
		assert_int_equal(strv_add(&q.filters, *filters, &err), 0);
	if (events_read(e, &q, collect, &got, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(got.len ? got.data : "", want);
	strv_done(&q.filters);
}

static void test_event_line_when_written_and_read(void **state)
{
	auto_strmap labels = {};
	struct error err;
	auto_buf line = BUF_INIT(4096);
	auto_event_read back = {};

	assert_int_equal(strmap_set(&labels, "a", "b \"c\"", &err), 0);
	struct event ev = container_event(EVENT_DIED, "web");
	ev.exit_code = (struct opt_int){ true, 137 };
	ev.oom_killed = (struct opt_bool){ true, true };
	ev.pod_id = "p";
	ev.attributes = &labels;
	setenv("TZ", "UTC", 1);
	event_format_line(&ev, &line);
	assert_string_equal(line.data,
			    "{\"ContainerExitCode\":137,\"OOMKilled\":true,\"ID\":\"0123456789abcdef0123\","
			    "\"Image\":\"quay.io/x:latest\",\"Name\":\"web\",\"Status\":\"died\","
			    "\"Time\":\"2017-07-14T02:40:00.123456789Z\",\"Type\":\"container\",\"PodID\":\"p\","
			    "\"Attributes\":{\"a\":\"b \\\"c\\\"\"}}");
	assert_int_equal(event_parse_line(line.data, line.len, &back), 1);
	assert_int_equal(back.event.status, EVENT_DIED);
	assert_true(back.event.exit_code.set && back.event.exit_code.value == 137 && back.event.oom_killed.value);
	assert_true(back.event.time_ns == TIME_NS);
	assert_string_equal(back.event.pod_id, "p");
	assert_string_equal(strmap_get(back.event.attributes, "a"), "b \"c\"");
}

static void test_event_line_refused_when_garbage(void **state)
{
	static const char *const cases[] = {
		"", "x", "{}", "[]", "{\"Type\":\"container\",\"Status\":\"start\"}",
		"{\"Type\":\"container\",\"Status\":\"dance\",\"Time\":\"2017-07-14T02:40:00Z\"}",
		"{\"Type\":\"boat\",\"Status\":\"start\",\"Time\":\"2017-07-14T02:40:00Z\"}",
		"{\"Type\":\"container\",\"Status\":\"start\",\"Time\":\"noon\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_event_read e = {};   /* cleaning up after a refusal is right, too */
		assert_int_equal(event_parse_line(cases[i], strlen(cases[i]), &e), 0);
	}
}

static void test_event_print_when_kinds_differ(void **state)
{
	auto_strmap labels = {}, driver = {};
	struct error err;

	strmap_set(&labels, "k", "v", &err);
	strmap_set(&driver, "driver", "bridge", &err);
	setenv("TZ", "UTC", 1);
	tzset();
	const struct {
		struct event ev;
		bool truncate;
		const char *want;
	} cases[] = {
		{{.type = EVENT_CONTAINER,
		  .status = EVENT_START,
		  .id = "0123456789abcdef",
		  .name = "n",
		  .image = "i",
		  .attributes = &labels},
		 true,
		 "container start 0123456789ab (image=i, name=n, k=v)"},
		{{.type = EVENT_POD, .status = EVENT_CREATE, .id = "01", .name = "n", .pod_id = "p"},
		 false,
		 "pod create 01 (image=, name=n, pod_id=p)"},
		{{.type = EVENT_CONTAINER,
		  .status = EVENT_HEALTH_STATUS,
		  .id = "01",
		  .name = "n",
		  .image = "i",
		  .health_status = "healthy"},
		 false,
		 "container health_status 01 (image=i, name=n, health_status=healthy, health_failing_streak=0, "
		 "health_log=)"},
		{{.type = EVENT_NETWORK, .status = EVENT_CREATE, .id = "01", .network = "net", .attributes = &driver},
		 false,
		 "network create 01 (name=net, type=bridge)"},
		{{.type = EVENT_NETWORK, .status = EVENT_CONNECT, .id = "01", .network = "net"},
		 false,
		 "network connect 01 (container=01, name=net)"},
		{{.type = EVENT_IMAGE, .status = EVENT_PULL_ERROR, .name = "x", .error = "refused"},
		 false,
		 "image pull-error  x refused"},
		{{.type = EVENT_VOLUME, .status = EVENT_CREATE, .name = "vol"}, false, "volume create vol"},
		{{.type = EVENT_SECRET, .status = EVENT_REMOVE, .id = "s"}, false, "secret remove s"},
		{{.type = EVENT_SYSTEM, .status = EVENT_REFRESH}, false, "system refresh"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf out = BUF_INIT(4096), want = BUF_INIT(4096);
		struct event ev = cases[i].ev;
		ev.time_ns = TIME_NS;
		event_print(&ev, cases[i].truncate, &out);
		buf_addf(&want, "2017-07-14 02:40:00.123456789 +0000 UTC %s", cases[i].want);
		assert_string_equal(out.data, want.data);
	}
}

static void test_events_filters_when_combined(void **state)
{
	struct scratch s;
	auto_strmap labels = {};
	struct error err;

	scratch_make(&s);
	strmap_set(&labels, "app", "web", &err);
	struct event a = container_event(EVENT_START, "alpha"), b = container_event(EVENT_DIED, "beta");
	struct event v = { .type = EVENT_VOLUME, .status = EVENT_CREATE, .name = "vol1", .time_ns = TIME_NS + 1 };
	a.attributes = &labels;
	b.id = "ffff";
	write_event(&s.events, &a);
	write_event(&s.events, &b);
	write_event(&s.events, &v);
	static const struct {
		const char *filters[4], *want;
	} cases[] = {
		{ { NULL }, "alpha-start,beta-died,vol1-create," },
		{ { "container=alpha" }, "alpha-start," },
		{ { "container=0123" }, "alpha-start," },
		{ { "container=alpha", "container=beta" }, "alpha-start,beta-died," },
		{ { "container=alpha", "event=died" }, "" },
		{ { "EVENT=die" }, "beta-died," },
		{ { "Status=start" }, "alpha-start," },
		{ { "type=volume" }, "vol1-create," },
		{ { "volume=vo" }, "vol1-create," },
		{ { "label=app" }, "alpha-start," },
		{ { "label=app=web" }, "alpha-start," },
		{ { "label=app=db" }, "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect(&s.events, NULL, cases[i].filters, cases[i].want);
	expect(&s.events, "2017-07-14T02:40:00.123456789Z", NULL, "vol1-create,");
	scratch_done(&s);
}

static void test_events_refused_when_query_is_bad(void **state)
{
	struct scratch s;
	struct error err;

	scratch_make(&s);
	struct events_query q = { .stop_fd = -1 };
	assert_int_equal(strv_add(&q.filters, "colour=red", &err), 0);
	assert_int_equal(events_read(&s.events, &q, collect, NULL, &err), -1);
	assert_non_null(strstr(err.text, "invalid filter"));
	strv_done(&q.filters);
	q = (struct events_query){ .since = "yesterdayish", .stop_fd = -1 };
	assert_int_equal(events_read(&s.events, &q, collect, NULL, &err), -1);
	q = (struct events_query){ .stop_fd = -1 };
	assert_int_equal(events_read(&(struct events){ .backend = "none" }, &q, collect, NULL, &err), -1);
	assert_string_equal(err.text, "cannot read events with the \"none\" backend");
	scratch_done(&s);
}

/* As Podman's own test 090: 100 events of 95 bytes, a limit of half of it, one more event. */
static void test_events_rotation_when_limit_is_reached(void **state)
{
	struct scratch s;
	auto_buf got = BUF_INIT(1 << 20);
	struct error err;

	scratch_make(&s);
	for (int i = 0; i < 100; i++) {
		char name[16];
		snprintf(name, sizeof(name), "n%02d", i);
		write_event(&s.events, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_PULL, .name = name,
							.time_ns = TIME_NS });
	}
	struct stat st;
	assert_int_equal(stat(s.path, &st), 0);
	s.events.max_size = st.st_size / 2;
	write_event(&s.events,
		    &(struct event){.type = EVENT_IMAGE, .status = EVENT_TAG, .name = "last", .time_ns = TIME_NS});
	struct events_query q = { .stop_fd = -1 };
	assert_int_equal(events_read(&s.events, &q, collect, &got, &err), 0);
	autofree char *begin = NULL;
	assert_int_equal(str_printf(&begin, &err, "%s-log-rotation,n51-pull,", s.path), 0);
	assert_non_null(str_after(got.data, begin));
	assert_true(str_ends(got.data, "n99-pull,") == false);
	assert_true(str_ends(got.data, "-log-rotation,last-tag,"));
	scratch_done(&s);
}

#define WRITERS 4
#define EACH 300

static void write_many(const struct events *e, int writer)
{
	for (int i = 0; i < EACH; i++) {
		char name[32];
		snprintf(name, sizeof(name), "w%d-%d", writer, i);
		write_event(e, &(struct event){ .type = EVENT_CONTAINER, .status = EVENT_CREATE, .name = name });
		usleep(3000);   /* a follower may be behind by what a rotation keeps, half of the file */
	}
	_exit(0);
}

struct follower {
	const struct events *events;
	int stop;
	int seen[WRITERS];   /* how many of each writer, in order */
	bool disorder;
};

static int count_in_order(void *arg, const struct event *ev, struct error *err)
{
	struct follower *f = arg;
	int writer, number;

	if (ev->type != EVENT_CONTAINER)
		return 0;
	assert_int_equal(sscanf(ev->name, "w%d-%d", &writer, &number), 2);
	if (f->seen[writer] != number)
		f->disorder = true;
	f->seen[writer] = number + 1;
	return 0;
}

static void *follow(void *arg)
{
	struct follower *f = arg;
	struct events_query q = { .since = "1h", .stream = true, .stop_fd = f->stop };
	struct error err;

	assert_int_equal(events_read(f->events, &q, count_in_order, f, &err), 0);
	return NULL;
}

/* Several processes write into a log that is rotated all the time; a follower sees each event once, in order. */
static void test_events_follow_when_many_write_and_rotate(void **state)
{
	struct scratch s;
	pthread_t thread;

	scratch_make(&s);
	s.events.max_size = 100000;
	struct follower f = { .events = &s.events, .stop = eventfd(0, EFD_CLOEXEC) };
	assert_int_equal(pthread_create(&thread, NULL, follow, &f), 0);
	usleep(100000);
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0)
			write_many(&s.events, i);
	for (int i = 0; i < WRITERS; i++)
		assert_true(wait(NULL) > 0);
	for (int i = 0; i < 500; i++) {
		usleep(20000);
		if (f.seen[0] + f.seen[1] + f.seen[2] + f.seen[3] >= WRITERS * EACH)
			break;
	}
	assert_int_equal(eventfd_write(f.stop, 1), 0);
	pthread_join(thread, NULL);
	close(f.stop);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(f.seen[i], EACH);
	assert_false(f.disorder);
	scratch_done(&s);
}

static void test_event_journal_entry_when_read(void **state)
{
	static const char entry[] = "__REALTIME_TIMESTAMP=1\nPODMAN_EVENT=died\nPODMAN_TYPE=container\n"
				    "PODMAN_TIME=2017-07-14T02:40:00.123456789Z\nPODMAN_NAME=web\nPODMAN_ID=01\n"
				    "PODMAN_EXIT_CODE=3\nPODMAN_LABELS={\"a\":\"b\"}\nMESSAGE=x\n\n";
	struct error err;
	auto_event_read e = {};
	struct event_read none = {};

	assert_int_equal(event_parse_journal(entry, sizeof(entry) - 1, &e, &err), 1);
	assert_int_equal(e.event.status, EVENT_DIED);
	assert_int_equal(e.event.exit_code.value, 3);
	assert_string_equal(strmap_get(e.event.attributes, "a"), "b");
	assert_int_equal(event_parse_journal("MESSAGE=started\n\n", 17, &none, &err), 0);
}

static void test_event_template_when_formatted(void **state)
{
	auto_value_pool pool = VALUE_POOL_INIT;
	struct event ev = container_event(EVENT_DIED, "web");
	struct value v = value_struct(&event_value_type, &ev), field;
	struct error err;
	static const struct {
		const char *name, *want;
	} cases[] = { { "Name", "web" }, { "Status", "died" }, { "Type", "container" }, { "Time", "1500000000" },
		      { "ContainerExitCode", "<nil>" }, { "Attributes", "map[]" } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf out = BUF_INIT(4096);
		assert_int_equal(value_get(&pool, &v, cases[i].name, &field, &err), 1);
		value_print(&pool, &out, &field);
		assert_string_equal(out.data, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_line_when_written_and_read),
		cmocka_unit_test(test_event_line_refused_when_garbage),
		cmocka_unit_test(test_event_print_when_kinds_differ),
		cmocka_unit_test(test_events_filters_when_combined),
		cmocka_unit_test(test_events_refused_when_query_is_bad),
		cmocka_unit_test(test_events_rotation_when_limit_is_reached),
		cmocka_unit_test(test_events_follow_when_many_write_and_rotate),
		cmocka_unit_test(test_event_journal_entry_when_read),
		cmocka_unit_test(test_event_template_when_formatted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
