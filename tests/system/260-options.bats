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
