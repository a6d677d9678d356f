/* SPDX-License-Identifier: Apache-2.0
 * monitor/monitor.h - the inside of umiak-monitor: one struct, a few files working on it.
 *
 * The program is a single-threaded ppoll() loop that allocates nothing: everything lives in one static struct
 * monitor, most of whose pages are never touched. Files: main.c (set-up and loop), streams.c (container -> log and
 * clients), clients.c (protocol), log.c / log-journald.c (writing), timers.c (health, time-out, children), finish.c
 * (the end). Functions here never fail the container: what cannot be done is dropped. */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor/config.h"
#include "monitor/protocol.h"

#define CHUNK_SIZE 32768        /* bytes read at once */
#define LOG_BUFFER_SIZE 16384   /* whole records collected for one write */
#define LOG_TEXT_MAX 8192       /* text of one record; longer lines become several partial ones */

enum stream_id { STREAM_OUT, STREAM_ERR, STREAM_MAX };

/* One direction container -> world. `data` holds bytes that are in the log already but not yet with every client. */
struct stream {
	int fd;              /* -1: closed */
	char *data;          /* chunk[], or at the end a mapping with all that is left */
	size_t len;
	bool partial;        /* the log's last record of this stream has no end of line yet */
};

struct client {
	int fd;                    /* -1: free slot */
	uint32_t role;
	bool greeted;              /* HELLO seen or inherited */
	bool exit_sent;
	uint8_t smaller;           /* its socket takes messages of MONITOR_DATA_MAX >> smaller bytes only */
	size_t sent[STREAM_MAX];   /* how much of each stream's data it has */
};

struct log {
	enum monitor_log_driver driver;
	int fd;
	int64_t size, max_size;
	uint32_t keep;
	const char *path, *fields;
	bool torn;               /* the last write was cut: begin with a newline */
	const struct monitor_zone *zone;
	size_t used;
	char buffer[LOG_BUFFER_SIZE] __attribute__((aligned(4096)));
};

struct timers {              /* CLOCK_MONOTONIC ns; 0: off */
	int64_t timeout, health, trim, finish;
};

enum phase { PHASE_CREATED, PHASE_STARTING, PHASE_RUNNING, PHASE_FINISHING };

struct monitor {
	const struct monitor_config *config;
	enum phase phase;
	int signal_fd, listen_fd, start_fd, stdin_fd, notify_fd, pidfd;
	pid_t pid;
	int starter;             /* client that sent START and waits for STARTED; -1 */
	bool reaped;             /* init is gone: never signal the pid again */
	bool cleaned;            /* an owner said CLEANED, or the clean-up command runs */
	bool want_ready;         /* READY=1 not sent yet */
	int64_t health_interval;
	pid_t health_pid;        /* 0: no check is running */
	pid_t cleanup_pid;       /* 0: none */
	struct monitor_exit exit;
	struct timers timers;
	struct stream stream[STREAM_MAX];
	struct client client[MONITOR_CLIENTS_MAX];
	struct log log;
	char chunk[STREAM_MAX][CHUNK_SIZE] __attribute__((aligned(4096)));
};

int64_t monitor_now(void);          /* CLOCK_MONOTONIC, ns */
int64_t monitor_realtime(void);     /* CLOCK_REALTIME, ns */
void close_fd(int *fd);             /* closes and sets -1 */

/* ---- streams.c ---- */
/* Has every client that wants the stream got all of its data? Then more may be read. */
bool stream_is_drained(const struct monitor *m, enum stream_id s);
/* Reads once, logs, passes on. */
void stream_pump(struct monitor *m, enum stream_id s);
/* After the container's end: takes what is left in the pipe at once, so that the log is complete before anybody
 * hears of the exit, however slow the clients are. */
void stream_finish(struct monitor *m, enum stream_id s);
/* Gives the pages of the chunks back when nothing is in them. */
void streams_trim(struct monitor *m);

/* ---- clients.c ---- */
void clients_init(struct monitor *m);
void client_accept(struct monitor *m);
void client_close(struct monitor *m, size_t i);
/* Handles one message. */
void client_read(struct monitor *m, size_t i);
/* Sends what the client has not got yet: stream data, then EXIT. */
void client_flush(struct monitor *m, size_t i);
bool client_wants_output(const struct monitor *m, size_t i);
/* False when the client is gone (and closed). A full socket drops the message except for stream data. */
bool client_send(struct monitor *m, size_t i, uint32_t type, uint32_t value, const void *data, size_t len);
void clients_close_stdin(struct monitor *m);   /* the container's stdin and every client's copy */

/* ---- log.c, log-journald.c ---- */
void log_init(struct log *l, const struct monitor_config *c);
/* Appends len bytes of output. *partial: this stream's unfinished line, kept by the caller. */
void log_add(struct log *l, enum stream_id s, const char *data, size_t len, bool *partial);
/* Ends an unfinished line. */
void log_end_line(struct log *l, enum stream_id s, bool *partial);
void log_flush(struct log *l);
int log_reopen(struct log *l);    /* 0 or -errno */
int log_rotate(struct log *l);
void log_journald_init(struct log *l);
void log_journald_add(struct log *l, enum stream_id s, const char *text, size_t len, bool partial);
/* "2026-11-22T10:00:00.123456789+01:00": 35 characters, not terminated. Returns the length. */
size_t log_format_time(const struct monitor_zone *zone, int64_t unix_ns, char out[40]);

/* ---- timers.c ---- */
void timers_start(struct monitor *m);   /* the container runs from now on */
/* Nanoseconds until the next timer; -1: none. */
int64_t timers_next(const struct monitor *m);
void timers_run(struct monitor *m);
void monitor_set_timeout(struct monitor *m, int64_t ns);
void monitor_set_health_interval(struct monitor *m, int64_t ns);
/* Starts a program with the config's environment; returns its pid or -1. */
pid_t child_spawn(struct monitor *m, const struct monitor_list *argv);
/* Becomes the program. Returns only on failure. */
void child_exec(struct monitor *m, const struct monitor_list *argv);
/* Reaps every child that ended. */
void children_reap(struct monitor *m);
/* Sends a signal to the container's first process; 0 or -errno. */
int container_signal(struct monitor *m, int sig);
void container_kill(struct monitor *m);

/* ---- finish.c ---- */
/* The container's first process ended with this wait(2) status; known: false when nobody can say. */
void container_exited(struct monitor *m, int status, bool known);
/* Adoption: the pidfd became readable. */
void watch_exited(struct monitor *m);
/* Everything told and cleaned up? */
bool finish_is_done(struct monitor *m);
void finish_step(struct monitor *m);

/* ---- notify.c ---- */
void notify_started(struct monitor *m);
void notify_healthy(struct monitor *m);
void notify_forward(struct monitor *m);   /* notify_fd is readable */
