/* SPDX-License-Identifier: Apache-2.0
 * base/units.h - durations, sizes and times as Go and Docker write them.
 * Owns nothing. Formatting never allocates: the caller gives the room. Time zones are those of libc (TZ). */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define NSEC_PER_SEC INT64_C(1000000000)

/* Go's time.ParseDuration: "1h30m", "1.5s", "-300ms", "0". *ret in nanoseconds. ERROR_INVALID otherwise. */
int duration_parse(const char *s, int64_t *ret, struct error *err);
/* Go's Duration.String(): "1h30m0s", "1.5s", "250ms", "0s". Returns out. */
char *duration_format(int64_t ns, char out[40]);
/* docker/go-units RAMInBytes: number, optional fraction, optional b k kb kib m g t p in any case, base 1024. Bytes. */
int size_parse(const char *s, int64_t *ret, struct error *err);
/* go-units HumanSize: base 1000, 4 significant digits: "1.23MB", "0B". */
char *size_format(int64_t bytes, char out[24]);
/* go-units BytesSize: base 1024: "1.205MiB". */
char *size_format_binary(int64_t bytes, char out[24]);
/* go-units HumanDuration of a span: "Less than a second", "5 minutes", "About an hour", "3 weeks". */
char *duration_human(int64_t ns, char out[40]);
/* RFC 3339 with nanoseconds and the local offset, trailing zeros of the fraction removed (Go's time.RFC3339Nano). */
char *time_format_rfc3339(int64_t unix_ns, char out[48]);
/* The same in UTC, whatever the machine's zone: for documents whose digest must not depend on it. */
char *time_format_utc(int64_t unix_ns, char out[48]);
/* Go's time.String(): "2006-01-02 15:04:05.999999999 -0700 MST". */
char *time_format_go(int64_t unix_ns, char out[64]);
/* RFC 3339 date-times (any fraction, offset or Z), "2006-01-02T15:04:05", "2006-01-02", a Unix time with optional
 * fraction, or a Go duration counted back from `now_ns` (docker's GetTimestamp). *ret Unix nanoseconds. */
int time_parse(const char *s, int64_t now_ns, int64_t *ret, struct error *err);
int64_t time_now(void);        /* CLOCK_REALTIME, nanoseconds */
int64_t time_monotonic(void);  /* CLOCK_MONOTONIC, nanoseconds */

/* The shortest decimal text that reads back as the same number: Go's %v (exponent form below 1e-4 and from 1e6)
 * and encoding/json's (below 1e-6 and from 1e21). */
#define FLOAT_FORMAT_SIZE 40
char *float_format(double n, char out[FLOAT_FORMAT_SIZE]);
char *float_format_json(double n, char out[FLOAT_FORMAT_SIZE]);
