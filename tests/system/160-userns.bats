# SPDX-License-Identifier: Apache-2.0
# User namespaces: which ids a container gets, and that the image is not copied for them.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak pod rm -af -t0 >/dev/null; umiak_teardown; }

# A range for --userns=auto as root: that of the test user.
auto() {
    printf '[storage]\n[storage.options]\nroot-auto-userns-user = "%s"\n' "$UMIAK_TEST_USER" >"$UMIAK_WORK/tmp/storage.conf"
    chmod a+r "$UMIAK_WORK/tmp/storage.conf"
    if rootless; then umiak "$@"; else CONTAINERS_STORAGE_CONF=$UMIAK_WORK/tmp/storage.conf umiak "$@"; fi
}

@test "auto: every container has ids of its own" {
    grep -q "^$UMIAK_TEST_USER:" /etc/subuid || skip "no subordinate ids"
    a=$(auto run -d --userns auto:size=1000 $IMAGE sleep 1000)
    b=$(auto run -d --userns auto:size=2000 $IMAGE sleep 1000)
    read -r _ first_a count_a <<<"$(umiak exec "$a" cat /proc/self/uid_map)"
    read -r _ first_b count_b <<<"$(umiak exec "$b" cat /proc/self/uid_map)"
    is "$count_a $count_b" "1000 2000" "sizes"
    [ $((first_a + count_a)) -le "$first_b" ] || [ $((first_b + count_b)) -le "$first_a" ]
    # the range stays with the container and comes back when it goes
    auto restart -t0 "$a" >/dev/null
    read -r _ again _ <<<"$(umiak exec "$a" cat /proc/self/uid_map)"
    is "$again" "$first_a" "after a restart"
    auto rm -f -t0 "$a" >/dev/null
    c=$(auto run -d --userns auto:size=1000 $IMAGE sleep 1000)
    read -r _ first_c _ <<<"$(umiak exec "$c" cat /proc/self/uid_map)"
    is "$first_c" "$first_a" "given back"
}

@test "auto: too many ids, unknown options, no range" {
    if grep -q "^$UMIAK_TEST_USER:" /etc/subuid; then
        run auto run --rm --userns auto:size=900000 $IMAGE true
        [ "$status" = 125 ]
        like "$output" "not enough unused IDs in user namespace" "too many"
    fi
    run auto run --rm --userns auto:nonsense=1 $IMAGE true
    [ "$status" = 125 ]
    like "$output" 'unknown option specified: "nonsense=1"' "unknown"
    rootless && return
    grep -q ^containers: /etc/subuid && return
    run_umiak 125 run --rm --userns auto $IMAGE true
    like "$output" 'no subuid ranges found for user "containers" in /etc/subuid: add a line such as' "the remedy is named"
}

@test "auto: a mapping of one's own inside" {
    grep -q "^$UMIAK_TEST_USER:" /etc/subuid || skip "no subordinate ids"
    rootless || skip "host ids of the user"
    run auto run --rm --userns auto:size=500,uidmapping=7:0:1 $IMAGE cat /proc/self/uid_map
    like "$output" ' 7 +0 +1' "the user is 7 inside"
    run auto run --rm --userns auto:size=500,uidmapping=1:1:1 $IMAGE cat /proc/self/uid_map
    like "$output" ' 1 +1 +1' "one of the ids that would be chosen"
}

@test "explicit maps: the image's files belong to the container's root" {
    skip_rootless "ids below 65536 of the host"
    run_umiak run --rm --uidmap 0:200000:5000 $IMAGE sh -c 'stat -c %u:%g /bin/busybox; cat /proc/self/uid_map; id -u'
    is "${lines[0]}" 0:0 "owner seen inside"
    like "${lines[1]}" '0 +200000 +5000' "the map"
    # what it writes belongs to the mapped id on the host
    mkdir -p "$UMIAK_WORK/tmp/out"; chown 200000:200000 "$UMIAK_WORK/tmp/out"
    umiak run --rm --uidmap 0:200000:5000 -v "$UMIAK_WORK/tmp/out:/out" $IMAGE touch /out/new
    is "$(stat -c %u "$UMIAK_WORK/tmp/out/new")" 200000 "owner on the host"
}

@test "explicit maps: no copy of the image is made where the kernel can map" {
    skip_rootless "idmapped lower layers need root"
    umiak run --rm --uidmap 0:300000:5000 $IMAGE true
    [ -z "$(find "$UMIAK_WORK/root/mapped" -name busybox 2>/dev/null)" ]
}

@test "rootless: one copy for each mapping, shared by all containers" {
    rootless || skip "rootless only"
    umiak run --rm --userns keep-id $IMAGE true
    before=$(find "$UMIAK_WORK/home/.local/share/umiak/mapped" -mindepth 2 -maxdepth 2 | wc -l)
    [ "$before" -gt 0 ]
    umiak run --rm --userns keep-id $IMAGE true
    is "$(find "$UMIAK_WORK/home/.local/share/umiak/mapped" -mindepth 2 -maxdepth 2 | wc -l)" "$before" "copies"
}

@test "maps across the end of a range of the user's ids" {
    rootless || skip "rootless only"
    run_umiak run --rm --uidmap 0:1:1000 --gidmap 0:0:1000 $IMAGE cat /proc/self/gid_map
    is "${#lines[@]}" 2 "cut where the user's own id ends"
    run_umiak 125 run --rm --uidmap 0:99999999:10 $IMAGE true
    like "$output" "is not mapped in this user namespace" "an id that is not ours"
}

@test "flags of maps: + lays over, @ means the host's ids, u and g choose" {
    rootless || skip "rootless only"
    run_umiak run --rm --uidmap +500:0:1 $IMAGE cat /proc/self/uid_map
    like "$output" ' 500 +0 +1' "the entry"
    like "$output" ' 0 +1 +500' "the rest goes on as usual"
    run_umiak run --rm --uidmap "+500:@$(id -u "$UMIAK_TEST_USER"):1" $IMAGE cat /proc/self/uid_map
    like "$output" ' 500 +0 +1' "by the host's number"
    run_umiak run --rm --uidmap u0:1:100 --gidmap g0:1:200 $IMAGE cat /proc/self/uid_map /proc/self/gid_map
    like "${lines[0]}" '0 +1 +100' "user ids"
    like "${lines[1]}" '0 +1 +200' "group ids"
}

@test "keep-id: our own number, also in a pod" {
    rootless || skip "rootless only"
    me=$(id -u "$UMIAK_TEST_USER")
    is "$(umiak run --rm --userns keep-id $IMAGE id -u)" "$me" "keep-id"
    is "$(umiak run --rm --userns keep-id:uid=200,gid=210 $IMAGE id -u)" 200 "uid="
    is "$(umiak run --rm --userns keep-id:uid=200,gid=210 $IMAGE id -g)" 210 "gid="
    run_umiak run --rm --userns keep-id:size=3000 $IMAGE cat /proc/self/uid_map
    is "$(awk '{ n += $3 } END { print n }' <<<"$output")" 3000 "size="
    umiak pod create --name kept --userns keep-id >/dev/null
    is "$(umiak run --rm --pod kept $IMAGE id -u)" "$me" "in a pod"
}

@test "nomap: our own number is not in it; top shows the host's" {
    if ! rootless; then
        run_umiak 125 run --rm --userns nomap $IMAGE true
        like "$output" "nomap is only supported in rootless mode" "root"
        return
    fi
    umiak run -d --name n --userns nomap $IMAGE sleep 1000 >/dev/null
    first=$(awk -F: -v u="$UMIAK_TEST_USER" '$1 == u { print $2; exit }' /etc/subuid)
    run_umiak top n huser
    is "${lines[1]}" "$first" "the first subordinate id"
}

@test "a pod's user namespace is its members', and their files look right in it" {
    skip_rootless "ids of the host"
    umiak pod create --name mapped --uidmap 0:200000:5000 >/dev/null
    run_umiak run --rm --pod mapped $IMAGE sh -c 'stat -c %u /bin/busybox; cat /proc/self/uid_map'
    is "${lines[0]}" 0 "owner"
    like "${lines[1]}" '0 +200000 +5000' "the map"
    run_umiak 125 run --rm --pod mapped --uidmap 0:1:10 $IMAGE true
    like "$output" "cannot set user namespace mode when joining pod with infra container" "conflict"
}
