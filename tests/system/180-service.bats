# SPDX-License-Identifier: Apache-2.0
# Containers as services: what they tell the service manager outside, and systemd as the first process inside.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() {
    [ -z "${LISTENER:-}" ] || kill "$LISTENER" 2>/dev/null || true
    umiak_teardown
}

# A NOTIFY_SOCKET that writes each datagram into a file.
listen() {
    NOTIFY=$UMIAK_WORK/tmp/notify.sock
    rm -f "$NOTIFY" "$UMIAK_WORK/tmp/said"
    python3 - "$NOTIFY" "$UMIAK_WORK/tmp/said" <<'P' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777)
with open(sys.argv[2], "w") as f:
    while True:
        f.write(s.recv(4096).decode() + "\n"); f.flush()
P
    LISTENER=$!
    for _ in $(seq 100); do [ -S "$NOTIFY" ] && [ -e "$UMIAK_WORK/tmp/said" ] && break; sleep 0.05; done
}

# A program for the container that sends its arguments to $NOTIFY_SOCKET; the host's own root is its file system.
say='import os,socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)
s.sendto("\n".join(sys.argv[1:]).encode(), os.environ["NOTIFY_SOCKET"])'

said() { # REGEX: waits for a line
    for _ in $(seq 100); do grep -Eq "$1" "$UMIAK_WORK/tmp/said" && return; sleep 0.05; done
    cat "$UMIAK_WORK/tmp/said"; return 1
}

@test "sdnotify container: the container's own words, but for those that concern the host" {
    skip_rootless "the host's root as file system"
    listen
    NOTIFY_SOCKET=$NOTIFY umiak run --rm --network none --rootfs /:O python3 -c "$say" READY=1 STATUS=up MAINPID=1 FDSTORE=1
    said '^MAINPID=[0-9]+$'
    said '^READY=1$'
    said '^STATUS=up$'
    ! grep -q 'MAINPID=1$' "$UMIAK_WORK/tmp/said"
    ! grep -q FDSTORE "$UMIAK_WORK/tmp/said"
}

@test "sdnotify conmon: ready when it has started; the container has no socket" {
    listen
    NOTIFY_SOCKET=$NOTIFY run_umiak run --rm --sdnotify conmon $IMAGE sh -c 'echo "<$NOTIFY_SOCKET>"'
    is "$output" "<>" "the environment"
    said '^MAINPID=[0-9]+$'
    said '^READY=1$'
}

@test "sdnotify healthy: ready with the first good check" {
    listen
    NOTIFY_SOCKET=$NOTIFY umiak run -d --name h --sdnotify healthy --health-cmd 'test -e /tmp/up' --health-interval 1s \
        $IMAGE sh -c 'sleep 2; touch /tmp/up; sleep 1000' >/dev/null
    said '^MAINPID=[0-9]+$'
    ! grep -q READY "$UMIAK_WORK/tmp/said"
    for _ in $(seq 60); do grep -q READY=1 "$UMIAK_WORK/tmp/said" && break; sleep 0.1; done
    said '^READY=1$'
    umiak rm -f -t0 h >/dev/null
}

@test "sdnotify ignore: nothing is said" {
    listen
    NOTIFY_SOCKET=$NOTIFY umiak run --rm --sdnotify ignore $IMAGE true
    sleep 0.3
    is "$(cat "$UMIAK_WORK/tmp/said")" "" "what was said"
}

@test "systemd boots as the first process and stops by its own signal" {
    skip_rootless "control groups"
    [ -x /lib/systemd/systemd ] || skip "no systemd on this machine to boot"
    umiak run -d --name sysd --network none --rootfs /:O /lib/systemd/systemd --unit=basic.target >/dev/null
    is "$(umiak inspect --format '{{.Config.SystemdMode}} {{.Config.StopSignal}}' sysd)" "true SIGRTMIN+3" "recognised"
    for _ in $(seq 100); do
        run umiak exec sysd systemctl is-active basic.target
        [ "$output" = active ] && break
        sleep 0.2
    done
    is "$output" active "basic.target"
    run_umiak exec sysd cat /proc/1/comm
    is "$output" systemd "PID 1"
    run_umiak stop -t 20 sysd
    is "$(umiak inspect --format '{{.State.ExitCode}}' sysd)" 0 "a clean end"
    umiak rm sysd >/dev/null
}

@test "systemd mode: when, and what it prepares" {
    run_umiak run --rm --systemd always $IMAGE sh -c 'grep -c " /run/lock tmpfs" /proc/mounts; touch /run/lock/x /run/y'
    is "$output" 1 "its places are tmpfs"
    umiak create --name no --systemd false $IMAGE /sbin/init >/dev/null
    is "$(umiak inspect --format '{{.Config.SystemdMode}}' no)" false "false"
    umiak create --name yes $IMAGE /usr/sbin/init >/dev/null
    is "$(umiak inspect --format '{{.Config.SystemdMode}}' yes)" true "by the command"
    umiak create --name other $IMAGE /bin/sh >/dev/null
    is "$(umiak inspect --format '{{.Config.SystemdMode}}' other)" false "another command"
}
