/* SPDX-License-Identifier: Apache-2.0
 * cli/descriptors.h - --preserve-fd: which of our descriptors go into a container. Owns nothing. */
#pragma once
#include "base/error.h"
#include "base/field.h"
#include "base/str.h"

/* `fds`: numbers as given. Sets *preserve to the count from 3 up that covers them (everything in between that was not
 * named ends at exec by itself). ERROR_INVALID: not open, below 3, or both options given. */
int descriptors_keep(const struct strv *fds, struct opt_uint *preserve, struct error *err);
