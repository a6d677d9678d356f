# SPDX-License-Identifier: Apache-2.0
# Classes J, N and O of the security matrix: what is written again at the next start, texts in other people's formats, other
# users of the machine, programs that crash or stand still. Every attack has its control.

load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    T=$UMIAK_WORK/tmp
    mkdir -p "$T/canary"; echo "the host's" >"$T/canary/hosts"; chmod -R a+rwX "$T"
}
teardown() {
    exec 7>&-
    end_jobs
    umiak_teardown; umiak volume rm -af >/dev/null; umiak secret rm -a >/dev/null; rm -rf "${T:?}"/*
}

until_true() { # COMMAND...: within ten seconds
    local i
    for i in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    echo "never true: $*"; return 1
}

@test "J1: what the engine writes again at the second start goes through no link that the container left" {
    echo secret >"$T/s"; chmod a+r "$T/s"; umiak secret create s "$T/s" >/dev/null
    # what the first start has made may be moved: the directories of mounts and secrets
    umiak run -d --name c --network none --secret s,target=/s/a/b -v v:/m/v --mount type=tmpfs,dst=/m/t "$IMAGE" sh -c '
        test -L /m && exec sleep 1000; cd /
        for d in /s /m; do mv $d $d.old && ln -s '"$T/canary"' $d || exit 1; done; touch /done; exec sleep 1000' >/dev/null
    until_true umiak exec -w / c test -e /done
    if [ "$(id -u)" = 0 ]; then   # control: who goes by names is led there
        is "$(cat "/proc/$(umiak inspect -f '{{.State.Pid}}' c)/root/m/hosts")" "the host's" "control"
    fi
    for i in 1 2; do
        timeout 60 bash -c "$(declare -f umiak rootless); umiak restart -t0 c" >/dev/null 2>&1 || true
        is "$(find "$T/canary" -printf '%P %y %s\n' | sort)" $' d '"$(stat -c %s "$T/canary")"$'\nhosts f 11' "start $i: the host's files"
        is "$(cat "$T/canary/hosts")" "the host's" "start $i: their content"
    done
    umiak rm -ft0 c >/dev/null
    is "$(ls "$T/canary")" hosts "nor does the removal reach it"
}

@test "J5: values with line breaks, percent signs and quotes are the same values in generate spec and inspect" {
    evil=$'x\n[Service]\nExecStart=/evil\n%n $HOME ${PATH}; "q" \\ \'s\' }} {{.Id}}\t'
    umiak create --name j --network none --env "E=$evil" --label "l=$evil" --annotation "a=$evil" "$IMAGE" sh -c "$evil" >/dev/null
    umiak generate spec --name=false j >"$T/spec"
    is "$(jq -r '.env.E // (.env[] | select(startswith("E=")) | ltrimstr("E="))' "$T/spec"; echo .)" "$evil"$'\n.' "variable"
    is "$(jq -r '.labels.l' "$T/spec"; echo .)" "$evil"$'\n.' "label"
    is "$(umiak inspect j | jq -r '.[0].Config.Cmd[-1]'; echo .)" "$evil"$'\n.' "command"
    is "$(jq -r 'keys[]' "$T/spec" | grep -c -i -E 'exec|service')" 0 "no key of its making"
    is "$(umiak ps -a --format '{{.Names}} {{.Label "l"}}' --filter name=j | head -n1 | cut -c1-3)" "j x" "the table"
    run umiak generate systemd j
    [ "$status" = 125 ]   # no units are written: there is nothing to break out of
    # control: the same value in a unit would be a directive
    printf 'Environment=E=%s\n' "$evil" >"$T/unit"; grep -qx 'ExecStart=/evil' "$T/unit"
}

worker_of() { # PID of whatever was started: the worker below it
    local p=$1 c
    while [ "$(cat "/proc/$p/comm" 2>/dev/null)" != umiak-worker ]; do
        for c in $(cat "/proc/$p/task/"*/children 2>/dev/null); do worker_of "$c" && return 0; done
        return 1
    done
    echo "$p"
}

@test "J7 O3: bytes of strangers are looked at in a confined process, whose crash is one line of one command" {
    # no library for signatures, TLS or archives in the program itself
    [ -z "$(ldd "$UMIAK_BUILD/umiak" | grep -E 'crypto|ssl|gpg|curl|lzma|zstd')" ]
    ldd "$UMIAK_BUILD/umiak-worker" | grep -q crypto   # control
    mkfifo "$T/pipe"; exec 7<>"$T/pipe"
    bash -c "$(declare -f umiak rootless); umiak import -q - localhost/crashed:1" <"$T/pipe" >"$T/out" 2>&1 7>&- &
    job=$!
    until_true worker_of $job; worker=$(worker_of $job)
    until_true grep -q '^Seccomp:.2' "/proc/$worker/status"
    is "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$worker/status")" 1 "new rights"
    # owners and modes of the files it unpacks; no mounts, networks, traces, modules
    is "$((0x$(awk '/^CapEff:/ { print $2 }' "/proc/$worker/status") & (1 << 21 | 1 << 19 | 1 << 16 | 1 << 12 | 1 << 2)))" 0 "rights"
    is "$(umiak run --rm --network none "$IMAGE" echo fine)" fine "others work meanwhile"
    kill -SEGV "$worker"
    wait $job && return 1
    is "$(wc -l <"$T/out")" 1 "one line: $(cat "$T/out")"
    like "$(cat "$T/out")" "^Error: .*worker" "and what it says"
    run_umiak 1 image exists localhost/crashed:1
    run_umiak system check
    is "$(umiak run --rm --network none "$IMAGE" echo fine)" fine "and afterwards"
}

words() { # umiak without the shell's function around it
    words=(nsenter --net="$UMIAK_WORK/netns" -- "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run"
        --network-config-dir "$UMIAK_WORK/networks")
    rootless || return 0
    words=(env HOME="$UMIAK_WORK/home" USER="$UMIAK_TEST_USER" XDG_RUNTIME_DIR="$UMIAK_WORK/xdg" "$UMIAK_BUILD/umiak")
    [ "$(id -u)" != 0 ] ||
        words=(setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups "${words[@]}")
}

# Names that a traced program made in directories that belong to everybody.
shared_names() { # COMMAND...: its exit code
    local code=0
    strace -f -qq -y -e signal=none -e trace=open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,bind \
        -o "$T/trace" "$@" >/dev/null 2>"$T/err" || code=$?
    { grep -E 'O_CREAT|^[0-9]+ +(creat|mk|sym|link|rename|bind)' "$T/trace" | grep -v O_TMPFILE |
        grep -E '"(/tmp|/var/tmp|/dev/shm|/run/lock)/|<(/tmp|/var/tmp|/dev/shm|/run/lock)>, "' | grep -vF "$UMIAK_WORK" || true; } >>"$T/found"
    return $code
}

@test "N3: no file with a name is made in a directory that belongs to everybody" {
    [ "$(id -u)" = 0 ] || skip "traces another user's programs"
    command -v strace >/dev/null || skip "needs strace"
    words; mkdir "$T/x"; chmod 777 "$T/x"
    umiak run -d --name c --network none "$IMAGE" sleep 1000 >/dev/null
    printf 'FROM %s\nRUN true\n' "$IMAGE" >"$T/x/Containerfile"
    while read -r command; do
        # shellcheck disable=SC2086
        shared_names timeout 60 "${words[@]}" ${command//TMP/$T/x} </dev/null || { echo "$command: $(cat "$T/err")"; return 1; }
    done <<EOF
run --rm --network none $IMAGE true
exec c true
cp c:/etc/passwd TMP/passwd
cp TMP/passwd c:/root/p
commit -q c localhost/n3:1
save -q -o TMP/image.tar localhost/n3:1
load -q -i TMP/image.tar
build -q -t localhost/n3:2 TMP
export -o TMP/c.tar c
import -q TMP/c.tar localhost/n3:3
secret create s TMP/passwd
volume create v
volume import v TMP/c.tar
pod create --name p --network none
pod rm -f p
rm -ft0 c
rmi localhost/n3:1 localhost/n3:2 localhost/n3:3
EOF
    is "$(cat "$T/found")" "" "names"
    shared_names mktemp -p /tmp umiak-control.XXXXXX; rm -f /tmp/umiak-control.??????   # control
    [ "$(wc -l <"$T/found")" = 1 ]
}

@test "N5: subordinate ids that somebody else has, too, are refused" {
    rootless && [ "$(id -u)" = 0 ] || skip "another user's files"
    first=$(awk -F: -v u="$UMIAK_TEST_USER" '$1 == u { print $2; exit }' /etc/subuid)
    mkdir -m 700 "$T/xdg" "$T/h"; chown "$UMIAK_TEST_USER:" "$T/xdg" "$T/h"
    with() { # FILE COMMAND...: in a mount namespace where FILE is /etc/subuid, without what runs already
        local file=$1; shift
        unshare -m sh -c 'mount --bind "$0" /etc/subuid && exec "$@"' "$file" \
            setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups \
            env HOME="$T/h" XDG_RUNTIME_DIR="$T/xdg" "$UMIAK_BUILD/umiak" "$@"
    }
    { cat /etc/subuid; echo "somebody:$((first + 100)):10"; } >"$T/both"
    { cat /etc/subuid; echo "somebody:$((first + 1000000000)):10"; } >"$T/apart"; chmod a+r "$T/both" "$T/apart"
    run with "$T/both" unshare cat /proc/self/uid_map
    is "$status" 125 "refused: $output"
    like "$output" "/etc/subuid: the range $first:.* is granted to somebody, too .*: give each user ids of its own" "why"
    run with "$T/apart" unshare cat /proc/self/uid_map
    is "$status" 0 "control: $output"
    like "$output" " 1 +$first " "control: the ids"
    with "$T/apart" system migrate
}

@test "O5: a monitor that stands still holds up nobody who looks" {
    umiak run -d --name c --network none "$IMAGE" sh -c 'echo said; exec sleep 1000' >/dev/null
    until_true sh -c "[ -s '$(umiak inspect -f '{{.HostConfig.LogConfig.Path}}' c)' ]"
    m=$(umiak inspect -f '{{.State.ConmonPid}}' c)
    kill -STOP "$m"
    for command in ps "inspect c" "logs c" "stats --no-stream c" "top c" "exec c true" "port c" "diff c" "cp c:/etc/passwd -"; do
        # shellcheck disable=SC2086
        run timeout 30 bash -c "$(declare -f umiak rootless); umiak $command | cat; exit \${PIPESTATUS[0]}"
        is "$status" 0 "$command"
    done
    # control: it does stand still
    run timeout 1 bash -c "$(declare -f umiak rootless); umiak attach --no-stdin c"
    is "$status" 124 "control"
    kill -CONT "$m"
    umiak kill c >/dev/null
    is "$(umiak wait c)" 137 "and goes on"
}
