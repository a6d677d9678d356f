/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-run.h - (internal) one run of blobs: what the state machine (image-copy-run.c) and the requests it
 * makes (image-copy-bytes.c) share. */
#pragma once
#include <pthread.h>

#include "engine/image-copy-internal.h"

#define JOBS_MAX 16

enum step { START, TAKEN, ASKED, RECALLED, MOUNTED, MOVED, ENDED, ASKED_AGAIN, SENT, DONE };

struct call {
	struct worker *worker;
	int id;                     /* 0: answered */
	enum worker_op op;
	bool counts;                /* its progress is the blob's */
};

/* A tar of the store while a thread of ours makes it into a pipe. */
struct feed {
	bool running;
	pthread_t thread;
	struct image_tar tar;
	int out;                    /* the pipe's writing end, the thread's */
	int result;
	struct error error;
};

struct job {
	struct copy_blob *blob;
	enum step step;
	struct call calls[3];
	size_t n_calls;
	struct error error;         /* kind NONE: none yet */
	bool found, said;           /* the registry's answer; the line was printed */
	size_t mount;               /* next repository to try */
	bool by_file;               /* a piped upload failed: again by way of a file */
	int scratch;
	char *location;             /* of an upload that waits for the digest */
	struct op_unpacked packed;
	struct worker *packer;
	struct feed feed;
};

struct run {
	struct copy_from *from;
	struct copy_to *to;
	struct job jobs[JOBS_MAX];
	const struct copy_blob *config;   /* its line is to come */
	bool config_there;
	size_t n_jobs;              /* slots */
	struct copy_blob *blobs;
	size_t n, next, done;
	struct worker *fetch, *push;
	int64_t fetch_endpoint, push_endpoint;
	char *program;
	bool cannot_mount;          /* the registry did not take a blob from the next repository */
};

/* A request of the job to a worker; its answer comes to the state machine. */
int copy_send(struct job *j, struct worker *w, enum worker_op op, const void *request, const int *fds, size_t n,
	      struct error *err);
/* The digest the destination knows the blob by, as far as it is known. */
const char *copy_digest(const struct job *j);
/* Does the registry have it? The job goes on in `step`. */
int copy_ask(struct run *r, struct job *j, enum step step, struct error *err);
/* Could the registry take it from the next of to->mounts? The job goes on in `step`. */
int copy_try_mount(struct run *r, struct job *j, enum step step, struct error *err);
/* The bytes set off, by way of whatever the ends are. MOVED. */
int copy_move(struct run *r, struct job *j, struct error *err);
/* The thread that feeds the packer, if there is one, comes to its end. -1: it failed. */
int copy_feed_end(struct feed *f, struct error *err);
/* Bytes of a file to the registry. */
int copy_upload_range(struct run *r, struct job *j, const struct blob_place *p, struct error *err);
/* A stream is over and its digest known. ENDED. */
int copy_end_stream(struct run *r, struct job *j, struct error *err);

/* What a blob of the store became when it was compressed before (store/packed.h). 1: everything the manifest says of it
 * is known; 0: not. */
int copy_recall(struct run *r, struct copy_blob *b, struct error *err);
void copy_remember(struct run *r, const struct copy_blob *b);
