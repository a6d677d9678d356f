/* SPDX-License-Identifier: Apache-2.0
 * image/wire.h - structs as bytes between `umiak` and `umiak-worker`: one more walk over field rows.
 *
 * Both ends are the same build, so the rows are the format: members in row order, integers of 8 bytes in host order,
 * strings as 4 bytes of length + bytes. Decoding trusts nothing: lengths and counts are checked against what is there,
 * strings hold no NUL, a message must be used up exactly. Supported: BOOL STR INT UINT STRV MAP LIST OBJECT OPT_OBJECT.
 * Allocates: not between clone() and exec(). */
#pragma once
#include "base/buf.h"
#include "base/field.h"

#define WIRE_LIST_MAX 65536   /* elements of one list, vector or map */

int wire_encode(const struct field *rows, const void *from, struct buf *to, struct error *err);
/* Fills the zeroed struct at `to`; on failure everything in it is freed again. ERROR_CORRUPT. */
int wire_decode(const struct field *rows, const void *bytes, size_t len, void *to, struct error *err);
