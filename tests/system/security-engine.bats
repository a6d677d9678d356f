#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Classes A to D and K (and O1) of the security matrix with hostile images, through the engine. Root and rootless.
load helpers

setup_file() {
    umiak_setup_file
    export PROBE=$BATS_FILE_TMPDIR/probe
    ! command -v cc >/dev/null || cc -O1 -static -o "$PROBE" "$BATS_TEST_DIRNAME/../lib/probe.c"
}
teardown_file() { umiak_teardown_file; }
setup() {
    SEC=$(mktemp -d /tmp/umiak-sec.XXXXXX)
    mkdir -p "$SEC/canary/dir" "$SEC/root"
    echo "host file" >"$SEC/canary/file"
    # the attack must be stopped by umiak, not by the permissions of the canary
    chmod -R a+rwX "$SEC"
    CANARY=$(canary_state)
}
teardown() {
    umiak_teardown
    rm -rf "$SEC"
}
canary_state() {
    (cd "$SEC" && find canary -printf '%p %y %m %U:%G %s %l\n' | sort && find canary -type f -exec sha256sum {} + | sort)
}
canary_is_clean() {
    local now
    now=$(canary_state)
    [ "$now" = "$CANARY" ] || { echo "the canary changed:"; diff <(echo "$CANARY") <(echo "$now"); return 1; }
}

base() { # the root file system of the hostile image starts as busybox
    rm -rf "$SEC/root"
    mkdir -p "$SEC/root"/{bin,etc,tmp,run,root}
    cp "$(command -v busybox)" "$SEC/root/bin/busybox"
    for a in sh cat echo ls id env grep sleep true touch stat head; do ln -s busybox "$SEC/root/bin/$a"; done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$SEC/root/etc/passwd"
    echo 'root:x:0:' >"$SEC/root/etc/group"
}
evil() { # [CONFIG-JSON]: makes and loads localhost/evil:1 from $SEC/root
    tar -C "$SEC/root" --owner=0 --group=0 --numeric-owner -cf "$SEC/layer.tar" .
    "$BATS_TEST_DIRNAME/../lib/make-evil" "$SEC/evil.tar" localhost/evil:1 "${1:-{\}}" "$SEC/layer.tar"
    chmod a+r "$SEC/evil.tar"
    umiak load -q -i "$SEC/evil.tar" >/dev/null
}
run_evil() { # runs the image; sets status and output; a hang is a failure
    run timeout 30 bash -c "$(declare -f umiak); umiak run --rm --network none \"\$@\"" bash "$@"
    case $status in 124|134|139) echo "hangs or crashes ($status): $output"; return 1 ;; esac
}

@test "A8 A11: files the engine writes into a container are planted as links, FIFOs, directories" {
    for file in etc/hosts etc/resolv.conf etc/hostname run/.containerenv etc/mtab; do
        for kind in link dangling relative fifo directory loop; do
            base
            case $kind in
                link) ln -s "$SEC/canary/file" "$SEC/root/$file" ;;
                dangling) ln -s "$SEC/canary/new" "$SEC/root/$file" ;;
                relative) ln -s "../../../../../../../../..$SEC/canary/file" "$SEC/root/$file" ;;
                fifo) mkfifo "$SEC/root/$file" ;;
                directory) mkdir "$SEC/root/$file" ;;
                loop) ln -s "${file##*/}" "$SEC/root/$file" ;;
            esac
            evil
            run_evil localhost/evil:1 true
            canary_is_clean || { echo "$file as $kind"; return 1; }
        done
    done
    for dir in etc run; do
        base; rm -rf "${SEC:?}/root/$dir"; ln -s "$SEC/canary" "$SEC/root/$dir"
        evil
        run_evil localhost/evil:1 true
        canary_is_clean || { echo "$dir"; return 1; }
    done
}

@test "A2 A3: /proc, /sys and /dev of the image are links: /proc is a proc file system or nothing starts" {
    for dir in proc sys dev; do
        for to in "$SEC/canary" "../../../..$SEC/canary" /no/where "$dir"; do
            base; ln -s "$to" "$SEC/root/$dir"
            evil
            run_evil localhost/evil:1 stat -f -c %T /proc
            canary_is_clean
            [ "$status" != 0 ] || is "$output" proc "$dir -> $to"
        done
    done
}

@test "A10: a working directory behind a link is not made on the host" {
    base; ln -s "$SEC/canary" "$SEC/root/link"
    evil '{"WorkingDir":"/link/new"}'
    run_evil localhost/evil:1 true
    canary_is_clean
    run_evil --workdir /link/other/deep localhost/evil:1 true
    canary_is_clean
    run_evil --workdir "../../../..$SEC/canary/up" localhost/evil:1 true
    canary_is_clean
}

@test "A12: a volume is not filled through a link with the host's files, nor is the host written" {
    base; ln -s "$SEC/canary" "$SEC/root/v"
    evil '{"Volumes":{"/v":{}}}'
    run_evil localhost/evil:1 sh -c 'cat /v/file; echo x >/v/written'
    canary_is_clean
    [[ $output != *"host file"* ]]
    run_evil -v "named:/v" localhost/evil:1 cat /v/file
    [[ $output != *"host file"* ]]
    canary_is_clean
    umiak volume rm -f named >/dev/null 2>&1 || true
}

@test "A16: images without layers, with an empty one, with whiteouts alone: a private empty root or a clean error" {
    mkdir "$SEC/empty" "$SEC/wh"; touch "$SEC/wh/.wh.etc" "$SEC/wh/.wh..wh..opq"
    tar -C "$SEC/empty" -cf "$SEC/empty.tar" -T /dev/null
    tar -C "$SEC/wh" -cf "$SEC/wh.tar" .
    for layers in "" "$SEC/empty.tar" "$SEC/wh.tar"; do
        "$BATS_TEST_DIRNAME/../lib/make-evil" "$SEC/evil.tar" localhost/bare:1 '{"Cmd":["/x"]}' $layers
        chmod a+r "$SEC/evil.tar"
        run umiak load -q -i "$SEC/evil.tar"
        [ "$status" = 0 ] || continue
        run_evil localhost/bare:1 /bin/ls /
        [ "$status" != 0 ] || { echo "something ran in an empty image: $output"; return 1; }
        umiak rmi -f localhost/bare:1 >/dev/null 2>&1 || true
    done
}

@test "B4: nothing may be mounted over /proc" {
    for target in /proc /proc/self /proc/sys /proc/self/attr; do
        run_evil -v "$SEC/canary:$target" $IMAGE sh -c 'echo started'
        [[ $output != *started* ]] || { echo "$target"; return 1; }
    done
}

@test "B6: masked files show nothing" {
    run_umiak run --rm --network none $IMAGE sh -c 'for f in /proc/kcore /proc/keys /proc/timer_list /proc/latency_stats /proc/sched_debug \
        /proc/interrupts; do [ ! -e $f ] || [ -z "$(head -c 9 $f 2>/dev/null)" ] || echo OPEN $f; done
        for d in /proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/devices/virtual/powercap; do [ -z "$(ls -A $d 2>/dev/null)" ] || echo OPEN $d; done; echo end'
    is "$output" end "masked files"
}

@test "B7: sysctls of namespaces that are the host's are refused" {
    run_evil --network host --sysctl net.ipv4.ip_forward=1 $IMAGE echo started
    [[ $output != *started* ]]
    run_evil --ipc host --sysctl kernel.shm_rmid_forced=1 $IMAGE echo started
    [[ $output != *started* ]]
    run_evil --sysctl kernel.core_pattern=x $IMAGE echo started
    [[ $output != *started* ]]
}

@test "C1: our own program survives an entry point that is the runtime itself" {
    base; printf '#!/proc/self/exe\n' >"$SEC/root/entry"; chmod 755 "$SEC/root/entry"
    evil
    before=$(sha256sum "$UMIAK_BUILD"/umiak "$UMIAK_BUILD"/umiak-monitor "$UMIAK_BUILD"/umiak-oci)
    run_evil localhost/evil:1 /entry --version
    run_evil localhost/evil:1 /proc/self/exe --version
    [ "$before" = "$(sha256sum "$UMIAK_BUILD"/umiak "$UMIAK_BUILD"/umiak-monitor "$UMIAK_BUILD"/umiak-oci)" ]
}

@test "C1: nor is it written while others start processes in the container" {
    [ -x "$PROBE" ] || skip "needs a C compiler and a static libc"
    before=$(sha256sum "$UMIAK_BUILD"/umiak "$UMIAK_BUILD"/umiak-monitor)
    chmod 755 "$PROBE" "$BATS_FILE_TMPDIR"
    cp "$PROBE" "$SEC/probe"; chmod 755 "$SEC" "$SEC/probe"
    umiak run -d --name victim --network none --cap-add SYS_PTRACE -v "$SEC/probe:/probe" $IMAGE /probe exes 2000 >/dev/null
    for _ in $(seq 20); do umiak exec victim true; done
    umiak wait victim >/dev/null 2>&1 || sleep 2
    run umiak logs victim
    [[ $output != *WRITABLE* ]] || { echo "$output"; return 1; }
    [ "$before" = "$(sha256sum "$UMIAK_BUILD"/umiak "$UMIAK_BUILD"/umiak-monitor)" ]
    umiak rm -f -t 0 victim >/dev/null
}

@test "C2: working directories that are descriptors are refused or inside" {
    for n in 3 5 7 8 10 15; do
        run_evil --workdir /proc/self/fd/$n $IMAGE sh -c 'ls ../../../ 2>/dev/null | grep -c data'
        [ "$status" != 0 ] || is "$output" 1 "root seen from descriptor $n"
    done
}

@test "C4: looking at a container executes nothing of the container's" {
    base
    printf '#!/bin/busybox sh\n/bin/busybox touch /executed\n' >"$SEC/root/trap"; chmod 755 "$SEC/root/trap"
    mkdir -p "$SEC/root/usr/bin" "$SEC/root/sbin"
    for p in bin/ps bin/tar bin/nsenter bin/ls bin/sh usr/bin/xz usr/bin/gzip usr/bin/unpigz sbin/ldconfig; do ln -sf /trap "$SEC/root/$p"; done
    evil
    umiak run -d --name looked --network none localhost/evil:1 /bin/busybox sleep 60 >/dev/null
    for words in "top looked" "stats --no-stream looked" "inspect looked" "diff looked" "logs looked" "port looked" "export -o /dev/null looked"; do
        timeout 20 bash -c "$(declare -f umiak); umiak $words" >/dev/null 2>&1 || true
    done
    umiak cp looked:/etc/passwd "$SEC/copied" >/dev/null 2>&1 || true
    run umiak exec looked /bin/busybox ls /executed
    [ "$status" != 0 ] || { echo "something of the container's was executed"; return 1; }
    # control: the trap does work
    umiak exec looked /bin/ls >/dev/null 2>&1 || true
    run_umiak exec looked /bin/busybox ls /executed
    umiak rm -f -t 0 looked >/dev/null
}

@test "C7 C9: environments are the containers' own" {
    export HOST_SECRET=do-not-leak
    run_umiak run --rm --network none $IMAGE sh -c 'cat /proc/*/environ | tr "\0" "\n"'
    [[ $output != *do-not-leak* ]]
    for i in $(seq 12); do
        (umiak run --rm --network none -e "MINE=value-$i" $IMAGE env >"$SEC/env.$i") &
    done
    wait
    for i in $(seq 12); do
        is "$(grep -c value- "$SEC/env.$i")" 1 "container $i has one value"
        grep -q "MINE=value-$i$" "$SEC/env.$i"
    done
}

@test "D1 D2 D3 D4: user names and numbers, as hostile as they come" {
    base
    cat >"$SEC/root/etc/passwd" <<P
root:x:0:0:root:/root:/bin/sh
1000:x:0:0:trap:/root:/bin/sh
4294967296:x:0:0:trap:/root:/bin/sh
-1:x:0:0:trap:/root:/bin/sh
user:x:1001:1001::/:/bin/sh
P
    evil
    run_evil --user 1000 localhost/evil:1 id -u
    is "$output" 1000 "digits are a number (D1)"
    run_evil --user user localhost/evil:1 id -u
    is "$output" 1001 "names are looked up"
    for bad in 4294967296 -1 4294967295 18446744073709551616 0x0 ' 0' '0 ' +0 1: :1 1:2:3 nobody-here $'0\n' 99999999999999999999999999; do
        run_evil --user "$bad" localhost/evil:1 sh -c 'echo started'
        [[ $output != *started* ]] || { echo "'$bad' was accepted"; return 1; }
    done
    umiak run -d --name u --network none localhost/evil:1 sleep 60 >/dev/null
    run_umiak exec -u 1 u id -u
    is "$output" 1 "exec -u 1 is uid 1 (D4)"
    for bad in 4294967296 -1 0x0 +0 1: nobody-here; do
        run umiak exec -u "$bad" u echo started
        [[ $output != *started* ]] || { echo "exec -u '$bad' was accepted"; return 1; }
    done
    umiak rm -f -t 0 u >/dev/null
    # the image's own User is no better than the command line's
    evil '{"User":"4294967296"}'
    run_evil localhost/evil:1 sh -c 'echo started'
    [[ $output != *started* ]]
}

@test "D5 D7 D8: capabilities of other users, also in privileged containers" {
    run_umiak run --rm --network none --user 1000 $IMAGE grep Cap /proc/self/status
    like "$output" "CapInh:.0000000000000000" "inheritable"
    like "$output" "CapEff:.0000000000000000" "effective"
    like "$output" "CapAmb:.0000000000000000" "ambient"
    run_umiak run --rm --network none $IMAGE grep Cap /proc/self/status
    like "$output" "CapInh:.0000000000000000" "inheritable of root"
    like "$output" "CapAmb:.0000000000000000" "ambient of root"
    run_evil --privileged --user 1000 $IMAGE sh -c 'grep CapEff /proc/self/status; cat /etc/shadow-of-root'
    like "$output" "CapEff:.0000000000000000" "a privileged container's user 1000"
    run_evil --cap-add FLY $IMAGE echo started
    [[ $output != *started* ]]
}

@test "D10 D11: values with line breaks do not become lines of files" {
    run_evil --hostname $'a\nroot2::0:0::/:/bin/sh' $IMAGE echo started
    [[ $output != *started* ]]
    run_evil --add-host $'a\nb:1.2.3.4' $IMAGE echo started
    [[ $output != *started* ]]
    run_evil --dns $'1.1.1.1\nsearch evil' $IMAGE echo started
    [[ $output != *started* ]]
    run_umiak run --rm --network none -e $'A=x\nroot2::0:0::/:' $IMAGE cat /etc/passwd
    [[ $output != *root2* ]]
}

@test "K1: cgroup files cannot be written" {
    run_evil $IMAGE sh -c 'for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/devices.allow; do
        [ -e "$f" ] && (echo 1 >"$f") 2>/dev/null && echo "WRITABLE $f"; done; echo end'
    is "$output" end "nothing writable"
}

@test "K10: keyrings, AF_ALG, VSOCK, io_uring, userfaultfd, bpf are out of reach; namespaces are by profile" {
    [ -x "$PROBE" ] || skip "needs a C compiler and a static libc"
    cp "$PROBE" "$SEC/probe"; chmod 755 "$SEC" "$SEC/probe"
    run_umiak run --rm --network none -v "$SEC/probe:/probe" $IMAGE sh -c '/probe syscall 250; /probe syscall 248; /probe syscall 425; /probe syscall 323; /probe syscall 321; /probe syscall 298; /probe socket 38; /probe socket 40; /probe socket 1'
    is "$(echo $output)" "1 1 38 1 1 1 97 97 0" "keyctl add_key io_uring userfaultfd bpf perf alg vsock unix"
    run_umiak run --rm --network none --security-opt seccomp=unconfined -v "$SEC/probe:/probe" $IMAGE /probe syscall 250
    [ "$output" != 1 ]
}

@test "O1: a gigantic group file is refused quickly and cheaply" {
    base; yes 'g:x:5:root,user,other' | head -c 60000000 >"$SEC/root/etc/group"
    evil
    SECONDS=0
    run_evil --user root localhost/evil:1 echo started
    [ $SECONDS -lt 5 ]
    [[ $output != *started* ]] || { echo "a 60 MB group file was read"; return 1; }
}
