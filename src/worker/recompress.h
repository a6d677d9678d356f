/* SPDX-License-Identifier: Apache-2.0
 * worker/recompress.h - OP_RECOMPRESS where one pass by one thread must do: zstd:chunked, encryption, decryption. */
#pragma once
#include "worker/role.h"

bool recompress_is_special(const struct op_recompress *a);
int recompress_special(const struct request *r, struct op_unpacked *ret, struct error *err);
