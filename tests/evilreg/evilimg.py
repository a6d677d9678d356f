#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""evilimg - archives and directories that lie in every field; checks what `umiak load` makes of them.

  evilimg.py UMIAK [CASE...]

A case makes a file or directory. It must be refused with exit code 125 and one line, leave nothing in the store, and
never touch the canary beside it; the ones marked good must load (so that the others fail for the right reason).
"""
import gzip, hashlib, io, json, os, shutil, subprocess, sys, tarfile, tempfile, time

CFG = "application/vnd.oci.image.config.v1+json"
MAN = "application/vnd.oci.image.manifest.v1+json"
LAY = "application/vnd.oci.image.layer.v1.tar"


def sha(b): return hashlib.sha256(b).hexdigest()


def tar(entries, fmt=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as t:
        for name, data, *more in entries:
            i = tarfile.TarInfo(name)
            for k, v in (more[0] if more else {}).items():
                setattr(i, k, v)
            if data is not None:
                i.size = len(data)
            t.addfile(i, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


LAYER = tar([("etc", None, {"type": tarfile.DIRTYPE}), ("etc/x", b"x")])


def config(*layers):
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                       "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(l) for l in layers]}}).encode()


def docker(layer=LAYER, manifest=None, extra=(), conf=None):
    c = config(layer) if conf is None else conf
    m = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}] if manifest is None else manifest
    return [("c.json", c), ("l.tar", layer), *extra, ("manifest.json", json.dumps(m).encode())]


def oci(layer=LAYER, index=None, man=None):
    c = config(layer)
    m = json.dumps(man or {"schemaVersion": 2, "mediaType": MAN, "config": {"mediaType": CFG, "digest": "sha256:" + sha(c), "size": len(c)},
                           "layers": [{"mediaType": LAY, "digest": "sha256:" + sha(layer), "size": len(layer)}]}).encode()
    i = index or {"schemaVersion": 2, "manifests": [{"mediaType": MAN, "digest": "sha256:" + sha(m), "size": len(m)}]}
    return [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", json.dumps(i).encode())] + \
        [("blobs/sha256/" + sha(b), b) for b in (c, m, layer)]


def link(name, to, kind=tarfile.SYMTYPE): return (name, None, {"type": kind, "linkname": to})


def layer_of(*entries): return tar(docker(layer=tar(entries)))


def pax(**records): return {"pax_headers": records}


def huge_pax():
    h = tarfile.TarInfo("x"); h.type = b"x"; h.size = 1 << 30
    return h.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 4096


# name -> (bytes or function(directory) making a path, good, text the error must contain)
CASES = {
    "plain_docker": (lambda: tar(docker()), True, None),
    "plain_oci": (lambda: tar(oci()), True, None),
    "names_normalised": (lambda: layer_of(("/abs", b"1"), ("./a/../b", b"2"), ("//c", b"3")), True, None),
    "layer_link_to_sibling": (lambda: tar([("c.json", config(LAYER)), ("real.tar", LAYER), link("l.tar", "real.tar"),
        ("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["l.tar"]}]).encode())]), True, None),
    "layer_is_link_outside": (lambda: tar([("c.json", config(LAYER)), link("l.tar", "/etc/passwd"),
        ("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": [], "Layers": ["l.tar"]}]).encode())]), False, "missing"),
    "layer_is_link_up": (lambda: tar([("c.json", config(LAYER)), link("l.tar", "../../../etc/passwd"),
        ("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": [], "Layers": ["l.tar"]}]).encode())]), False, "missing"),
    "layer_link_loop": (lambda: tar([("c.json", config(LAYER)), link("l.tar", "m.tar"), link("m.tar", "l.tar"),
        ("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": [], "Layers": ["l.tar"]}]).encode())]), False, "missing"),
    "layer_is_device": (lambda: tar([("c.json", config(LAYER)), ("l.tar", None, {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}),
        ("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": [], "Layers": ["l.tar"]}]).encode())]), False, "missing"),
    "config_climbs": (lambda: tar(docker(manifest=[{"Config": "../../etc/passwd", "RepoTags": [], "Layers": ["l.tar"]}])), False, "missing"),
    "bad_repo_tag": (lambda: tar(docker(manifest=[{"Config": "c.json", "RepoTags": ["../../X y"], "Layers": ["l.tar"]}])), False, "reference"),
    "layers_more_than_config": (lambda: tar(docker(manifest=[{"Config": "c.json", "RepoTags": [], "Layers": ["l.tar", "l.tar"]}])), False, "layers"),
    "wrong_diff_id": (lambda: tar(docker(conf=config(b"other"))), False, "digest"),
    "manifest_not_a_list": (lambda: tar([("manifest.json", b"{}")]), False, "list"),
    "manifest_empty": (lambda: tar([("manifest.json", b"[]")]), False, "no image"),
    "index_is_link": (lambda: tar([link("index.json", "/etc/passwd"), ("oci-layout", b"{}")]), False, "formats"),
    "index_climbs": (lambda: tar(oci(index={"schemaVersion": 2, "manifests": [{"mediaType": MAN, "digest": "sha256:../../../../etc/passwd", "size": 1}]})), False, "digest"),
    "index_wrong_size": (lambda: tar(oci(index={"schemaVersion": 2, "manifests": [{"mediaType": MAN, "digest": "sha256:" + "0" * 64, "size": 1}]})), False, "missing"),
    "files_huge_number": (lambda: tar([("manifest.json", b" " * (5 << 20))]), False, "larger"),
    "pax_header_1g": (lambda: huge_pax(), False, "1 MiB"),
    "only_zeros": (lambda: b"\0" * 10240, False, "formats"),
    "layer_climbs": (lambda: layer_of(("../../../../../../canary/x", b"evil")), False, "out of the layer"),
    "layer_link_then_file": (lambda: layer_of(link("l", "@CANARY@"), ("l/x", b"evil")), None, None),
    "layer_link_then_whiteout": (lambda: layer_of(link("l", "@CANARY@"), ("l/.wh.keep", b"")), None, None),
    "layer_hardlink_out": (lambda: layer_of(link("h", "../../canary/keep", tarfile.LNKTYPE)), False, "out of the layer"),
    "layer_hardlink_missing": (lambda: layer_of(link("h", "nope", tarfile.LNKTYPE)), False, "not in this layer"),
    "layer_root_is_link": (lambda: layer_of(link("./", "@CANARY@")), False, "root"),
    "layer_chmod_through_link": (lambda: layer_of(link("l", "@CANARY@"), ("l/.", None, {"type": tarfile.DIRTYPE, "mode": 0o777})), None, None),
    "layer_whiteout_dots": (lambda: layer_of((".wh...", b"")), False, "whiteout"),
    "layer_overlay_xattr": (lambda: layer_of(("d", None, {"type": tarfile.DIRTYPE, **pax(**{"SCHILY.xattr.trusted.overlay.redirect": "/etc"})})), True, None),
    "layer_long_name": (lambda: layer_of(("n/" * 3000 + "f", b"x")), False, "longer than"),
    "layer_negative_sparse": (lambda: layer_of(("s", b"abcd", pax(**{"GNU.sparse.map": "5,-1", "GNU.sparse.size": "10"}))), False, "sparse"),
    "layer_sparse_8e": (lambda: layer_of(("s", b"abcd", pax(**{"GNU.sparse.map": "0,4", "GNU.sparse.size": str((1 << 63) - 1)}))), False, None),
    "layer_size_lies": (lambda: layer_of(("s", b"abcd", pax(size="99999999"))), False, "cut off"),
    "gzip_bomb": (lambda: gzip.compress(b"\0" * (3 << 30), 1, mtime=0), False, None),
    "truncated": (lambda: tar(docker())[:3000], False, None),
}


def make_directory(base, kind):
    d = os.path.join(base, "layout")
    os.makedirs(d + "/blobs/sha256")
    for name, data in oci():
        with open(os.path.join(d, name), "wb") as f:
            f.write(data)
    blob = d + "/blobs/sha256/" + sha(LAYER)
    if kind == "blob_is_link":
        os.rename(blob, base + "/moved"); os.symlink(base + "/moved", blob)
    elif kind == "blobs_is_link":
        os.rename(d + "/blobs", base + "/blobs"); os.symlink(base + "/blobs", d + "/blobs")
    elif kind == "index_is_fifo":
        os.unlink(d + "/index.json"); os.mkfifo(d + "/index.json")
    elif kind == "blob_is_fifo":
        os.unlink(blob); os.mkfifo(blob)
    return d


DIRECTORIES = {"dir_plain": ("plain", True), "dir_blob_is_link": ("blob_is_link", False), "dir_blobs_is_link": ("blobs_is_link", False),
               "dir_index_is_fifo": ("index_is_fifo", False), "dir_blob_is_fifo": ("blob_is_fifo", False)}


def snapshot(d):
    out = []
    for root, dirs, files in os.walk(d):
        for n in dirs + files + ["."]:
            s = os.lstat(os.path.join(root, n))
            out.append((os.path.join(root, n), s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns if n != "." else 0))
    return sorted(out)


def run(umiak, name):
    base = tempfile.mkdtemp(prefix="evilimg-")
    canary = base + "/canary"
    os.mkdir(canary)
    open(canary + "/keep", "w").write("keep")
    before = snapshot(canary)
    if name in DIRECTORIES:
        kind, good = DIRECTORIES[name]
        want, path = None, make_directory(base, kind)
    else:
        make, good, want = CASES[name]
        path = base + "/image"
        data = make()
        if b"@CANARY@" in data:
            data = rebuild(name, canary)
        open(path, "wb").write(data)
    start, text = time.time(), ""
    try:
        p = subprocess.run([umiak, "--root", base + "/root", "--runroot", base + "/run", "load", "-q", "-i", path],
                           capture_output=True, text=True, timeout=60)
        text, problem = p.stderr.strip(), None
        left = any(os.path.isdir(base + "/root/" + d) and os.listdir(base + "/root/" + d) for d in ("layers", "blobs/sha256", "staging"))
        if snapshot(canary) != before:
            problem = "the canary was touched"
        elif good and p.returncode:
            problem = "should have loaded"
        elif good is False and p.returncode != 125:
            problem = "exit code %d" % p.returncode
        elif p.returncode and (len(text.splitlines()) != 1 or not text.startswith("Error: ")):
            problem = "not one line"
        elif good is False and want and want not in text:
            problem = "the error does not say \"%s\"" % want
        elif p.returncode and left:
            problem = "something is left in the store"
    except subprocess.TimeoutExpired:
        problem = "hangs"
    shutil.rmtree(base, ignore_errors=True)
    print("%s %s (%.1f s)%s" % ("not ok" if problem else "ok", name, time.time() - start, ": " + problem if problem else ""))
    if problem and text:
        print("#   " + text[:400])
    return not problem


def rebuild(name, canary):
    """Cases with links to the canary, made with its real path."""
    def l(n): return link(n, canary)
    return {
        "layer_link_then_file": lambda: layer_of(l("l"), ("l/x", b"evil")),
        "layer_link_then_whiteout": lambda: layer_of(l("l"), ("l/.wh.keep", b"")),
        "layer_root_is_link": lambda: layer_of(l("./")),
        "layer_chmod_through_link": lambda: layer_of(l("l"), ("l/.", None, {"type": tarfile.DIRTYPE, "mode": 0o777})),
    }[name]()


def main(argv):
    if not argv:
        print(__doc__); return 64
    results = [run(argv[0], n) for n in (argv[1:] or [*CASES, *DIRECTORIES])]
    print("# %d of %d" % (sum(results), len(results)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
