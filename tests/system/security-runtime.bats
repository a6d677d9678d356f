#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Classes A, B, C, D and K of the security matrix against the runtime alone (umiak-oci and a bundle).
load security
setup_file() { build_probe; }
setup() { sec_setup; }
teardown() { sec_teardown; }

# ---- A: paths while the root file system is built ----

@test "A2 A3: /proc, /sys, /dev, /run, /etc of an image as links, FIFOs, devices, files: nothing happens outside" {
    for name in proc sys dev run etc; do
        for kind in absolute relative dangling loop fifo device file; do
            rm -rf "$ROOTFS"; make_rootfs "$ROOTFS"; rm -rf "${ROOTFS:?}/$name"
            case $kind in
                absolute) ln -s "$SEC/canary" "$ROOTFS/$name" ;;
                relative) ln -s "../../../../../../../..$SEC/canary" "$ROOTFS/$name" ;;
                dangling) ln -s /no/where "$ROOTFS/$name" ;;
                loop) ln -s "$name" "$ROOTFS/$name" ;;
                fifo) mkfifo "$ROOTFS/$name" ;;
                device) mknod "$ROOTFS/$name" c 1 3 ;;
                file) echo file >"$ROOTFS/$name" ;;
            esac
            command_is 'stat -f -c %T /proc; readlink /proc/self'
            run_oci
            canary_is_clean || { echo "$name as $kind"; return 1; }
            # either refused, or /proc is a proc file system
            [ "$status" != 0 ] || [[ $output == proc* ]] || { echo "$name as $kind: $output"; return 1; }
        done
    done
}

@test "A5: /dev of the image leads outside and the bundle has no /dev mount: no device or link is made there" {
    rm -rf "$ROOTFS/dev"; ln -s "$SEC/canary" "$ROOTFS/dev"
    edit '.mounts |= map(select(.destination | startswith("/dev") | not))'
    command_is true
    run_oci
    canary_is_clean
    # control: a known-bad runtime makes links there
    if CONTROL_RUNTIME=${CONTROL_RUNTIME:-runc} control_run; then
        ! canary_is_clean >/dev/null || echo "# no control: this $CONTROL_RUNTIME is not vulnerable" >&3
        restore_canary
    fi
}

@test "A6: /dev/console of the image leads outside, with a terminal and without a /dev mount" {
    command -v script >/dev/null || skip "needs script(1)"
    rm -rf "$ROOTFS/dev"; mkdir "$ROOTFS/dev"; ln -s "$SEC/canary/new" "$ROOTFS/dev/console"
    edit '.process.terminal = true | .mounts |= map(select(.destination | startswith("/dev") | not))'
    command_is true
    for readonly in true false; do
        edit ".root.readonly = $readonly"
        run timeout 20 script -qec "$UMIAK_BUILD/umiak-oci --root $SEC/state run --bundle $BUNDLE $ID" /dev/null
        UMIAK_OCI delete --force "$ID" >/dev/null 2>&1 || true
        canary_is_clean
    done
}

@test "A7: /dev/null of the image leads outside: standard streams and masks do not end up there" {
    rm -rf "$ROOTFS/dev"; mkdir "$ROOTFS/dev"; ln -s "$SEC/canary/file" "$ROOTFS/dev/null"
    edit '.mounts |= map(select(.destination | startswith("/dev") | not)) | .linux.maskedPaths = ["/etc/passwd"]'
    command_is 'cat /etc/passwd; readlink /proc/self/fd/0; echo x > /dev/null'
    run_oci
    canary_is_clean
    [[ $output != *"host file"* ]] || { echo "$output"; return 1; }
}

@test "A9: the last component of a mount target is a link to the outside" {
    mkdir "$SEC/volume"; echo volume >"$SEC/volume/data"
    ln -s "$SEC/canary/new" "$ROOTFS/target"
    ln -s "$SEC/canary/dir" "$ROOTFS/existing"
    edit ".mounts += [{destination: \"/target\", type: \"bind\", source: \"$SEC/volume\", options: [\"rbind\"]},
                      {destination: \"/existing\", type: \"bind\", source: \"$SEC/volume\", options: [\"rbind\"]}]"
    command_is 'cat /target/data'
    run_oci
    canary_is_clean
    [ ! -e "$SEC/canary/new" ]
    grep -q "$SEC/canary" /proc/self/mountinfo && return 1
    true
}

@test "A1 A4: parents of mount targets are exchanged with links while containers start" {
    need_probe
    mkdir -p "$SEC/shared/a/b" "$SEC/volume"
    ln -s ../../../../../../../../../.."$SEC/canary" "$SEC/shared/link"
    edit ".mounts += [{destination: \"/shared\", type: \"bind\", source: \"$SEC/shared\", options: [\"rbind\"]},
                      {destination: \"/shared/a/b/c/d\", type: \"bind\", source: \"$SEC/volume\", options: [\"rbind\"]}]"
    command_is true
    start_racer "$SEC/shared/a" "$SEC/shared/link"
    for _ in $(seq 60); do
        timeout 20 "$UMIAK_BUILD/umiak-oci" --root "$SEC/state" run --bundle "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 || true
        UMIAK_OCI delete --force "$ID" >/dev/null 2>&1 || true
    done
    stop_racer
    canary_is_clean
}

# ---- B: procfs, masks ----

@test "B1: /dev/null in a bound /dev leads to a procfs file: masked paths show nothing of it" {
    mkdir "$SEC/fakedev"; ln -s /proc/sys/kernel/ostype "$SEC/fakedev/null"
    edit ".mounts |= map(select(.destination | startswith(\"/dev\") | not)) |
          .mounts += [{destination: \"/dev\", type: \"bind\", source: \"$SEC/fakedev\", options: [\"rbind\"]}] |
          .linux.maskedPaths = [\"/proc/keys\"]"
    command_is 'cat /proc/keys'
    run_oci
    [[ $output != *Linux* ]] || { echo "masked file reads: $output"; return 1; }
    if CONTROL_RUNTIME=${CONTROL_RUNTIME:-runc} control_run; then
        grep -q Linux "$SEC/control.out" || echo "# no control: this $CONTROL_RUNTIME is not vulnerable" >&3
    fi
}

@test "B4: nothing is mounted over /proc or what identifies a process there" {
    mkdir "$SEC/fake"
    for target in /proc /proc/self /proc/self/attr /proc/sys /proc/../proc /proc/1; do
        make_bundle_again
        edit ".mounts += [{destination: \"$target\", type: \"bind\", source: \"$SEC/fake\", options: [\"rbind\"]}]"
        command_is 'echo started'
        run_oci
        [[ $output != *started* ]] || { echo "$target was mounted over"; return 1; }
    done
    # control: next to it, and on one of the files lxcfs provides, it is allowed
    make_bundle_again
    echo "fake uptime" >"$SEC/uptime"
    edit ".mounts += [{destination: \"/proc/uptime\", type: \"bind\", source: \"$SEC/uptime\", options: [\"bind\"]}]"
    command_is 'cat /proc/uptime'
    run_oci
    [ "$output" = "fake uptime" ]
}
make_bundle_again() {
    (cd "$BUNDLE" && rm -f config.json && "$UMIAK_BUILD/umiak-oci" spec)
    edit '.process.terminal = false | .root.readonly = false'
}

@test "B6: masked paths are there and give nothing; read-only ones cannot be written" {
    command_is 'for f in $(echo /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats \
                /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/firmware /sys/fs/selinux \
                /sys/devices/virtual/powercap); do
            [ -e $f ] || continue
            if [ -d $f ]; then [ -z "$(ls -A $f)" ] || echo "OPEN $f"; else [ -z "$(head -c 10 $f 2>/dev/null)" ] || echo "OPEN $f"; fi
        done
        for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/irq/default_smp_affinity; do
            [ ! -e $f ] || ! (echo x >$f) 2>/dev/null || echo "WRITABLE $f"
        done; echo done'
    run_oci
    [ "$output" = "done" ] || { echo "$output"; return 1; }
}

@test "B7 B8: sysctls that would change the host, or are no sysctl at all, are refused before anything is written" {
    before=$(cat /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced)
    for pair in 'kernel.core_pattern|x' 'vm.swappiness|1' 'kernel/../kernel.core_pattern|x' '../kernel/hostname|x' \
                'net.ipv4.ip_forward\n|1' '|1' 'kernel.hostname+kernel.core_pattern|x' 'fs.file-max|1'; do
        make_bundle_again
        edit ".linux.sysctl = {\"${pair%|*}\": \"${pair#*|}\"}"
        command_is 'echo started'
        run_oci
        [[ $output != *started* ]] || { echo "$pair was accepted"; return 1; }
    done
    for pair in 'net ip_forward net.ipv4.ip_forward' 'ipc shm kernel.shm_rmid_forced'; do
        set -- $pair
        kind=$1; [ "$kind" != net ] || kind=network
        make_bundle_again
        edit ".linux.namespaces |= map(select(.type != \"$kind\")) | .linux.sysctl = {\"$3\": \"1\"}"
        command_is 'echo started'
        run_oci
        [[ $output != *started* ]] || { echo "$3 with the host's namespace was accepted"; return 1; }
    done
    after=$(cat /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced)
    [ "$before" = "$after" ]
    # control: a namespaced one works
    make_bundle_again
    edit '.linux.sysctl = {"kernel.shm_rmid_forced": "1"}'
    command_is 'cat /proc/sys/kernel/shm_rmid_forced'
    run_oci
    [ "$output" = 1 ]
}

# ---- C: descriptors, our own program ----

@test "C1: the runtime's program cannot be overwritten from inside" {
    need_probe
    cp "$PROBE" "$ROOTFS/bin/probe"
    before=$(sha256sum "$UMIAK_BUILD/umiak-oci")
    # the entry point is the runtime itself, as it looks from inside
    printf '#!/proc/self/exe\n' >"$ROOTFS/entry"; chmod 755 "$ROOTFS/entry"
    for entry in /proc/self/exe /entry; do
        edit ".process.args = [\"$entry\", \"--version\"]"
        run_oci
        echo "$entry: $status $output"
    done
    # and while others start processes in the container, with every capability that could help
    edit '.process.capabilities |= map_values(. + ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"] | unique)'
    command_is '/bin/probe exes 3000'
    timeout 20 "$UMIAK_BUILD/umiak-oci" --root "$SEC/state" run --bundle "$BUNDLE" "$ID" </dev/null >"$SEC/out" 2>&1 &
    wait_running
    for _ in $(seq 30); do
        UMIAK_OCI exec "$ID" /bin/true </dev/null >/dev/null 2>&1 || true
    done
    wait $!
    cat "$SEC/out"
    ! grep -q WRITABLE "$SEC/out"
    [ "$before" = "$(sha256sum "$UMIAK_BUILD/umiak-oci")" ]
}

@test "C2: a working directory that leads through a leaked descriptor is refused or inside" {
    exec 9</
    for n in 3 4 5 6 7 8 9 10 11 12 13 14 15 20 30; do
        for path in /proc/self/fd/$n /proc/self/fd/$n/tmp /proc/thread-self/fd/$n; do
            edit ".process.cwd = \"$path\""
            command_is 'ls /canary-of-the-host 2>/dev/null; pwd; ls ..'
            run_oci
            [ "$status" != 0 ] || { [[ $output != *home* && $output != *usr* ]] || { echo "$path: $output"; return 1; }; }
        done
    done
    exec 9<&-
}

@test "C2 C3: no descriptor of the caller is open in the container" {
    need_probe
    cp "$PROBE" "$ROOTFS/bin/probe"
    exec 7<"$SEC/canary/file" 8<"$SEC/canary"
    command_is '/bin/probe fds; echo end'
    run_oci
    [ "$output" = end ] || { echo "$output"; return 1; }
    exec 7<&- 8<&-
}

# Whoever joins the container is looked at from inside, first as any container can, then with CAP_SYS_PTRACE.
look_at_joiners() {
    command_is '/bin/probe look 3000'
    timeout 20 "$UMIAK_BUILD/umiak-oci" --root "$SEC/state" run --bundle "$BUNDLE" "$ID" </dev/null >"$SEC/out" 2>&1 &
    wait_running
    for _ in $(seq 30); do
        UMIAK_OCI exec "$ID" /bin/true </dev/null 2>&1 | cat >/dev/null || true
    done
    wait
    # pipes, sockets and /dev/null are what exec hands on; anything with a path of the host's is a leak
    ! grep -E "has (/sys|/tmp|/run|/var|/home)" "$SEC/out" || return 1
}

@test "C3: what joins the container shows no descriptors of the host" {
    need_probe
    cp "$PROBE" "$ROOTFS/bin/probe"
    look_at_joiners
}

@test "C3: nor to a container that may trace processes" {
    need_probe
    cp "$PROBE" "$ROOTFS/bin/probe"
    edit '.process.capabilities |= map_values(. + ["CAP_SYS_PTRACE"] | unique)'
    look_at_joiners
}

@test "C8: a container cannot put input into the caller's terminal" {
    need_probe
    cp "$PROBE" "$ROOTFS/bin/probe"
    command_is '/bin/probe tiocsti'
    run_oci
    [ "$output" = refused ] || { echo "$output"; return 1; }
}

@test "C10: hooks get a fixed environment, not the image's" {
    cat >"$SEC/hook" <<H
#!/bin/sh
env >"$SEC/hook.env"
pwd >>"$SEC/hook.env"
H
    chmod 755 "$SEC/hook"
    edit ".hooks = {prestart: [{path: \"$SEC/hook\"}]} |
          .process.env = [\"PATH=/evil\", \"LD_PRELOAD=/evil.so\", \"LD_LIBRARY_PATH=/evil\", \"GCONV_PATH=/evil\", \"BASH_ENV=/evil\", \"IFS=x\"]"
    edit '.process.args = ["/bin/true"]'
    run_oci
    [ -s "$SEC/hook.env" ] || { echo "the hook did not run: $output"; return 1; }
    ! grep -q evil "$SEC/hook.env" || { cat "$SEC/hook.env"; return 1; }
}

# ---- D: identity ----

@test "D5 D7 D12: inheritable and ambient sets are empty, bounding is exact, for run and exec, root and others" {
    for uid in 0 1000; do
        edit ".process.user = {uid: $uid, gid: $uid} | .process.capabilities = {bounding: [\"CAP_CHOWN\"],
              permitted: [\"CAP_CHOWN\"], effective: [\"CAP_CHOWN\"]}"
        if [ $uid != 0 ]; then edit '.process.capabilities = {bounding: ["CAP_CHOWN"]}'; fi
        command_is 'grep Cap /proc/self/status; while ! [ -e /tmp/go ]; do sleep 0.1; done'
        chmod 1777 "$ROOTFS/tmp"; rm -f "$ROOTFS/tmp/go"
        timeout 20 "$UMIAK_BUILD/umiak-oci" --root "$SEC/state" run --bundle "$BUNDLE" "$ID" </dev/null >"$SEC/out" 2>&1 &
        wait_running
        UMIAK_OCI exec "$ID" /bin/grep Cap /proc/self/status </dev/null >"$SEC/exec.out" 2>&1
        touch "$ROOTFS/tmp/go"
        wait $!
        want=0000000000000001; [ $uid = 0 ] || want=0000000000000000
        for f in out exec.out; do
            grep -q "CapInh:.0000000000000000" "$SEC/$f"
            grep -q "CapAmb:.0000000000000000" "$SEC/$f"
            grep -q "CapBnd:.0000000000000001" "$SEC/$f"
            grep -q "CapEff:.$want" "$SEC/$f" || { cat "$SEC/$f"; return 1; }
        done
    done
}

@test "D6: exactly the given groups" {
    edit '.process.user = {uid: 1000, gid: 1000, additionalGids: [5, 77]}'
    command_is 'grep -E "^(Uid|Gid|Groups)" /proc/self/status'
    run_oci
    [[ $output == *"Uid:"*1000*1000*1000*1000* ]]
    [[ $output =~ Groups:.*5\ 77 ]] || { echo "$output"; return 1; }
    edit '.process.user = {uid: 1000, gid: 1000}'
    run_oci
    [[ $output =~ Groups:[[:space:]]*$ || $output =~ Groups:[[:space:]]*1000[[:space:]]*$ ]] || { echo "$output"; return 1; }
}

@test "D9: unknown capabilities are an error" {
    for cap in CAP_FLY CAP_ALL ALL ""; do
        edit ".process.capabilities.bounding = [\"$cap\"]"
        command_is 'echo started'
        run_oci
        [[ $output != *started* ]] || { echo "'$cap' was accepted"; return 1; }
    done
}

# ---- K: namespaces, cgroups, devices, filter ----

@test "K1: no cgroup file of the host can be written" {
    edit '.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro","nosuid","noexec","nodev"]}]
          | .mounts |= unique_by(.destination)'
    command_is 'for f in $(grep -l . /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release /sys/fs/cgroup/*/cgroup.procs \
                /sys/fs/cgroup/release_agent /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/devices.allow 2>/dev/null); do
            (echo 1 >$f) 2>/dev/null && echo "WRITABLE $f"; done
            mkdir /tmp/cg 2>/dev/null; mount -t cgroup -o memory cgroup /tmp/cg 2>/dev/null && echo MOUNTED; echo end'
    run_oci
    [ "$output" = end ] || { echo "$output"; return 1; }
}

@test "K2: every process is in the container's cgroup, and a path with .. is refused" {
    for path in "/a/../../b" "../x" "/.." ; do
        edit ".linux.cgroupsPath = \"$path\""
        command_is 'echo started'
        run_oci
        [[ $output != *started* ]] || { echo "$path was accepted"; return 1; }
    done
    edit ".linux.cgroupsPath = \"/umiak-sec/$ID\" | .linux.resources.pids.limit = 50"
    command_is 'sleep 15'
    timeout 20 "$UMIAK_BUILD/umiak-oci" --root "$SEC/state" run --bundle "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 &
    wait_running
    UMIAK_OCI exec "$ID" /bin/sleep 12 </dev/null >/dev/null 2>&1 &
    sleep 0.4
    pid=$(UMIAK_OCI state "$ID" | jq .pid)
    for p in $pid $(pgrep -P "$pid" 2>/dev/null || true) $(UMIAK_OCI ps -f json "$ID" 2>/dev/null | jq -r '.[]' 2>/dev/null || true); do
        grep -q "umiak-sec/$ID" "/proc/$p/cgroup" || { echo "$p:"; cat "/proc/$p/cgroup"; return 1; }
    done
    UMIAK_OCI delete --force "$ID"
    wait
    rmdir /sys/fs/cgroup/umiak-sec /sys/fs/cgroup/*/umiak-sec 2>/dev/null || true
}

@test "K4: devices are exactly those of the rules, also after an update" {
    edit '.process.capabilities |= map_values(. + ["CAP_MKNOD"] | unique) | .linux.cgroupsPath = "/umiak-sec-dev"'
    edit '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 3, access: "rwm"},
          {allow: true, type: "c", major: 10, minor: 229, access: "r"}]'
    # nodes may be made (the default rules say so), but only what is listed may be opened, and only as listed
    command_is 'try() { "$@" 2>/dev/null && echo yes || echo no; }
        mknod /tmp/null c 1 3; mknod /tmp/fuse c 10 229; mknod /tmp/mem c 1 1; mknod /tmp/sda b 8 0
        try sh -c "echo x >/tmp/null"; try sh -c "exec 3</tmp/fuse"; try sh -c "exec 3>/tmp/fuse"
        try head -c1 /tmp/mem; try head -c1 /tmp/sda'
    run_oci
    rmdir /sys/fs/cgroup/umiak-sec-dev /sys/fs/cgroup/*/umiak-sec-dev 2>/dev/null || true
    if [ -e /dev/fuse ]; then is_lines "$output" yes yes no no no; else is_lines "$output" yes no no no no; fi
}
is_lines() {
    local got=$1 want
    shift
    want=$(printf '%s\n' "$@")
    [ "$got" = "$want" ] || { echo "got:"; echo "$got"; echo "wanted:"; echo "$want"; return 1; }
}

@test "K5: absurd cpu lists are refused at once" {
    for list in 0-9999999999 0-99999999999999999999 1-0 0,,1 x; do
        edit ".linux.resources.cpu = {cpus: \"$list\"} | .linux.cgroupsPath = \"/umiak-sec-cpu\""
        command_is 'echo started'
        SECONDS=0
        run_oci
        [[ $output != *started* ]] || { echo "$list was accepted"; return 1; }
        [ $SECONDS -lt 5 ]
    done
    rmdir /sys/fs/cgroup/umiak-sec-cpu /sys/fs/cgroup/*/umiak-sec-cpu 2>/dev/null || true
}

@test "no-new-privileges, seccomp and the rest are what the bundle says (D13)" {
    edit '.process.noNewPrivileges = true | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 77}]}'
    command_is 'grep -E "NoNewPrivs|Seccomp:" /proc/self/status; mkdir /tmp/x; echo $?'
    run_oci
    [[ $output == *"NoNewPrivs:"*1*"Seccomp:"*2* ]] || { echo "$output"; return 1; }
    [[ $output != *$'\n'0 ]]
}
