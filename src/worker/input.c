/* SPDX-License-Identifier: Apache-2.0
 * worker/input.c - a blob's bytes in order. */
#include "worker/input.h"

#include "base/own.h"

#define HEAD_BYTES 16

int input_init(struct input *in, struct error *err)
{
	in->buffer = malloc(INPUT_BUFFER);
	return in->buffer ? 0 : fail_oom(err);
}

void input_done(struct input *in)
{
	free(in->buffer);
	in->buffer = NULL;
}

/* A pipe may give a single byte; whoever looks for a magic number wants a few at once. */
static ssize_t read_pipe(struct input *in)
{
	ssize_t n = read(in->fd, in->buffer, INPUT_BUFFER);

	while (in->total == 0 && n > 0 && n < HEAD_BYTES) {
		ssize_t more = read(in->fd, in->buffer + n, INPUT_BUFFER - (size_t)n);
		if (more == 0)
			break;
		if (more < 0 && errno != EINTR)
			return -1;
		n += more > 0 ? more : 0;
	}
	return n;
}

static ssize_t read_some(struct input *in)
{
	if (in->head_left > 0) {
		size_t want = (uint64_t)in->head_left < INPUT_BUFFER ? (size_t)in->head_left : INPUT_BUFFER;
		return pread(in->head_fd, in->buffer, want, in->head_at);
	}
	if (in->offset < 0)
		return read_pipe(in);
	size_t want = in->left >= 0 && (uint64_t)in->left < INPUT_BUFFER ? (size_t)in->left : INPUT_BUFFER;
	return want ? pread(in->fd, in->buffer, want, in->offset) : 0;
}

int input_next(struct input *in, const uint8_t **ret, size_t *ret_len, bool *ret_new, struct error *err)
{
	ssize_t n;

	while ((n = read_some(in)) < 0)
		if (errno != EINTR)
			return fail_errno(err, "read");
	*ret_new = in->head_left <= 0;
	if (n == 0 && (in->head_left > 0 || (in->offset >= 0 && in->left > 0)))
		return fail(err, ERROR_CORRUPT, "the file is shorter than expected");
	if (!*ret_new) {
		in->head_at += n;
		in->head_left -= n;
	} else if (in->offset >= 0) {
		in->offset += n;
		in->left -= in->left >= 0 ? n : 0;
	}
	in->total += n;
	*ret = in->buffer;
	*ret_len = (size_t)n;
	return n > 0;
}
