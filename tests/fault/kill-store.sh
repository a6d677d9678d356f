#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill-store.sh BINDIR [STEP]: kills every operation of the store at every (STEP-th) system call.
# After each kill: the next command works, nothing is left over, an acknowledged change is there, one that was not is
# either there or not, and doing it again succeeds.
set -u
bin=$1
step=${2:-1}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/umiak-kill-store.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
points=0 failures=0

ops() { "$bin/store-ops" "$work/root" "$work/run" "$@"; }
fresh() { rm -rf "$work/root" "$work/run"; cp -a "$work/base-root" "$work/root"; cp -a "$work/base-run" "$work/run"; }
bad() { echo "not ok: $1 killed at $2: $3"; failures=$((failures + 1)); }

# operation : what has to be there before
for line in "load:" "load2:load" "reload:load" "tag:load" "untag:load tag" "rmi:load load2" "create:load" "create-rm:load" \
            "rename:load create" "update:load create" "exit:load create" "rm:load create" "rm-rm:load create-rm"; do
	op=${line%%:*}
	rm -rf "$work/root" "$work/run"
	# shellcheck disable=SC2086
	ops state ${line#*:} >/dev/null || { bad "$op" 0 "cannot prepare"; continue; }
	cp -a "$work/root" "$work/base-root"; cp -a "$work/run" "$work/base-run"
	ops state >"$work/before"
	calls=$("$bin/killat" 0 "$bin/store-ops" "$work/root" "$work/run" "$op" 2>&1 >/dev/null | sed -n 's/^calls //p')
	ops state >"$work/after"
	n=1
	while [ "$n" -le "$calls" ]; do
		fresh
		"$bin/killat" "$n" "$bin/store-ops" "$work/root" "$work/run" "$op" >"$work/ack" 2>/dev/null
		points=$((points + 1))
		if ! ops state >"$work/now" 2>"$work/err"; then
			bad "$op" "$n" "the next command fails: $(cat "$work/err")"
		elif ! ops verify >/dev/null 2>"$work/err"; then
			bad "$op" "$n" "$(tr '\n' ' ' <"$work/err")"
		elif ! cmp -s "$work/now" "$work/after" && { [ -s "$work/ack" ] || ! cmp -s "$work/now" "$work/before"; }; then
			bad "$op" "$n" "wrong state: $(tr '\n' ';' <"$work/now")"
		elif ! ops "$op" verify >/dev/null 2>"$work/err"; then
			bad "$op" "$n" "cannot be done again: $(cat "$work/err")"
		fi
		n=$((n + step))
	done
	echo "# $op: $calls calls"
	rm -rf "$work/base-root" "$work/base-run"
done
echo "kill-store: $points points, $failures failures"
[ "$failures" = 0 ]
