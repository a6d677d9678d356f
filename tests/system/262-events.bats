# SPDX-License-Identifier: Apache-2.0
# events in a file: rotation by size, times across a rotation, a torn line, every filter, JSON.

load helpers
setup_file() {
    umiak_setup_file
    export CONTAINERS_CONF_OVERRIDE=$UMIAK_WORK/events.conf EVENTS=$UMIAK_WORK/tmp/events.log
    printf '[engine]\nevents_logger = "file"\nevents_logfile_path = "%s"\nevents_logfile_max_size = 6000\n' "$EVENTS" >"$CONTAINERS_CONF_OVERRIDE"
    chmod 644 "$CONTAINERS_CONF_OVERRIDE"
}
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; umiak volume rm -af >/dev/null; rm -f "$EVENTS"; }

ev() { umiak events --stream=false "$@"; }

@test "events: the file is rotated by size, times and order hold across it" {
    for i in $(seq 30); do umiak volume create "v$i" >/dev/null; done
    for i in $(seq 31 60); do umiak volume create "v$i" >/dev/null; done
    [ "$(stat -c %s "$EVENTS")" -le 6400 ]
    is "$(grep -c io.podman.event.rotate "$EVENTS")" 2 "one rotation is marked, at both ends"
    names=$(ev --since 1h --filter event=create --format '{{.Name}}')
    is "$(tail -n1 <<<"$names")" v60 "the newest is there"
    is "$(sort -uV <<<"$names")" "$names" "in order, each once"
    [ "$(wc -l <<<"$names")" -ge 10 ]
    is "$(ev --since 1000 --until 2000 --format '{{.Name}}')" "" "an empty span"
    middle=$(ev --since 1h --filter event=create --format '{{.TimeNano}}' | sed -n 5p)
    s=$((middle / 1000000000)).$(printf %09d $((middle % 1000000000)))
    before=$(ev --since 1h --until "$s" --filter event=create --format '{{.Name}}' | wc -l)
    after=$(ev --since "$s" --filter event=create --format '{{.Name}}' | wc -l)
    is "$((before + after + 1))" "$(wc -l <<<"$names")" "--until and --since meet at one event"
}

@test "events: a torn last line costs itself only" {
    umiak volume create a >/dev/null
    printf '{"Name":"torn","Status":"cre' >>"$EVENTS"
    is "$(ev --since 1h --filter type=volume --format '{{.Name}}')" a "it is passed over"
    umiak volume create b >/dev/null
    is "$(ev --since 1h --filter type=volume --format '{{.Name}}')" "a
b" "the next one stands on a line of its own"
}

@test "events: filters of every kind, JSON, and what is wrong" {
    umiak volume create vol >/dev/null
    umiak run --name ctr --label k=v --label other "$IMAGE" true
    umiak tag "$IMAGE" localhost/tagged:1; umiak untag localhost/tagged:1
    umiak pod create --name pd --infra=false >/dev/null; umiak pod rm pd >/dev/null
    one() { ev --since 1h "$@" --format '{{.Type}} {{.Status}} {{.Name}}' | sort -u | tr '\n' ','; }
    is "$(one --filter volume=vol)" "volume create vol," "volume"
    is "$(one --filter container=ctr --filter event=start)" "container start ctr," "container and event"
    is "$(one --filter container=ctr --filter Event=start --filter event=died)" "container died ctr,container start ctr," "two of one kind"
    is "$(one --filter label=k=v --filter event=died)" "container died ctr," "label"
    is "$(one --filter label=other --filter event=create)" "container create ctr," "label without a value"
    is "$(one --filter label=k=w)" "" "another value"
    like "$(one --filter type=image)" "image tag .*image untag" "type"
    like "$(one --filter pod=pd)" "pod create pd,pod remove pd," "pod"
    like "$(one --filter image=localhost/tagged:1)" "image tag localhost/tagged:1," "image"
    run_umiak events --stream=false --since 1h --filter event=died --format json
    is "$(jq -r '.Name + " " + .Status + " " + (.ContainerExitCode | tostring)' <<<"$output")" "ctr died 0" "JSON"
    run_umiak 125 events --stream=false --filter nosuch=1
    like "$output" "nosuch" "an unknown filter"
    run_umiak 125 events --stream=false --since yesterdayish
    like "$output" "unable to convert since time of yesterdayish" "a time"
    run_umiak 125 events --stream=false --format '{{.Nope}}'
    like "$output" "Nope" "a template"
}

@test "events: a stream shows what happens meanwhile, and ends at --until" {
    umiak events --since 1h --filter event=create --filter volume=live --format '{{.Name}}' >"$UMIAK_WORK/out" 3>&- &
    umiak volume create live >/dev/null
    for _ in $(seq 600); do [ ! -s "$UMIAK_WORK/out" ] || break; sleep 0.1; done
    is "$(cat "$UMIAK_WORK/out")" live "seen"
    timeout 60 bash -c "$(declare -f umiak); umiak events --since 1h --until 1s --format '{{.Name}}'" >/dev/null
}
