/* SPDX-License-Identifier: Apache-2.0
 * worker/http.h - one HTTP exchange by libcurl: no redirects followed, no authentication guessed, everything bounded.
 *
 * Bodies go to a descriptor as they come (counting, with a ceiling) or into a bounded buffer. Blobs use HTTP/1.1: twice
 * HTTP/2's rate under TLS. A transfer that hardly moves for HTTP_STALL_SECONDS is broken off; time we spend waiting for
 * the reader of our own output does not count.
 * struct http_client is shared by threads: it keeps idle connections; an exchange belongs to one thread. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define HTTP_IDLE_MAX 8
#define HTTP_HEADER_BYTES_MAX ((size_t)256 << 10)
#define HTTP_DOCUMENT_SECONDS 120
#define HTTP_STALL_SECONDS 60
#define HTTP_STALL_BYTES (INT64_C(60) << 10)   /* less than 1 KiB/s over that time is a stall */

struct http_client {
	pthread_mutex_t mutex;
	void *idle[HTTP_IDLE_MAX];   /* CURL handles with their connections */
	size_t n_idle;
};
void http_client_init(struct http_client *c);

/* How a server is to be trusted. */
struct http_trust {
	bool insecure;               /* certificates are not checked */
	struct buf ca;               /* PEM certificates besides the system's */
	char *client_cert, *client_key;
	const char *user_agent;      /* borrowed; NULL: none is told */
};

struct http_request {
	const char *method, *url;
	const char *socket;          /* Unix socket to talk to instead of the URL's host; NULL: none */
	const struct strv *headers;  /* "Name: value" */
	const char *authorization;   /* value of the header, or NULL */
	/* response body */
	int out_fd;                  /* -1: into `body` */
	struct buf *body;            /* NULL and out_fd < 0: dropped */
	int64_t skip;                /* Range was asked for: with status 200 (it was ignored) drop this many first bytes */
	int64_t until;               /* blobs: first byte not wanted; 0: all */
	int64_t max;                 /* more is an error */
	/* request body */
	int in_fd;                   /* -1: none, or `upload` */
	int64_t in_offset;           /* a file: bytes from here, any number of times; -1: a pipe, which can be sent once */
	int64_t in_size;             /* -1: unknown, chunked */
	const char *upload;          /* text body */
	const char *upload_type;
	bool big;                    /* a blob: no total deadline, stall detection instead */
	bool refuse_local;           /* a loopback or link-local address is not to be talked to (SSRF) */
	void (*tee)(void *data, const void *bytes, size_t len);   /* sees the body as it is taken; NULL */
	void *tee_data;
	void (*progress)(void *data, int64_t bytes);
	void *progress_data;
};

struct http_response {
	long status;                 /* 0: no answer */
	char *content_type, *content_range, *digest, *location, *link, *retry_after, *range;
	struct strv challenges;      /* WWW-Authenticate values */
	int64_t length;              /* Content-Length, -1 */
	int64_t mtime;               /* Last-Modified as Unix seconds; 0: none */
	int64_t bytes;               /* of the body taken (after skip) */
	bool local;                  /* the peer's address is loopback or link-local */
	bool transient;              /* on failure: worth another try */
	bool refused, tls_failed;    /* on failure: connection refused; no TLS spoken or not trusted */
};
void http_response_done(struct http_response *r);
#define auto_http_response CLEANUP(http_response_done) struct http_response

/* 0: an answer came (any status; the body of one that is no 2xx is dropped);
 * -1: none, *err says why, ret->transient etc. help to decide. *ret must be zeroed. */
int http_exchange(struct http_client *c, const struct http_trust *trust, const struct http_request *q,
		  struct http_response *ret, struct error *err);
