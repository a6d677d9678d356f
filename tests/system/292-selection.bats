# SPDX-License-Identifier: Apache-2.0
# which containers and pods a command is for, and how lists look: --latest, --all, --cidfile, --filter, and small flags.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak pod rm -af -t0 >/dev/null; umiak_teardown; umiak volume rm -af >/dev/null; rm -rf "${UMIAK_WORK:?}"/tmp/*; }

state() { umiak inspect --format '{{.State.Status}}' "$1"; }
ids() { umiak ps -aq --no-trunc --sort names; }

# Two containers; "two" is the newest.
two() {
    umiak create --cidfile "$UMIAK_WORK/tmp/one" --name one --label k=1 "$IMAGE" sleep 1000 >/dev/null
    umiak create --name two --label k=2 "$IMAGE" sleep 1000 >/dev/null
}
# What a command printed about container $1.
said() { is "$output" "$(umiak inspect --format '{{.Id}}' "$1")" "which one"; }

@test "--latest: the newest container" {
    two
    run_umiak init --latest; is "$(state two) $(state one)" "initialized created" init
    run_umiak start --latest; is "$(state two) $(state one)" "running created" start
    run_umiak exec --latest true
    like "$(umiak top --latest)" "sleep 1000" top
    run_umiak update --latest --pids-limit 99
    is "$(umiak inspect --format '{{.HostConfig.PidsLimit}}' two)" 99 update
    if rootless; then run umiak pause --latest; else
        run_umiak pause --latest; is "$(state two)" paused pause
        run_umiak unpause --latest; is "$(state two)" running unpause
        run_umiak stats --latest --no-stream --no-reset --format '{{.Name}}'; is "$output" two stats
        run_umiak mount --latest; [ -d "$output" ]
        run_umiak unmount --latest; said two
    fi
    run_umiak port --latest; is "$output" "" port
    run_umiak container inspect --latest --size --format '{{.Name}} {{.SizeRw}}'; like "$output" "^two [0-9]+$" "container inspect"
    run_umiak kill --latest; said two
    run_umiak wait --latest --interval 20ms; is "$output" 137 wait
    run_umiak restart --latest -t0; said two
    run_umiak stop --latest -t0; said two
    run_umiak container cleanup --latest; said two
    id=$(umiak inspect --format "{{.Id}}" two); run_umiak rm --latest; is "$output" "$id" rm
    is "$(umiak ps -aq | wc -l)" 1 "one is left"
}

@test "--all, --cidfile, --filter, --ignore" {
    two
    run_umiak init --all; is "$(state one) $(state two)" "initialized initialized" init
    run_umiak start --all; is "$(state one) $(state two)" "running running" start
    run_umiak kill --cidfile "$UMIAK_WORK/tmp/one"; said one
    umiak wait one >/dev/null
    run_umiak restart --cidfile "$UMIAK_WORK/tmp/one" --time 0; said one
    run_umiak restart --filter label=k=2 --timeout 0; said two
    if ! rootless; then
        run_umiak pause --cidfile "$UMIAK_WORK/tmp/one"; is "$(state one) $(state two)" "paused running" "pause --cidfile"
        run_umiak unpause --cidfile "$UMIAK_WORK/tmp/one"; is "$(state one)" running "unpause --cidfile"
        run_umiak pause --filter label=k=2; is "$(state one) $(state two)" "running paused" "pause --filter"
        run_umiak unpause --filter label=k=2; is "$(state two)" running "unpause --filter"
        run_umiak pause --all; is "$(state one) $(state two)" "paused paused" "pause --all"
        run_umiak unpause --all
        run_umiak mount --all; is "${#lines[@]}" 2 "mount --all"
        run_umiak unmount --all --force; is "${#lines[@]}" 2 "unmount --all"
    fi
    run_umiak port --all; is "$output" "" "port --all"
    run_umiak stop --filter label=k=2 --time 0; said two
    run_umiak stop --cidfile "$UMIAK_WORK/tmp/one" -t0; said one
    run_umiak stop --ignore nosuch; is "$output" "" "stop --ignore"
    umiak start --all >/dev/null
    run_umiak stop --all -t0; is "${#lines[@]}" 2 "stop --all"
    umiak start --all >/dev/null
    run_umiak kill --all; is "${#lines[@]}" 2 "kill --all"
    umiak wait one two >/dev/null
    id=$(umiak inspect --format "{{.Id}}" two); run_umiak container prune --force --filter label=k=2; is "$output" "$id" prune
    run_umiak rm --cidfile "$UMIAK_WORK/tmp/one"; is "$(umiak ps -aq)" "" "rm --cidfile"
}

@test "pods: --latest, --all, --ignore, --signal" {
    umiak pod create --infra=false --name p >/dev/null
    umiak pod create --infra=false --name q >/dev/null
    umiak create --pod p --name one --stop-timeout 0 "$IMAGE" sleep 1000 >/dev/null
    umiak create --pod q --name two --stop-timeout 0 "$IMAGE" sh -c 'echo said 1; echo said 2; exec sleep 1000' >/dev/null
    run_umiak pod inspect --latest --format '{{.Name}}'; is "$output" q inspect
    is "$(umiak pod ps --latest --format '{{.Name}}')" q ps
    run_umiak pod start --latest; is "$(state one) $(state two)" "created running" start
    like "$(umiak pod top --latest)" "sleep 1000" top
    for _ in $(seq 200); do [ "$(umiak logs two)" != "said 1
said 2" ] || break; sleep 0.05; done
    is "$(umiak pod logs --latest --tail 1)" "said 2" "logs --tail"
    umiak create --pod q --name beside "$IMAGE" true >/dev/null
    is "$(umiak pod logs --details --names q)" "two said 1
two said 2" "logs --names"
    like "$(umiak pod logs --timestamps q)" "T.* said 1" "logs --timestamps"
    like "$(umiak pod logs --color q)" $'\x1b' "logs --color"
    is "$(umiak pod logs --until 2020-01-01T00:00:00Z q)" "" "logs --until"
    like "$(umiak pod logs --since 1h q)" "said 1" "logs --since"
    run_umiak pod kill --signal KILL --latest; umiak wait two >/dev/null; is "$(state two)" exited kill
    like "$(umiak pod logs --follow q)" "said 2" "logs --follow"
    run_umiak pod restart --latest; is "$(state two)" running restart
    umiak wait beside >/dev/null   # started as well, it ends by itself
    if ! rootless; then
        run_umiak pod stats --latest --no-stream --no-reset --format '{{.Name}}'; is "$output" two stats
        like "$(umiak pod stats --all --no-stream --format '{{.Name}}')" two "stats --all"
        run_umiak pod pause --latest; is "$(state two)" paused pause
        run_umiak pod unpause --latest; is "$(state two)" running unpause
        run_umiak pod pause --all; is "$(state two)" paused "pause --all"
        run_umiak pod unpause --all; is "$(state two)" running "unpause --all"
    fi
    run_umiak pod stop --latest -t0; is "$(state two)" exited stop
    run_umiak pod stop --ignore nosuch
    umiak pod inspect --format '{{.ID}}' p >"$UMIAK_WORK/tmp/pod"; chmod a+r "$UMIAK_WORK/tmp/pod"
    run_umiak pod start --pod-id-file "$UMIAK_WORK/tmp/pod"; is "$(state one)" running "start --pod-id-file"
    run_umiak pod start --all; is "$(state two)" running "start --all"
    run_umiak pod restart --all; is "$(state one) $(state two)" "running running" "restart --all"
    run_umiak pod kill --all; umiak wait one two >/dev/null; is "$(state one) $(state two)" "exited exited" "kill --all"
    run_umiak pod stop --all -t0
    run_umiak pod rm --ignore nosuch
    run_umiak pod rm --latest; is "$(umiak pod ps --format '{{.Name}}')" p "rm --latest"
    run_umiak pod rm --all; is "$(umiak pod ps -q)" "" "rm --all"
    run_umiak 125 pod rm --latest
}

@test "lists: order, columns, templates, intervals" {
    two
    is "$(umiak ps -a --sort names --format '{{.Names}}' | tr '\n' ' ')" "one two " "ps --sort"
    umiak pod create --infra=false --name p >/dev/null
    umiak create --pod p --name three "$IMAGE" true >/dev/null
    like "$(umiak ps -a --pod --filter name=three)" "POD ID.*PODNAME" "ps --pod"
    umiak ps -a --watch 1 --format '{{.Names}}' >"$UMIAK_WORK/tmp/watched" &
    for _ in $(seq 200); do [ "$(grep -c one "$UMIAK_WORK/tmp/watched")" -lt 2 ] || break; sleep 0.1; done
    end_jobs
    [ "$(grep -c one "$UMIAK_WORK/tmp/watched")" -ge 2 ]
    umiak secret create s <(echo x) >/dev/null 2>&1 || echo x | umiak secret create s - >/dev/null
    is "$(umiak secret ls --noheading --filter name=s --format '{{.Name}}')" s "secret ls"
    umiak secret rm s >/dev/null
    umiak volume create --label a=b v >/dev/null
    run_umiak volume create --ignore v; is "$output" v "volume create --ignore"
    run_umiak 125 volume create v
    is "$(umiak volume ls --noheading --format '{{.Name}} {{.Labels}}')" "v a=b" "volume ls"
    is "$(umiak volume inspect --all --format '{{.Name}}')" v "volume inspect --all"
    run_umiak volume prune --force --all --filter label=a=c; run_umiak volume exists v
    run_umiak volume prune --force --all --filter label=a=b; is "$output" v "volume prune --filter"
    umiak volume create w >/dev/null
    run_umiak volume rm --all; is "$output" w "volume rm --all"
    like "$(umiak events --stream=false --since 1h --no-trunc=false --filter container=one)" "create [0-9a-f]{12} " "events --no-trunc=false"
    like "$(umiak events --stream=false --since 1h --no-trunc --filter container=one)" "create [0-9a-f]{64} " "events --no-trunc"
    like "$(umiak system df --verbose)" "Containers space usage" "df --verbose"
    is "$(umiak system df --format '{{.Type}}' | head -1)" Images "df --format"
    run_umiak system check --quick --max 1h
    run_umiak system check --force
    run_umiak system migrate --migrate-db --new-runtime umiak
    is "$(umiak inspect --format '{{.OCIRuntime}}' one)" umiak "migrate --new-runtime"
    run_umiak 125 system migrate --new-runtime nosuch
    like "$output" 'default OCI runtime "nosuch" not found' "no such runtime"
    umiak info --debug >/dev/null
}

@test "system prune: what each flag takes" {
    umiak create --name c --label k=1 "$IMAGE" true >/dev/null
    umiak volume create --label k=1 v >/dev/null
    run_umiak system prune --force --filter label=k=2 --volumes; umiak container exists c; umiak volume exists v
    run_umiak system prune --force --build; run_umiak 1 container exists c; umiak volume exists v
    run_umiak system prune --force --volumes --filter label=k=1; run_umiak 1 volume exists v
    run_umiak system prune --force --external
    umiak image exists "$IMAGE"
    run_umiak system prune --force --all; run_umiak 1 image exists "$IMAGE"
    umiak load -q -i "$UMIAK_WORK/image.tar" >/dev/null; umiak tag "$(umiak images -q | head -1)" "$IMAGE"
}

@test "clean-up, copying, sessions: the small flags" {
    umiak run --name c "$IMAGE" true
    run_umiak container cleanup --stopped-only c
    run_umiak container cleanup --rm c; run_umiak 1 container exists c
    umiak create --name base "$IMAGE" true >/dev/null; umiak commit -q base localhost/gone >/dev/null; umiak rm base >/dev/null
    umiak run --name c localhost/gone true
    run_umiak container cleanup --rmi --rm c || true
    run_umiak 1 image exists localhost/gone
    umiak run -d --name c "$IMAGE" sleep 1000 >/dev/null
    mkdir "$UMIAK_WORK/tmp/d"; echo x >"$UMIAK_WORK/tmp/d/f"; tar -C "$UMIAK_WORK/tmp/d" -cf "$UMIAK_WORK/tmp/a.tar" f; chmod -R a+rX "$UMIAK_WORK/tmp"
    run_umiak cp --pause=false --extract "$UMIAK_WORK/tmp/a.tar" c:/tmp
    is "$(umiak exec c tar -tf /tmp/a.tar)" f "cp --extract is no more than it is in Podman: an archive is a file"
    is "$(umiak exec --preserve-fd 5 c sh -c 'cat <&5' 5<<<five)" five "exec --preserve-fd"
    run_umiak 125 exec -i --detach-keys nonsense,,x c true
    umiak create --name h --health-cmd false --health-interval disable "$IMAGE" sleep 1000 >/dev/null
    umiak start h >/dev/null
    run_umiak 1 healthcheck run h
    run_umiak healthcheck run --ignore-result h
    umiak rm -f -t0 h >/dev/null
    umiak create --name echo --interactive "$IMAGE" cat >/dev/null
    is "$(echo through | umiak start --attach --interactive --sig-proxy=false --detach-keys ctrl-x echo)" through "start -i"
    umiak rm echo >/dev/null
    run_umiak stop --service -t0 c
    run_umiak rm --storage c; run_umiak 1 container exists c
}
