# SPDX-License-Identifier: Apache-2.0
# Options of run, create and exec: what each does, and what is refused.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "entries of passwd and group" {
    run_umiak run --rm --group-entry 'gg:x:$GID:' --passwd-entry 'uu:x:$UID:$GID::/:/bin/sh' -u 5000:6000 $IMAGE \
        sh -c 'tail -n1 /etc/passwd; tail -n1 /etc/group'
    is "$output" "uu:x:5000:6000::/:/bin/sh
gg:x:6000:" "the entries"
    run_umiak run --rm --passwd=false -u 5000 $IMAGE grep -c 5000 /etc/passwd || true
    run umiak run --rm --passwd=false -u 5000 $IMAGE grep 5000 /etc/passwd
    [ "$status" = 1 ]
    run_umiak run --rm --hostuser "$UMIAK_TEST_USER" $IMAGE grep "^$UMIAK_TEST_USER:" /etc/passwd
    run_umiak 126 run --rm --hostuser nobody-of-that-name $IMAGE true
}

@test "environment: merge, unset, files and pipes" {
    run_umiak run --rm --env-merge 'IMAGE_VAR=${IMAGE_VAR}+more' $IMAGE sh -c 'echo "$IMAGE_VAR"'
    is "$output" "from image+more" "--env-merge"
    run umiak run --rm --unsetenv IMAGE_VAR $IMAGE env
    [[ ! $output =~ IMAGE_VAR ]]
    run_umiak run --rm --unsetenv-all --env A=b $IMAGE /bin/env
    like "$output" A=b "what is given stays"
    [[ ! $output =~ container=|PATH= ]]
    rootless && return   # the pipe is root's
    run_umiak run --rm --label-file <(echo l=m) --env-file <(echo X=y) $IMAGE sh -c 'echo $X'
    is "$output" y "--env-file from a pipe"
    run_umiak 125 run --rm --env-file /does/not/exist $IMAGE true
    like "$output" "open /does/not/exist: no such file or directory|No such file" "a missing file"
}

@test "umask, time zone, personality, working directory" {
    is "$(umiak run --rm --umask 077 $IMAGE sh -c umask)" 0077 "umask"
    run_umiak 125 run --rm --umask 9 $IMAGE true
    is "$(umiak run --rm --tz Europe/Berlin $IMAGE sh -c 'date -d @0 +%H')" 01 "tz"
    run_umiak 125 run --rm --tz Nowhere $IMAGE true
    like "$output" "unknown time zone Nowhere" "unknown zone"
    is "$(umiak run --rm --personality LINUX32 $IMAGE uname -m)" i686 "personality"
    is "$(umiak run --rm -w /data $IMAGE pwd)" /data "workdir"
    run_umiak 126 run --rm -w /missing $IMAGE true
    run_umiak 125 run --rm -w relative $IMAGE true
}

@test "timeout, rm, rmi" {
    run_umiak 255 run --timeout 1 --name slow $IMAGE sleep 20
    is "$(umiak inspect --format '{{.State.ExitCode}}' slow)" -1 "the record"
    umiak rm slow >/dev/null
    run_umiak run --rm --timeout 20 $IMAGE true
}

@test "file descriptors: preserve-fd and preserve-fds" {
    echo seven >"$UMIAK_WORK/tmp/seven"; chmod a+r "$UMIAK_WORK/tmp/seven"
    run umiak run --rm --preserve-fd 7 $IMAGE sh -c 'cat <&7' 7<"$UMIAK_WORK/tmp/seven"
    is "$output" seven "--preserve-fd"
    run umiak run --rm --preserve-fds 1 $IMAGE sh -c 'cat <&3' 3<"$UMIAK_WORK/tmp/seven"
    is "$output" seven "--preserve-fds"
    run umiak run --rm $IMAGE sh -c 'cat <&7' 7<"$UMIAK_WORK/tmp/seven"
    [ "$status" != 0 ]
    umiak run -d --name fds $IMAGE sleep 1000 >/dev/null
    run umiak exec --preserve-fds 1 fds sh -c 'cat <&3' 3<"$UMIAK_WORK/tmp/seven"
    is "$output" seven "exec --preserve-fds"
    umiak rm -f -t0 fds >/dev/null
}

@test "rootfs: as it is, overlaid, id-mapped" {
    root=$UMIAK_WORK/tmp/rootfs
    mkdir -p "$root/bin" "$root/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for a in sh touch stat ls; do ln -sf busybox "$root/bin/$a"; done
    rootless && chown -R "$UMIAK_TEST_USER": "$root"
    run_umiak run --rm --rootfs "$root:O" sh -c 'touch /new && ls /new'
    is "$output" /new "written in the container"
    [ ! -e "$root/new" ]
    run_umiak run --name over --rootfs "$root:O" touch /kept
    run_umiak start -a over
    umiak rm over >/dev/null
    run_umiak 125 run --rm --rootfs "$root:nonsense" true
    like "$output" 'rootfs option "nonsense" is not supported' "unknown option"
    run_umiak 125 run --rm --rootfs "$root:idmap" true
    like "$output" "needs a user namespace" "idmap without"
    rootless && return
    run_umiak run --rm --uidmap 0:200000:1000 --rootfs "$root:idmap" stat -c %u /bin/busybox
    is "$output" 0 "its files are root's inside"
    chown 0:0 "$root/tmp"
    run_umiak run --rm --uidmap 0:200000:1000 --rootfs "$root:idmap=uids=0-200005-10;gids=0-200006-10" stat -c %u:%g /tmp
    is "$output" 5:6 "a mapping of its own"
    run_umiak run --rm --uidmap 0:200000:1000 --rootfs "$root:O,idmap" sh -c 'touch /x; stat -c %u /x /bin/busybox'
    is "$output" "0
0" "both"
    is "$(stat -c %u "$root/bin/busybox")" 0 "nothing was changed on the host"
}

@test "CDI: nodes, mounts and environment of a named device" {
    dir=$UMIAK_WORK/tmp/cdi
    mkdir -p "$dir"
    cat >"$dir/vendor.json" <<'J'
{"cdiVersion":"0.6.0","kind":"vendor.com/dev","containerEdits":{"env":["ALL=1"]},"devices":[
 {"name":"one","containerEdits":{"env":["ONE=yes"],"deviceNodes":[{"path":"/dev/mynull","hostPath":"/dev/null"}],
  "mounts":[{"hostPath":"/etc/hostname","containerPath":"/given"}]}}]}
J
    echo '{"cdiVersion":"0.6.0","kind":"nvidia.com/gpu","devices":[{"name":"all","containerEdits":{"env":["GPU=all"]}}]}' >"$dir/gpu.json"
    echo 'not json' >"$dir/broken.json"
    chmod -R a+rX "$dir"
    run umiak --cdi-spec-dir "$dir" run --rm --device vendor.com/dev=one $IMAGE sh -c 'echo $ALL $ONE; test -c /dev/mynull && cat /given' 
    is "$status" 0 "exit"
    like "$output" "1 yes" "environment"
    like "$output" "$(cat /etc/hostname)" "mount"
    run umiak --cdi-spec-dir "$dir" run --rm --gpus all $IMAGE sh -c 'echo $GPU'
    like "$output" all "gpus"
    run umiak --cdi-spec-dir "$dir" run --rm --device vendor.com/dev=two $IMAGE true
    like "$output" "unresolvable CDI devices vendor.com/dev=two" "unknown device"
    run_umiak 125 run --rm --gpus all $IMAGE true
    like "$output" "unresolvable CDI devices nvidia.com/gpu=all" "no specification"
}

@test "cgroups: split, no-conmon, disabled, unknown" {
    run_umiak run --rm --cgroups no-conmon $IMAGE true
    run_umiak run --rm --cgroups split $IMAGE true
    run_umiak run --rm --cgroups disabled $IMAGE true
    run_umiak 125 run --rm --cgroups bogus $IMAGE true
    like "$output" 'invalid cgroup mode "bogus": invalid argument' "unknown"
    run_umiak 125 run --rm --cgroups split --cgroup-parent /x $IMAGE true
    like "$output" "cannot specify --cgroup-mode=split with a cgroup-parent" "conflict"
    if ! rootless && [ -d /sys/fs/cgroup/unified ]; then
        umiak run -d --name split --cgroups split $IMAGE sleep 1000 >/dev/null
        grep -q "libpod-payload-" "/proc/$(umiak inspect --format '{{.State.Pid}}' split)/cgroup"
        umiak rm -f -t0 split >/dev/null
        [ -z "$(find /sys/fs/cgroup -maxdepth 2 -name 'libpod-payload-*')" ]
    fi
}

@test "what cannot be done is refused by name" {
    run_umiak 125 run --rm --sdnotify bogus $IMAGE true
    like "$output" 'invalid sdnotify value "bogus": must be conmon, container, healthy or ignore' "sdnotify"
    run_umiak 125 run --rm --systemd bogus $IMAGE true
    run_umiak 125 run --rm --seccomp-policy bogus $IMAGE true
    run_umiak 125 run --rm --attach bogus $IMAGE true
    run_umiak 125 create --cpus 1 --cpu-period 1000 $IMAGE true
    is "$output" "Error: --cpu-period and --cpus cannot be set together" "exclusive"
    run_umiak 125 create --platform a/b --arch c $IMAGE true
    is "$output" "Error: --platform option can not be specified with --arch or --os" "platform"
    run_umiak 125 container cleanup --all --exec x
    is "$output" "Error: --all and --exec cannot be set together" "cleanup"
}

@test "generate spec: what was asked for, under a free name" {
    umiak create --name made --env A=b --memory 64m $IMAGE sleep 10 >/dev/null
    run_umiak generate spec made
    like "$output" '"name": "made-clone"' "a free name"
    like "$output" '"A": "b"' "the environment"
    run_umiak generate spec --compact --name=false made
    is "${#lines[@]}" 1 "one line"
    like "$output" '"name":"made"' "its own name"
    run_umiak generate spec -f "$UMIAK_WORK/tmp/spec" made
    is "$output" "$UMIAK_WORK/tmp/spec" "the file"
    umiak pod create --name mp >/dev/null
    run_umiak generate spec mp
    like "$output" '"name": "mp-clone"' "a pod"
    umiak pod rm -f mp >/dev/null
    run_umiak 125 generate spec nothing
    like "$output" "could not find a pod or container with the id nothing" "neither"
}

@test "pre-exec hooks may forbid a command, when the administrator wants them" {
    skip_rootless "writes below /etc"
    [ -d /etc/containers ] || skip "no /etc/containers to mount over"
    mkdir -p "$UMIAK_WORK/tmp/hooks"
    printf '#!/bin/sh\ncase "$*" in *" pull foobar"*) exit 42 ;; esac\nexit 43\n' >"$UMIAK_WORK/tmp/hooks/check.sh"
    chmod +x "$UMIAK_WORK/tmp/hooks/check.sh"
    in_etc() { # SCRIPT: with an /etc/containers of our own
        unshare -m sh -c "mount -t tmpfs tmpfs /etc/containers; PODMAN_PREEXEC_HOOKS_DIR=$UMIAK_WORK/tmp/hooks; export PODMAN_PREEXEC_HOOKS_DIR; $1"
    }
    run in_etc "touch /etc/containers/podman_preexec_hooks.txt; $UMIAK_BUILD/umiak pull foobar"
    [ "$status" = 42 ]
    run in_etc "touch /etc/containers/podman_preexec_hooks.txt; $UMIAK_BUILD/umiak version"
    [ "$status" = 43 ]
    run in_etc "$UMIAK_BUILD/umiak version"
    [ "$status" = 0 ]
}

@test "volumes-from, requires and the order of dependencies" {
    mkdir -p "$UMIAK_WORK/tmp/given"; echo t >"$UMIAK_WORK/tmp/given/file"
    rootless && chown -R "$UMIAK_TEST_USER": "$UMIAK_WORK/tmp/given"
    umiak create --name donor -v "$UMIAK_WORK/tmp/given:/given" $IMAGE sleep 1000 >/dev/null
    is "$(umiak run --rm --volumes-from donor:ro $IMAGE cat /given/file)" t "volumes-from"
    run umiak run --rm --volumes-from donor:ro $IMAGE touch /given/new
    [ "$status" != 0 ]
    run_umiak 125 run --rm --volumes-from donor:nonsense $IMAGE true
    umiak create --name first $IMAGE sleep 1000 >/dev/null
    umiak create --name second --requires first $IMAGE true >/dev/null
    umiak start -a second
    is "$(umiak inspect --format '{{.State.Status}}' first)" running "what is required runs first"
    run_umiak 125 rm first || true
    run_umiak 125 create --requires nobody $IMAGE true
    umiak rm -f -t0 second first donor >/dev/null
}

@test "--ipc of a container that keeps its own" {
    umiak run -d --name keeps --ipc private $IMAGE sleep 1000 >/dev/null
    run_umiak 125 run --rm --ipc container:keeps $IMAGE true
    like "$output" "is not allowed: non-shareable IPC" "refused"
    umiak rm -f -t0 keeps >/dev/null
}

@test "exec: environment, user, directory, cidfile, wait" {
    umiak run -d --name e --cidfile "$UMIAK_WORK/tmp/cid" $IMAGE sleep 1000 >/dev/null
    is "$(umiak exec --cidfile "$UMIAK_WORK/tmp/cid" -e A=b -u user -w /data $(: ) sh -c 'echo $A $(id -un) $(pwd)')" "b user /data" "all"
    echo F=g >"$UMIAK_WORK/tmp/env"; chmod a+r "$UMIAK_WORK/tmp/env"
    is "$(umiak exec --env-file "$UMIAK_WORK/tmp/env" e sh -c 'echo $F')" g "env-file"
    run_umiak exec -d e touch /made
    sleep 0.3
    umiak exec e test -e /made
    run_umiak 127 exec e nothing-of-that-name
    run_umiak 126 exec e /etc
    run_umiak 125 exec nobody true
    umiak rm -f -t0 e >/dev/null
    run_umiak 125 exec --wait 1 e true
}
