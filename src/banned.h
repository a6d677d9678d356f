/* SPDX-License-Identifier: Apache-2.0
 * banned.h - functions nobody calls here; force-included by the build. Why: no bounds (strcpy family), hidden
 * state (strtok), silent errors (atoi), a shell in between (system, popen), racy names (mktemp).
 * The headers that declare them come first: a poisoned name may not appear again. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll
#pragma GCC poison system popen mktemp tmpnam tempnam
