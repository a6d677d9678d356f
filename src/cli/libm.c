/* SPDX-License-Identifier: Apache-2.0
 * cli/libm.c - libm, loaded when somebody asks.
 *
 * Only SQLite's SQL functions of these names need it, and no statement of ours calls them; but a program that is linked
 * with libm maps and relocates it at every start, 7 % of `--version`. So SQLite's archive finds these instead. */
#include <dlfcn.h>
#include <math.h>

static void *libm(const char *name)
{
	void *lib = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);

	return lib ? dlsym(lib, name) : NULL;
}

#define OF_ONE(name) \
	double name(double x) \
	{ \
		double (*f)(double) = libm(#name); \
		return f ? f(x) : NAN; \
	}
#define OF_TWO(name) \
	double name(double x, double y) \
	{ \
		double (*f)(double, double) = libm(#name); \
		return f ? f(x, y) : NAN; \
	}

OF_ONE(acos) OF_ONE(acosh) OF_ONE(asin) OF_ONE(asinh) OF_ONE(atan) OF_ONE(atanh) OF_ONE(cos) OF_ONE(cosh) OF_ONE(exp)
OF_ONE(log) OF_ONE(sin) OF_ONE(sinh) OF_ONE(sqrt) OF_ONE(tan) OF_ONE(tanh) OF_ONE(trunc)
OF_TWO(atan2) OF_TWO(fmod) OF_TWO(pow)
