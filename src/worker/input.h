/* SPDX-License-Identifier: Apache-2.0
 * worker/input.h - a blob's bytes in order: first what an interrupted transfer left, then a pipe, or a range of a file.
 * Borrows its descriptors. Owns a buffer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define INPUT_BUFFER ((size_t)256 << 10)

struct input {
	int fd;
	int64_t offset;      /* >= 0: pread from here; -1: read a pipe */
	int64_t left;        /* file: bytes still to come; -1: to the end */
	int head_fd;         /* what is already there, or -1 */
	int64_t head_at, head_left;
	int64_t total;       /* bytes given so far */
	uint8_t *buffer;
};

int input_init(struct input *in, struct error *err);   /* after setting the members above; gets the buffer */
void input_done(struct input *in);
/* 1: a run of bytes, valid until the next call; 0: the end. *ret_new: these bytes did not come from head_fd. */
int input_next(struct input *in, const uint8_t **ret, size_t *ret_len, bool *ret_new, struct error *err);
