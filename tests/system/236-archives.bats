#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Layers of all dialects of tar: what is unpacked is what tar says, and what leaves again has the bytes that came.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

# docker_archive OUT LAYER...: an image of these tars, named localhost/dialect:1.
docker_archive() {
    python3 - "$@" <<'PY'
import hashlib, io, json, sys, tarfile
out = tarfile.open(sys.argv[1], "w")
def put(name, data):
    t = tarfile.TarInfo(name); t.size = len(data); out.addfile(t, io.BytesIO(data))
layers = [open(f, "rb").read() for f in sys.argv[2:]]
ids = [hashlib.sha256(l).hexdigest() for l in layers]
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + i for i in ids]}}).encode()
for i, l in zip(ids, layers): put(i + ".tar", l)
put("config.json", config)
put("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["localhost/dialect:1"], "Layers": [i + ".tar" for i in ids]}]).encode())
out.close()
PY
}

make_tree() {
    local t=$1 long
    long=$(printf 'a-long-directory-name-%s/' 1 2 3 4 5 6 7)
    mkdir -p "$t/$long" "$t/dir"
    printf 'deep' >"$t/$long/$(printf 'n%.0s' {1..120})"
    printf 'content of a file that is not small: %0900d' 7 >"$t/dir/file"
    ln "$t/dir/file" "$t/dir/hard"
    ln -s ../dir/file "$t/dir/soft"
    ln -s "/$long/target" "$t/long-link"
    mkfifo "$t/fifo"
    truncate -s 3M "$t/sparse"; printf 'middle' | dd of="$t/sparse" bs=1 seek=1500000 conv=notrunc status=none
    printf 'ünïcode' >"$t/nämé"
    printf 'rights' >"$t/setuid"; chmod 4755 "$t/setuid"; chmod 1777 "$t/dir"
    touch -d '1999-12-31 23:59:59.123456789' "$t/dir/file" "$t/nämé"
    touch -d '2038-02-01' "$t/setuid"
    : >"$t/empty"
    truncate -s 1000 "$t/zeros"
}

# What a reader of files sees: kind, mode, size, name, link; and the bytes.
describe() { # DIR
    (cd "$1" && find . -mindepth 1 -printf '%y %m %s %p %l\n' | sed 's/^d \([0-7]*\) [0-9]*/d \1/' | LC_ALL=C sort
     find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

@test "every dialect of tar: the files are those of the tree, the layer leaves with its bytes" {
    w=$UMIAK_WORK/tmp/dialects; mkdir -p "$w/tree" "$w/out"
    make_tree "$w/tree"
    tar -C "$w/tree" --format=gnu -cf "$w/gnu.tar" .
    tar -C "$w/tree" --format=gnu -S -cf "$w/gnu-sparse.tar" .
    tar -C "$w/tree" --format=pax -cf "$w/pax.tar" .
    for v in 0.0 0.1 1.0; do tar -C "$w/tree" --format=pax -S --sparse-version=$v -cf "$w/pax-sparse-$v.tar" .; done
    tar -C "$w/tree" --format=ustar --exclude=./long-link --exclude='./a-long*' -cf "$w/ustar.tar" .
    tar -C "$w/tree" --format=v7 --exclude=./long-link --exclude='./a-long*' --exclude=./fifo -cf "$w/v7.tar" .
    python3 - "$w" <<'PY'
import sys, tarfile
w = sys.argv[1]
for name, form, head in (("py-gnu", tarfile.GNU_FORMAT, None), ("py-pax", tarfile.PAX_FORMAT, {"comment": "a global header", "mtime": "1"})):
    with tarfile.open(w + "/" + name + ".tar", "w", format=form, pax_headers=head or {}) as t:
        t.add(w + "/tree", arcname=".")
PY
    chmod -R a+rX "$w"; ! rootless || chown -R "$UMIAK_TEST_USER": "$w"
    for f in "$w"/*.tar; do
        n=$(basename "$f" .tar); rm -rf "$w/ref"; mkdir "$w/ref"; tar -C "$w/ref" -xpf "$f"
        docker_archive "$UMIAK_WORK/tmp/in.img" "$f"
        run_umiak load -q -i "$UMIAK_WORK/tmp/in.img"
        run_umiak create --name c localhost/dialect:1 x
        rm -rf "$w/out"; mkdir "$w/out"
        umiak export c | tar -C "$w/out" -xpf - --exclude=./dev --exclude=./proc --exclude=./sys
        is "$(describe "$w/out")" "$(describe "$w/ref")" "$n: the files"
        is "$(stat -c %Y "$w/out/dir/file" "$w/out/setuid")" "$(stat -c %Y "$w/ref/dir/file" "$w/ref/setuid")" "$n: the times"
        umiak save localhost/dialect:1 | tar -xOf - "$(sha256sum <"$f" | cut -d' ' -f1).tar" >"$w/again"
        cmp "$w/again" "$f"
        umiak rm c >/dev/null; umiak rmi localhost/dialect:1 >/dev/null; rm "$w/again"
    done
    rm -rf "$w"
}

@test "a layer that replaces its own entries leaves with its bytes as well" {
    w=$UMIAK_WORK/tmp/again; mkdir -p "$w"
    python3 - "$w/l.tar" <<'PY'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as t:
    for name, data in (("f", b"first" * 300), ("keep", b"k" * 2000), ("f", b"second" * 500)):
        i = tarfile.TarInfo(name); i.size = len(data); t.addfile(i, io.BytesIO(data))
PY
    docker_archive "$UMIAK_WORK/tmp/in.img" "$w/l.tar"
    run_umiak load -q -i "$UMIAK_WORK/tmp/in.img"
    umiak save localhost/dialect:1 | tar -xOf - "$(sha256sum <"$w/l.tar" | cut -d' ' -f1).tar" >"$w/back"
    cmp "$w/back" "$w/l.tar"
    umiak rmi localhost/dialect:1 >/dev/null; rm -rf "$w"
}

@test "a loaded layer that was changed in the store is not saved as if it were the same" {
    skip_rootless "the store's files are root's"
    w=$UMIAK_WORK/tmp/changed; mkdir -p "$w/t"; printf 'original' >"$w/t/f"
    tar -C "$w/t" -cf "$w/l.tar" f
    docker_archive "$UMIAK_WORK/tmp/in.img" "$w/l.tar"
    run_umiak load -q -i "$UMIAK_WORK/tmp/in.img"
    run_umiak save -q -o "$w/good.tar" localhost/dialect:1
    printf 'tampered' >"$UMIAK_WORK/root/layers/sha256-$(sha256sum <"$w/l.tar" | cut -d' ' -f1)/tree/f"
    run_umiak 125 save -q -o "$w/bad.tar" localhost/dialect:1
    like "$output" "has changed in the store" "the message"
    [ ! -e "$w/bad.tar" ]
    umiak rmi localhost/dialect:1 >/dev/null; rm -rf "$w"
}

@test "what only root can make: devices, owners, capabilities, attributes, nanoseconds; a user's layer goes without devices" {
    w=$UMIAK_WORK/tmp/special; mkdir -p "$w"
    python3 - "$w/l.tar" <<'PY'
import base64, io, sys, tarfile
cap = base64.b64decode("AQAAAgAgAAAAAAAAAAAAAAAAAAA=").decode("latin-1")   # cap_net_raw=ep
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT, encoding="latin-1") as t:
    def add(name, data=b"", **k):
        i = tarfile.TarInfo(name); i.size = len(data); i.pax_headers = k.pop("pax", {})
        for a in k: setattr(i, a, k[a])
        t.addfile(i, io.BytesIO(data))
    add("owned", b"x", uid=1234, gid=4321, mode=0o6755)
    add("capable", b"x", mode=0o755, uid=5, pax={"SCHILY.xattr.security.capability": cap, "SCHILY.xattr.user.note": "kept", "SCHILY.xattr.trusted.overlay.redirect": "/etc"})
    add("time", b"x", pax={"mtime": "1234567890.123456789"})
    add("before", b"x", pax={"mtime": "-1.5"})
    add("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
    add("white", type=tarfile.CHRTYPE, devmajor=0, devminor=0)
PY
    chmod 644 "$w/l.tar"; docker_archive "$UMIAK_WORK/tmp/in.img" "$w/l.tar"
    run_umiak load -q -i "$UMIAK_WORK/tmp/in.img"
    if rootless; then
        run_umiak create --name c localhost/dialect:1 x
        is "$(umiak export c | tar -tf - | grep -c '^null$\|^white$')" 0 "no devices"
        like "$(umiak export c | tar --numeric-owner -tvf - owned)" "^-rwsr-sr-x 1234/4321 " "the owner"
        umiak rm c >/dev/null
    else
        tree=$UMIAK_WORK/root/layers/sha256-$(sha256sum <"$w/l.tar" | cut -d' ' -f1)/tree
        is "$(stat -c '%u:%g %a' "$tree/owned")" "1234:4321 6755" "owner and mode"
        is "$(stat -c '%F %t:%T %a' "$tree/null")" "character special file 1:3 666" "the device"
        [ ! -e "$tree/white" ]   # a device 0:0 would be overlay's whiteout
        is "$(stat -c %.9Y "$tree/time") $(stat -c %.9Y "$tree/before")" "1234567890.123456789 -1.500000000" "nanoseconds"
        is "$(python3 -c 'import os,sys; p=sys.argv[1]; print(sorted(os.listxattr(p)), os.getxattr(p, "security.capability")[4:8].hex(), os.getxattr(p, "user.note"))' "$tree/capable")" \
            "['security.capability', 'user.note'] 00200000 b'kept'" "attributes"
    fi
    umiak save localhost/dialect:1 | tar -xOf - "$(sha256sum <"$w/l.tar" | cut -d' ' -f1).tar" >"$w/back"
    cmp "$w/back" "$w/l.tar"
    umiak rmi localhost/dialect:1 >/dev/null; rm -rf "$w"
}

@test "an imported tar leaves with its bytes, also when a layer like it came with a blob before" {
    w=$UMIAK_WORK/tmp/import; mkdir -p "$w/t" "$w/oci"
    for i in 1 2 3; do printf 'file %05000d' $i >"$w/t/$i"; done
    tar -C "$w/t" -cf "$w/l.tar" . ; id=$(sha256sum <"$w/l.tar" | cut -d' ' -f1)
    chmod -R a+rX "$w"; ! rootless || chown -R "$UMIAK_TEST_USER": "$w"
    run_umiak import "$w/l.tar" localhost/imported:1
    umiak save localhost/imported:1 | tar -xOf - "$id.tar" >"$w/back"; cmp "$w/back" "$w/l.tar"
    # out with a compressed blob, in again, and the tar once more
    run_umiak push -q localhost/imported:1 "oci:$w/oci:1"
    umiak rmi localhost/imported:1 >/dev/null
    run_umiak pull -q "oci:$w/oci:1"; first=$output
    run_umiak import "$w/l.tar" localhost/imported:2
    umiak rmi -f "$first" >/dev/null
    umiak save localhost/imported:2 | tar -xOf - "$id.tar" >"$w/back"; cmp "$w/back" "$w/l.tar"
    umiak rmi localhost/imported:2 >/dev/null; rm -rf "$w"
}
