#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Archives of other writers (bsdtar, star), and times that do not depend on the clock (SOURCE_DATE_EPOCH).
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() { W=$UMIAK_WORK/tmp/w; mkdir "$W"; ! rootless || chown "$UMIAK_TEST_USER": "$W"; }
teardown() { umiak_teardown; rm -rf "$W"; }

describe() { # DIR: what a reader of files sees
    (cd "$1" && find . -mindepth 1 -printf '%y %m %p %l\n' | LC_ALL=C sort
     find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

# comes_through TAR DIR: imported, the files are those of DIR; saved, the layer has the bytes that came.
comes_through() {
    local name; name=$(basename "$1")
    run_umiak import -q "$1" localhost/kind:1
    run_umiak create --name c localhost/kind:1 x
    rm -rf "$W/out"; mkdir "$W/out"
    umiak export c | tar -C "$W/out" -xpf - --exclude=./dev --exclude=./proc --exclude=./sys
    is "$(describe "$W/out")" "$(describe "$2")" "$name: the files"
    is "$(stat -c %Y "$W/out/dir/file")" "$(stat -c %Y "$2/dir/file")" "$name: the time"
    umiak save localhost/kind:1 | tar -xOf - "$(sha256sum <"$1" | cut -d' ' -f1).tar" >"$W/again"
    cmp "$W/again" "$1"
    umiak rm c >/dev/null; umiak rmi localhost/kind:1 >/dev/null
}

@test "archives of bsdtar, also of sparse files" {
    command -v bsdtar >/dev/null || skip "bsdtar is missing"
    long=$(printf 'a-long-directory-name-%s/' 1 2 3 4 5 6 7)
    mkdir -p "$W/tree/dir" "$W/tree/$long"
    printf 'content %0700d' 1 >"$W/tree/dir/file"; ln "$W/tree/dir/file" "$W/tree/dir/hard"; ln -s file "$W/tree/dir/soft"
    printf 'ünïcode' >"$W/tree/nämé"; : >"$W/tree/empty"
    truncate -s 3M "$W/tree/sparse"; printf 'middle' | dd of="$W/tree/sparse" bs=1 seek=1500000 conv=notrunc status=none
    touch -d '1999-12-31 23:59:59.123456789' "$W/tree/dir/file"
    chmod -R a+rX "$W"
    for f in pax gnutar; do bsdtar -C "$W/tree" --format $f -cf "$W/$f.tar" .; done
    for f in ustar v7tar; do bsdtar -C "$W/tree" --format $f --exclude='./a-long*' -cf "$W/$f.tar" .; done
    chmod a+r "$W"/*.tar
    for f in pax gnutar ustar v7tar; do
        rm -rf "$W/ref"; mkdir "$W/ref"; bsdtar -C "$W/ref" -xpf "$W/$f.tar"
        comes_through "$W/$f.tar" "$W/ref"
    done
}

# star's headers: old (prefix, times and "tar" in the last bytes) with a name that needs all of its prefix, and xstar's
# PAX successor (uid, size and times as records, SCHILY.* beside them).
make_star() { # OUT KIND
    python3 - "$@" <<'PY'
import sys
out, kind = sys.argv[1:]
blob = bytearray()
def octal(n, width): return b"%0*o\0" % (width - 1, n)
def header(name, size=0, mode=0o644, type=b"0", prefix="", link="", mtime=946684799, tail=b"tar\0"):
    h = bytearray(512)
    def put(at, data): h[at:at + len(data)] = data
    put(0, name.encode()); put(100, octal(mode, 8)); put(108, octal(0, 8)); put(116, octal(0, 8))
    put(124, octal(size, 12)); put(136, octal(mtime, 12)); put(148, b" " * 8); put(156, type); put(157, link.encode())
    put(257, b"ustar\00000"); put(265, b"root"); put(297, b"root"); put(345, prefix.encode())
    put(476, octal(mtime + 1, 12)); put(488, octal(mtime + 2, 12)); put(508, tail)
    put(148, b"%06o\0 " % sum(h))
    return bytes(h)
def add(name, data=b"", **k):
    global blob
    blob += header(name, len(data), **k) + data + bytes(-len(data) % 512)
def pax(**records):
    body = b""
    for key, value in records.items():
        text = b" " + key.replace("_", ".").encode() + b"=" + value.encode() + b"\n"
        n = len(text) + 1
        while n != len(text) + len(str(n)): n = len(text) + len(str(n))
        body += str(n).encode() + text
    add("x.pax", body, type=b"x")
add("dir/", mode=0o755, type=b"5")
if kind == "exustar": pax(SCHILY_dev="2051", SCHILY_ino="77", SCHILY_nlink="2", SCHILY_filetype="regular", mtime="946684799.123456789")
add("dir/file", b"content" * 100)
add("dir/hard", type=b"1", link="dir/file")
add("dir/soft", type=b"2", link="file", mode=0o777)
# the prefix ends before the times: 130 bytes, which a POSIX reader would run on into them
deep = "/".join(["p" * 43] * 2 + ["q" * 42])[:130]
for i in range(1, 4): add("/".join(deep.split("/")[:i]) + "/", mode=0o755, type=b"5") if i < 3 else add("q" * 42 + "/", mode=0o755, type=b"5", prefix="/".join(deep.split("/")[:2]))
add("n" * 90, b"deep", prefix=deep)
open(out, "wb").write(blob + bytes(1024))
PY
}

@test "archives of star: its prefix is shorter than POSIX's, its records are more" {
    for kind in star exustar; do
        make_star "$W/$kind.tar" $kind; chmod a+r "$W/$kind.tar"
        rm -rf "$W/ref"; mkdir "$W/ref"; tar -C "$W/ref" -xpf "$W/$kind.tar"
        [ "$(find "$W/ref" -name 'nnn*' -printf '%s\n')" = 4 ]   # the reference read it as well
        comes_through "$W/$kind.tar" "$W/ref"
    done
}

@test "SOURCE_DATE_EPOCH: import, commit, artifact and build are the same at any time; nonsense is refused" {
    mkdir "$W/t"; printf x >"$W/t/f"; tar -C "$W/t" --mtime=@1 --owner=0 --group=0 -cf "$W/l.tar" .; chmod -R a+rX "$W"
    export SOURCE_DATE_EPOCH=1234567890
    printf 'FROM %s\nLABEL x=y\n' $IMAGE >"$W/Containerfile"
    run_umiak create --name c --network none $IMAGE sh -c x
    umiak cp "$W/l.tar" c:/new   # a file that is younger
    ids=()
    for n in 1 2; do
        run_umiak import -q "$W/l.tar"; i=$output
        run_umiak commit -q c; c=$output
        run_umiak build -q --no-cache -f "$W/Containerfile" "$W"; b=$output
        run_umiak artifact add localhost/art:$n "$W/l.tar"; a=$output
        ids+=("$i $c $b $a")
        is "$(umiak image inspect --format '{{.Created.Unix}} {{(index .History 0).Created}}' "$i")" "1234567890 2009-02-13T23:31:30Z" "import"
        is "$(umiak image inspect --format '{{.Created.Unix}}' "$c")" 1234567890 "commit"
        is "$(umiak save "$c" | tar -xOf - --wildcards '*.tar' | tar -tvi --utc -f - 2>/dev/null | grep -c '2009-02-13 23:31 new$')" 1 "files are no younger"
        umiak rmi -f "$i" "$c" "$b" >/dev/null; umiak artifact rm localhost/art:$n >/dev/null
        for _ in $(seq 200); do [ "$(date +%s)" = "${now:-}" ] || break; sleep 0.05; done; now=$(date +%s)
    done
    is "${ids[1]}" "${ids[0]}" "the same"
    SOURCE_DATE_EPOCH=tomorrow run_umiak 125 commit -q c
    like "$output" "SOURCE_DATE_EPOCH=tomorrow: must be seconds since 1970" "commit"
    unset SOURCE_DATE_EPOCH   # control
    run_umiak commit -q c
    [ "$(umiak image inspect --format '{{.Created.Unix}}' "$output")" -gt 1700000000 ]
}
