# SPDX-License-Identifier: Apache-2.0
# Class H of the security matrix: a container's files and streams looked at from outside, by somebody who lies in wait.
# Every attack has its control: the same thing done by a plain tool works.

load helpers

setup_file() {
    umiak_setup_file
    export KILLAT=$UMIAK_BUILD/tests/fault/killat PROBE=$UMIAK_WORK/probe
    [ -x "$KILLAT" ] || { KILLAT=$BATS_FILE_TMPDIR/killat; cc -O1 -D_GNU_SOURCE -o "$KILLAT" "$BATS_TEST_DIRNAME/../fault/killat.c"; }
    cc -O1 -static -o "$PROBE" "$BATS_TEST_DIRNAME/../lib/probe.c"
}
teardown_file() { umiak_teardown_file; }
setup() {
    T=$UMIAK_WORK/tmp
    CANARY=$T/canary
    mkdir -p "$CANARY/in"; echo "the host's secret" >"$CANARY/f0"; echo "the host's secret" >"$CANARY/in/file"
    chmod -R a+rwX "$T"; chmod 2755 "$CANARY/in"
    state=$(canary_state)
}
teardown() {
    exec 6>&- 7>&- 8>&- 9>&-
    umiak_teardown; umiak volume rm -af >/dev/null; rm -rf "${T:?}"/*
}

canary_state() { find "$CANARY" -printf '%P %y %m %U:%G %T@ %s %l\n' | sort; cat "$CANARY/f0" "$CANARY/in/file"; }
canary_is_clean() { is "$(canary_state)" "$state" "$1: the canary"; }

# umiak without the shell's function around it, for tracers: sets words
umiak_words() {
    words=("$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" --network-config-dir "$UMIAK_WORK/networks")
    rootless || return 0
    words=(env HOME="$UMIAK_WORK/home" USER="$UMIAK_TEST_USER" XDG_RUNTIME_DIR="$UMIAK_WORK/xdg" "$UMIAK_BUILD/umiak")
    [ "$(id -u)" != 0 ] ||
        words=(setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups "${words[@]}")
}

until_true() { # COMMAND...: within ten seconds
    local i
    for i in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    echo "never true: $*"; return 1
}

lies_in_wait() { # the container c with /d, a directory, and /l, a link to the host's
    umiak run -d --name c --network none -v "$PROBE:/probe:ro" "$IMAGE" \
        sh -c "mkdir /d; echo inside >/d/f0; ln -s $CANARY /l; ${1:-sleep 1000}" >/dev/null
    until_true umiak exec c sh -c 'test -L /l || test -L /d'
    at=/proc/$(umiak inspect -f '{{.State.Pid}}' c)/root
    mkdir -p "$T/src" "$T/out"; echo evil >"$T/src/f0"; chmod -R a+rwX "$T/src" "$T/out"
}

nothing_stolen() { ! grep -rqs "host's secret" "$T/out" || { echo "$1: the host's file came out"; return 1; }; }

@test "H1: a directory exchanged for a link at each step of cp, both ways" {
    [ "$(id -u)" = 0 ] || skip "reaches into the container from outside"
    lies_in_wait
    umiak_words
    is "$("$KILLAT" 1 -x "$at/d" "$at/l" cat "$at/d/f0")" "the host's secret" "control: a tool that goes by names"
    "$KILLAT" 1 -x "$at/d" "$at/l" true
    for way in "cp $T/src/. c:/d" "cp $T/src/f0 c:/d/f0" "cp c:/d/. $T/out" "cp c:/d/f0 $T/out/f0"; do
        # shellcheck disable=SC2086
        calls=$("$KILLAT" 0 "${words[@]}" $way 2>&1 >/dev/null | sed -n 's/^calls //p')
        [ "$calls" -gt 50 ]
        for n in $(seq $((calls / 4 + RANDOM % 9)) $((calls / 20)) "$calls"); do
            # shellcheck disable=SC2086
            run timeout 20 "$KILLAT" "$n" -x "$at/d" "$at/l" "${words[@]}" $way
            case $status in 124|134|139) echo "call $n of $way: $status: $output"; return 1 ;; esac
            nothing_stolen "call $n of $way"
            [ ! -L "$at/d" ] || "$KILLAT" 1 -x "$at/d" "$at/l" true
        done
        canary_is_clean "$way"
    done
}

@test "H1: cp both ways while the container exchanges a directory and a link as fast as it can" {
    lies_in_wait "exec /probe exchange /d /l"
    if [ "$(id -u)" = 0 ]; then until_true grep -q "host's secret" "$at/d/f0"; fi   # control
    tar -C "$T/src" -cf "$T/src.tar" .; chmod a+r "$T/src.tar"
    for i in $(seq 12); do
        umiak cp "$T/src/." c:/d 2>/dev/null || true
        umiak cp - c:/d <"$T/src.tar" 2>/dev/null || true
        umiak cp c:/d/f0 "$T/out/f$i" 2>/dev/null || true
        umiak cp c:/d - >"$T/out/t$i" 2>/dev/null || true
    done
    canary_is_clean race
    nothing_stolen race
}

@test "H4: an archive does not change owners, modes and times of the host's files" {
    cat >"$T/make" <<'PY'
import io, sys, tarfile
canary, out = sys.argv[1:]
with tarfile.open(out, "w") as t:
    def add(name, kind, link="", mode=0o777, data=b""):
        i = tarfile.TarInfo(name)
        i.type, i.linkname, i.mode, i.uid, i.gid, i.mtime, i.size = kind, link, mode, 1, 1, 1, len(data)
        i.pax_headers = {"SCHILY.xattr.user.evil": "1"}
        t.addfile(i, io.BytesIO(data))
    add("x", tarfile.SYMTYPE, canary + "/in")
    add("x", tarfile.DIRTYPE, mode=0o4777)
    add("x/file", tarfile.REGTYPE, data=b"evil")
    add("y", tarfile.SYMTYPE, canary + "/in/file")
    add("z", tarfile.LNKTYPE, "y", mode=0o4777)
    add("z", tarfile.LNKTYPE, canary + "/in/file", mode=0o4777)
    add("up/../../../../../../../../.." + canary + "/in", tarfile.DIRTYPE, mode=0o4777)
    add("y", tarfile.CHRTYPE)
PY
    python3 "$T/make" "$CANARY" "$T/evil.tar"; chmod a+r "$T/evil.tar"
    umiak volume create v >/dev/null
    umiak create --name c --network none -v v:/v "$IMAGE" sleep 1000 >/dev/null
    for where in / /v /tmp/new; do umiak cp - "c:$where" <"$T/evil.tar" 2>/dev/null || true; done
    umiak volume import v "$T/evil.tar" 2>/dev/null || true
    umiak start c >/dev/null
    for where in /tmp /v; do umiak cp - "c:$where" <"$T/evil.tar" 2>/dev/null || true; done
    canary_is_clean "archives"
    # control: who goes by names changes them
    (cd "$T/out" 2>/dev/null || { mkdir "$T/out"; cd "$T/out"; }
    python3 - "$T/evil.tar" <<'PY'
import os, sys, tarfile
t = tarfile.open(sys.argv[1])
for m in list(t)[:2]:
    os.symlink(m.linkname, m.name) if m.issym() else os.chmod(m.name, m.mode)
PY
    )
    [ "$(canary_state)" != "$state" ]
}

@test "H5: compressed archives into volumes and read-only containers; the container's own xz is not asked" {
    printf '#!/bin/sh\ntouch /tmp/asked\nexec cat\n' >"$T/fake"; chmod 755 "$T/fake"
    mkdir "$T/a"; echo good >"$T/a/good"; tar -C "$T/a" -cf "$T/a.tar" .
    ln -s "$CANARY" "$T/a/link"; tar -C "$T/a" -cf "$T/e.tar" .
    rm "$T/a/link"; mkdir "$T/a/link"; echo evil >"$T/a/link/f0"; tar -C "$T/a" -rf "$T/e.tar" ./link/f0
    for f in "$T"/[ae].tar; do gzip -k "$f"; xz -k "$f"; zstd -q "$f"; bzip2 -k "$f"; done
    chmod a+r "$T"/?.tar*
    umiak run -d --name c --network none -v v:/v -v v:/ro:ro "$IMAGE" sleep 1000 >/dev/null
    for p in gzip gunzip unpigz xz unxz zstd bzip2 tar; do umiak cp "$T/fake" "c:/usr/bin/$p"; done
    umiak run -d --read-only --read-only-tmpfs=false --name r --network none -v v:/v "$IMAGE" sleep 1000 >/dev/null
    for kind in tar tar.gz tar.xz tar.zst tar.bz2; do
        for where in c:/v c:/tmp r:/v; do umiak cp - $where <"$T/e.$kind" 2>/dev/null || true; done
        for where in c:/v c:/tmp; do umiak cp - $where <"$T/a.$kind"; done
        is "$(umiak exec c cat /v/good /tmp/good)" $'good\ngood' "$kind"
        umiak exec c rm -rf /v/good /tmp/good
        for where in c:/ro r:/tmp r:/etc; do
            run umiak cp - $where <"$T/a.$kind"
            is "$status" 125 "$kind to $where"
            like "$output" "Read-only file system" "$kind to $where"
        done
    done
    canary_is_clean "archives"
    run umiak exec c test -e /tmp/asked
    is "$status" 1 "nothing of the container was executed"
    echo | umiak exec -i c xz >/dev/null; umiak exec c test -e /tmp/asked   # control
    mkdir "$T/x"; tar -C "$T/x" -Pxf "$T/e.tar" --occurrence=1 ./link   # control: the archive bites who follows, here in two steps
    tar -xOf "$T/e.tar" ./link/f0 >"$T/x/link/f0"
    is "$(cat "$CANARY/f0")" evil "control"
}

# What the monitor of a container has open, and its memory in kB.
monitor_of() { umiak inspect -f '{{.State.ConmonPid}}' "$1"; }
open_files() { ls "/proc/$1/fd" | wc -l; }
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
written() { awk '/^wchar/ { print $2 }' "/proc/$1/io"; }
socket_of() {
    find "$UMIAK_WORK/run" "$UMIAK_WORK/xdg" -path "*/containers/$(umiak inspect -f '{{.Id}}' "$1")/attach" 2>/dev/null || true
}
child_umiak() { # PID: the program itself, below the shells that started it
    local p=$1 c
    while [ "$(readlink "/proc/$p/exe")" != "$(realpath "$UMIAK_BUILD/umiak")" ]; do
        c=$(cat "/proc/$p/task/$p/children"); [ -n "$c" ] || return 1; p=${c%% *}
    done
    echo "$p"
}
is_stuck() { # PID: it has written, and cannot go on
    local a b
    a=$(written "$1"); sleep 0.2; b=$(written "$1")
    [ "$a" -gt 0 ] && [ "$a" = "$b" ]
}

@test "H7: readers that stand still: memory and descriptors of the monitor and of exec, attach, logs are flat" {
    [ "$(id -u)" = 0 ] || skip "reads /proc/PID/io"
    mkfifo "$T/stuck1" "$T/stuck2" "$T/stuck3" "$T/typed"
    exec 7<>"$T/stuck1" 8<>"$T/stuck2" 9<>"$T/stuck3" 6<>"$T/typed"
    umiak run -d --name c --network none "$IMAGE" sh -c 'yes 0123456789 | head -c 2000000; exec sleep 1000' >/dev/null
    umiak run -di --name talks --network none --log-driver none "$IMAGE" sh -c 'read a; exec yes' >/dev/null
    until_true sh -c "[ \$(stat -c %s '$(umiak inspect -f '{{.HostConfig.LogConfig.Path}}' c)') -gt 2000000 ]"
    m=$(monitor_of c); n=$(monitor_of talks)
    before=$(($(open_files "$m") + $(open_files "$n"))); rss_m=$(memory "$m"); rss_n=$(memory "$n")
    # control: it flows when somebody reads
    is "$(umiak exec c sh -c 'yes | head -c 5000000' | wc -c)" 5000000 "control"
    umiak exec c yes >"$T/stuck1" 2>>"$T/said" 6>&- 7>&- 8>&- 9>&- & a=$!
    umiak logs -f c >"$T/stuck2" 2>>"$T/said" 6>&- 7>&- 8>&- 9>&- & b=$!
    umiak attach talks <"$T/typed" >"$T/stuck3" 2>>"$T/said" 6>&- 7>&- 8>&- 9>&- & c=$!
    echo >&6
    programs=
    for p in $a $b $c; do
        until_true child_umiak "$p" || { cat "$T/said"; return 1; }; u=$(child_umiak "$p"); programs+=" $u"
        until_true is_stuck "$u"
        [ "$(memory "$u")" -lt 16384 ] || { echo "$(tr '\0' ' ' <"/proc/$u/cmdline"): $(memory "$u") kB"; return 1; }
    done
    [ $(($(memory "$m") - rss_m)) -le 1024 ] && [ $(($(memory "$n") - rss_n)) -le 1024 ]
    is "$(umiak exec c echo fine)" fine "the others go on"
    # shellcheck disable=SC2086
    kill -9 $programs
    until_true sh -c "[ \$(ls /proc/$m/fd /proc/$n/fd | wc -l) -le $((before + 3)) ]"   # and three lines of titles
}

@test "H7: a thousand clients that come and go, ten thousand window sizes: the monitor stays as it was" {
    umiak run -dt --name c --network none "$IMAGE" sleep 1000 >/dev/null
    s=$(socket_of c); m=$(monitor_of c)
    is "$("$BATS_TEST_DIRNAME/../lib/monitor-peer" "$s" "$m" attach)" $'welcomes 1000\ndescriptors flat\nmemory flat' "clients"
    is "$("$BATS_TEST_DIRNAME/../lib/monitor-peer" "$s" "$m" resize)" $'descriptors flat\nmemory flat' "sizes"
    is "$(umiak exec c cat /proc/1/comm)" sleep "it runs"
    is "$(umiak exec c stty size -F /proc/1/fd/0)" "37 91" "control: the sizes arrived"
}

@test "H8: who lies to the monitor is cut off, and costs nothing; other users do not get that far" {
    umiak run -d --name c --network none "$IMAGE" sleep 1000 >/dev/null
    s=$(socket_of c); m=$(monitor_of c)
    is "$("$BATS_TEST_DIRNAME/../lib/monitor-peer" "$s" "$m" lies)" $'of too many some are served\ndescriptors flat\nmemory flat' "lies"
    is "$("$BATS_TEST_DIRNAME/../lib/monitor-peer" "$s" "$m" connect)" 64 "control: who does not is welcome"
    is "$(umiak inspect -f '{{.State.Running}} {{.State.ConmonPid}}' c)" "true $m" "it runs, with the same monitor"
    if [ "$(id -u)" = 0 ]; then
        run setpriv --reuid=54321 --regid=54321 --clear-groups "$BATS_TEST_DIRNAME/../lib/monitor-peer" "$s" "$m" connect
        [ "$status" != 0 ]; like "$output" "PermissionError" "another user"
    fi
    run umiak stop -t0 c
    is "$(umiak wait c)" 137 "its end is seen"
}
