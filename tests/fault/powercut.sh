#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# powercut.sh BINDIR [CUTS]: power cuts of an ext4 (loop device, FS_IOC_SHUTDOWN) under the store's operations.
# What was acknowledged before the cut must be there after it, byte for byte, with no repair by hand; the rest is
# either there or swept. Cells: default and noauto_da_alloc, journal lost (2) and journal flushed but data lost (1).
# Needs root and a loop device; exits 77 (skipped) without.
# In a mount namespace of its own: a copy of the mount in somebody else's would keep the dead file system alive.
set -u
[ "$(id -u)" = 0 ] || exit 77
[ "${UMIAK_POWERCUT:-}" ] || UMIAK_POWERCUT=1 exec unshare -m --propagation private "$0" "$@"
bin=$1
cuts=${2:-16}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/umiak-powercut.XXXXXX") || exit 1
mnt=$work/mnt
lost=0 done=0

finish() { umount "$mnt" 2>/dev/null; rm -rf "$work"; }
trap finish EXIT
truncate -s 192M "$work/disk" && mkfs.ext4 -q -F "$work/disk" && mkdir "$mnt" || exit 77
mount -o loop "$work/disk" "$mnt" 2>/dev/null || { echo "powercut: no loop device here"; exit 77; }
umount "$mnt"

ops() { "$bin/store-ops" "$mnt/root" "$work/run" "$@"; }
bad() { echo "not ok: cut $cut ($options, flag $flag, after $1): $2"; lost=$((lost + 1)); }

all="load create load2 tag exit rename reload rmi untag"
cut=0
while [ "$cut" -lt "$cuts" ]; do
	options=defaults; [ $((cut % 2)) = 0 ] || options=noauto_da_alloc
	flag=$((cut / 2 % 2 + 1))
	mkfs.ext4 -q -F "$work/disk"
	mount -o "loop,$options" "$work/disk" "$mnt" || exit 77
	rm -rf "$work/run"
	# the cut comes after as many acknowledged operations as the round says, with one more cut off in its middle
	last=$((cut % 9 + 1)) n=0
	: >"$work/acked"
	for op in $all; do
		n=$((n + 1))
		if [ "$n" -gt "$last" ]; then
			"$bin/killat" $((37 * (cut + 1) % 400 + 20)) "$bin/store-ops" "$mnt/root" "$work/run" "$op" >/dev/null 2>&1
			break
		fi
		ops "$op" >/dev/null 2>"$work/err" || { bad "$op" "$(cat "$work/err")"; break; }
		echo "$op" >>"$work/acked"
	done
	"$bin/godown" "$mnt" "$flag" || exit 77
	umount "$mnt"
	mount -o "loop,$options" "$work/disk" "$mnt" || { bad "$op" "cannot be mounted again"; exit 1; }
	rm -rf "$work/run"   # a reboot empties the run root
	ops state >"$work/now" 2>"$work/err" || bad "$op" "$(cat "$work/err")"
	ops verify >/dev/null 2>"$work/err" || bad "$op" "$(tr '\n' ' ' <"$work/err")"
	# replayed on a disk that never failed
	rm -rf "$work/ref" "$work/refrun"
	# shellcheck disable=SC2046
	"$bin/store-ops" "$work/ref" "$work/refrun" $(cat "$work/acked") state | grep -v '^ack' >"$work/want"
	rm -rf "$work/refrun"
	"$bin/store-ops" "$work/ref" "$work/refrun" state >"$work/want"
	if ! cmp -s "$work/want" "$work/now"; then
		# allowed: the operation that was cut off has happened as well
		[ "$n" -gt "$last" ] && "$bin/store-ops" "$work/ref" "$work/refrun" "$op" state | grep -v '^ack' >"$work/want2"
		cmp -s "$work/want2" "$work/now" || bad "$op" "wanted $(tr '\n' ';' <"$work/want") but there is $(tr '\n' ';' <"$work/now")"
	fi
	find "$mnt/root/layers" -type f -size 0 2>/dev/null | grep -q . && bad "$op" "empty files in committed layers"
	umount "$mnt"
	cut=$((cut + 1)) done=$((done + 1))
done
echo "powercut: $done cuts, $lost failures"
[ "$lost" = 0 ]
