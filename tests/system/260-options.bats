# SPDX-License-Identifier: Apache-2.0
# options that change little things: devices of CDI files in YAML.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; rm -rf "${UMIAK_WORK:?}"/tmp/*; }

@test "CDI: files in YAML are read beside those in JSON" {
    dir=$UMIAK_WORK/tmp/cdi; mkdir "$dir"
    echo given >"$dir/given"
    cat >"$dir/a.yaml" <<Y
cdiVersion: "0.6.0"
kind: vendor.com/dev
containerEdits:
  env: [ALL=1]
devices:
- name: one
  containerEdits:
    env:
    - ONE=1
    deviceNodes:
    - {path: /dev/mynull, hostPath: /dev/null, type: c}
    mounts:
    - hostPath: $dir/given
      containerPath: /given
      options: [ro, rbind]
Y
    echo '{"cdiVersion":"0.6.0","kind":"vendor.com/dev","devices":[{"name":"two","containerEdits":{"env":["TWO=1"]}}]}' >"$dir/b.json"
    printf 'cdiVersion: [\n' >"$dir/broken.yml"
    chmod -R a+rX "$dir"
    run_umiak --cdi-spec-dir "$dir" run --rm --device vendor.com/dev=one --device vendor.com/dev=two "$IMAGE" \
        sh -c 'echo $ALL $ONE $TWO; test -c /dev/mynull && cat /given'
    like "$output" "1 1 1
given" "both files"
    like "$output" "broken.yml:2: " "a broken one is named and no obstacle"
    run_umiak 125 --cdi-spec-dir "$dir" run --rm --device vendor.com/dev=three "$IMAGE" true
    like "$output" "unresolvable CDI devices vendor.com/dev=three" "not there"
}

@test "volumes: a refusal names the owner, who we are, and the way out" {
    rootless || skip "root is not refused"
    dir=$UMIAK_WORK/tmp/of-root; mkdir -p "$dir/sub" "$UMIAK_WORK/tmp/open"; chmod 700 "$dir"; chown -R 0:0 "$dir" "$UMIAK_WORK/tmp/open" || skip "not root outside"
    uid=$(id -u "$UMIAK_TEST_USER")
    run_umiak 125 run --rm -v "$dir/sub:/x" "$IMAGE" true
    like "$output" "statfs $dir/sub: Permission denied: directory $dir belongs to a user outside of your ids and a group outside of them, mode 0700, and we are uid $uid: let uid $uid in" "on the way"
    run_umiak 125 run --rm -v "$UMIAK_WORK/tmp/open:/x:U" "$IMAGE" true
    like "$output" "chown $UMIAK_WORK/tmp/open: .* belongs to a user outside of your ids.*leave out :U and run as yourself with --userns keep-id" "chown"
    run_umiak 125 volume create --uid 4000000 v
    like "$output" "that owner is not among the ids of uid $uid: see /etc/subuid" "an owner nobody gave us"
    # control: what is ours is no matter
    mkdir "$UMIAK_WORK/tmp/ours"; chown "$UMIAK_TEST_USER": "$UMIAK_WORK/tmp/ours"
    run_umiak run --rm --user 7 -v "$UMIAK_WORK/tmp/ours:/x:U" "$IMAGE" touch /x/f
    run_umiak 125 run --rm -v "$UMIAK_WORK/nosuch:/x" "$IMAGE" true
    is "$output" "Error: statfs $UMIAK_WORK/nosuch: no such file or directory" "Podman's words where nothing is there"
}
