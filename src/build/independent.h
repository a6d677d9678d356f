/* SPDX-License-Identifier: Apache-2.0
 * build/independent.h - whether two steps that were made beside each other are as if made one after the other.
 * Pure: looks at the trees of their layers. Allocates. */
#pragma once
#include "base/error.h"

/* Both were made on the same layers. 1: all that both have are directories of the same owner, mode and attributes, so the
 * second would have come out the same on top of the first; 0: they touch. Descriptors of the trees. */
int trees_are_independent(int first, int second, struct error *err);
