/* SPDX-License-Identifier: Apache-2.0
 * engine/oci-error.h - what went wrong in the runtime, in the words scripts look for. Owns nothing. */
#pragma once
#include "base/error.h"
#include "engine/engine.h"

/* Gives a runtime's error Podman's form: "crun: ...: OCI runtime attempted to invoke a command that was not found",
 * "crun: ...: OCI permission denied", "OCI runtime error: crun: ...". Returns -1. */
int oci_error(const struct engine *e, struct error *err);
