/* SPDX-License-Identifier: Apache-2.0
 * os/seccomp-builtin.h - internal to os/seccomp: the program that gen-seccomp compiled from seccomp-policy.h. */
#pragma once
#include <linux/filter.h>
#include <stdint.h>

extern const struct sock_filter seccomp_builtin_code[];
extern const uint16_t seccomp_builtin_len;
