#!/usr/bin/env python3
"""Include lines against the table `layers`: every room names only rooms above it, and its own external headers."""
import glob, os, re, sys

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(os.path.join(here, "..", ".."))
STANDARD = re.compile(r"^(sys/|netinet/|arpa/|linux/)?[a-z0-9_]+\.h$")
EXTERNAL = ("cjson/", "curl/", "event2/", "hiredis/", "openssl/")
BARE_EXTERNAL = ("yaml.h", "uthash.h")
PURE_STANDARD = {"assert.h", "ctype.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdalign.h", "stdarg.h",
                 "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h", "strings.h", "stdio.h", "errno.h", "regex.h"}


def read_table():
    rooms, order = {}, []
    for line in open(os.path.join(here, "layers")):
        if line.startswith("#") or line.count("|") < 3:
            continue
        name, pure, may, external = (f.strip() for f in line.split("|")[:4])
        rooms[name] = dict(pure=pure == "pure", may=set(may.split()), external=set(external.split()))
        for r in rooms[name]["may"]:
            if r not in order:
                yield None, f"layers: {name} names {r}, which is not above it"
        order.append(name)
    yield rooms, None


def check_include(room, rooms, path, line_no, form, target):
    where, me = f"{path}:{line_no}", rooms[room]
    if form == '"':
        first = target.split("/")[0]
        local = os.path.exists(os.path.join(os.path.dirname(path), target))
        if "/" not in target or (local and first == room):
            return None if local else f"{where}: {target}: a door is named room/file.h"
        if first not in rooms:
            return f"{where}: {target}: no such room"
        if first != room and first not in me["may"]:
            return f"{where}: {room} may not name {first}"
        if first != room and not os.path.exists("include/" + target):
            return f"{where}: {target} is not a door of {first}"
        return None
    if target.startswith(EXTERNAL) or target in BARE_EXTERNAL:
        return None if target in me["external"] else f"{where}: {room} may not name <{target}>"
    if not STANDARD.match(target):
        return f"{where}: <{target}> is unknown to the lint"
    if me["pure"] and target not in PURE_STANDARD:
        return f"{where}: the pure room {room} may not name <{target}>"
    return None


def main():
    bad, rooms = [], {}
    for table, complaint in read_table():
        rooms = table or rooms
        bad += [complaint] if complaint else []
    for path in sorted(glob.glob("include/*/*.h") + glob.glob("src/*/*.[ch]")):
        room = path.split("/")[1]
        if room not in rooms:
            bad.append(f"{path}: {room} is not in tests/lint/layers")
            continue
        for n, line in enumerate(open(path, errors="replace"), 1):
            m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            complaint = m and check_include(room, rooms, path, n, *m.groups())
            bad += [complaint] if complaint else []
    print("\n".join(bad))
    sys.exit(1 if bad else 0)


main()
