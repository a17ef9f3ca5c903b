#!/usr/bin/env python3
"""What can be seen in the text of C files: sizes, white space, banned functions and commands, forbidden names.

  text.py sizes|space|banned|owners|commands|sendable|names     prints complaints; exit 1 when there are any
  text.py report                                functions above 60 lines, files above 500, nesting above 3: no failure
"""
import glob, os, re, subprocess, sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
MAX_FUNCTION, MAX_FILE = 80, 800
BANNED = ("strcpy strcat stpcpy strncpy strncat sprintf vsprintf gets strtok scanf fscanf mktemp tmpnam asctime ctime "
          "alloca setjmp longjmp").split()
BANNED_IN_PRODUCT = "sscanf popen system rand srand atoi atol atoll atof gmtime localtime".split()
# A database, or a node's knowledge of its cluster, is never thrown away by this program.
# A shard id of our making costs a shard its voters (N12).
COMMANDS = re.compile(r'\bFLUSHALL\b|\bFLUSHDB\b|\bCLUSTER\s+RESET\b|shard-id=|"RESET\b|"(HARD|SOFT)"', re.I)
# What may be sent to Redis at all. A new command is added here as well as in the table, so that somebody thinks twice.
TABLE = "src/slots/command.c"
SENDABLE = {"CLUSTER SET-CONFIG-EPOCH", "CLUSTER ADDSLOTSRANGE", "CLUSTER MEET", "CLUSTER REPLICATE", "CLUSTER FORGET",
            "CONFIG SET", "CLUSTER FAILOVER", "CLUSTER FAILOVER FORCE", "CLUSTER FAILOVER TAKEOVER",
            "CLUSTER MIGRATION IMPORT", "CLUSTER MIGRATION CANCEL ALL", "CLUSTER MIGRATESLOTS SLOTSRANGE",
            "CLUSTER CANCELSLOTMIGRATIONS", "BGSAVE", "ACL SETUSER", "ACL DELUSER", "CLUSTER SETSLOT",
            "CLUSTER GETKEYSINSLOT", "CLUSTER COUNTKEYSINSLOT", "MIGRATE", "FUNCTION DUMP", "FUNCTION RESTORE", "DUMP",
            "MEMORY USAGE", "ASKING", "PING"}
# Words of questions, of AUTH, of MIGRATE's end, and of replies: all that other files of the room may spell.
READS = set("AUTH INFO CLUSTER MYID MYSHARDID NODES GETSLOTMIGRATIONS MIGRATION STATUS ALL CONFIG GET ACL WHOAMI LIST DRYRUN "
            "AUTH2 KEYS REPLACE LOADING NOAUTH NOPERM WRONGPASS IOERR BUSYKEY".split())
# Only these two hand words to hiredis: pipe.c what its caller spelled from the table or as a question, link.c the same.
SENDERS = ("src/redis/pipe.c", "src/redis/link.c")
SENDS = re.compile(r"\bredis\w*(?:Command|Append|Format)\w*\s*\(")
# Who may decide on what can cost data.
DECIDES = {"CMD_FAILOVER_TAKEOVER": ("src/slots/heal_failover.c",), "CMD_FAILOVER_FORCE": ("src/slots/heal_failover.c",),
           "CMD_ADD_SLOTS": ("src/slots/form.c", "src/slots/heal_lost.c"),
           "CMD_MIGRATE_EQUAL": ("src/redis/move_keys.c",), "CMD_SLOT_NODE": ("src/redis/move.c", "src/redis/move_lane.c")}
# Hosts that packages and images come from: which mirror or registry is used is the user's choice.
NAMES = re.compile(r"\b(deb|security|snapshot|ftp)[.]debian[.]|npm(js)?[.](org|com)|docker[.]io|ghcr[.]io|quay[.]io"
                   r"|gcr[.]io|pypi[.]org|pythonhosted|golang[.]org|registry[.]k8s|amazonaws|pkg[.]dev", re.I)


def c_files(*folders):
    return sorted(f for d in folders for f in glob.glob(d + "/**/*.[ch]", recursive=True))


def code_of(text):
    """The same lines with comments and the insides of literals blanked."""
    def blank(m):
        s = m.group(0)
        return s if s[0] in "\"'" and keep_literals else re.sub(r"[^\n]", " ", s)
    return TOKEN.sub(blank, text)


TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
keep_literals = False


def functions(path):
    """(name, first line, lines, deepest nesting) for each function: from `{` to `}` in the first column."""
    lines = code_of(open(path, errors="replace").read()).split("\n")
    start = name = None
    depth = deepest = 0
    for n, line in enumerate(lines, 1):
        if start is None and re.match(r"^[A-Za-z_].*\(", line):
            m = re.search(r"(\w+)\s*\(", line)
            name = m.group(1) if m else name
        if line.startswith("{") and start is None:
            start, depth, deepest = n, 0, 0
        if start is not None:
            depth += line.count("{") - line.count("}")
            deepest = max(deepest, depth - 1)
            if line.startswith("}"):
                yield name, start, n - start - 1, deepest
                start = None


def sizes():
    for path in c_files("include", "src", "tests"):
        n_lines = open(path, errors="replace").read().count("\n")
        if n_lines > MAX_FILE:
            yield f"{path}: {n_lines} lines, more than {MAX_FILE}"
        for name, line, length, _ in functions(path):
            if length > MAX_FUNCTION:
                yield f"{path}:{line}: {name} has {length} lines, more than {MAX_FUNCTION}"


def space():
    for path in c_files("include", "src", "tests"):
        text = open(path, errors="replace").read()
        if text and not text.endswith("\n"):
            yield f"{path}: no newline at the end"
        for n, line in enumerate(text.split("\n"), 1):
            if "\t" in line:
                yield f"{path}:{n}: a tab"
            if line != line.rstrip():
                yield f"{path}:{n}: white space at the end"
            if len(line) > 160:
                yield f"{path}:{n}: {len(line)} columns, more than 160"


def banned():
    for path in c_files("include", "src", "tests"):
        words = BANNED + ([] if path.startswith("tests/") else BANNED_IN_PRODUCT)
        call = re.compile(r"(?<![\w.>])(" + "|".join(words) + r")\s*\(")
        for n, line in enumerate(code_of(open(path, errors="replace").read()).split("\n"), 1):
            m = call.search(line)
            if m:
                yield f"{path}:{n}: {m.group(1)} is banned"


def owners():
    """An early return runs the cleanup of every owner declared above it: it must hold something by then."""
    for path in c_files("include", "src", "tests"):
        lines = code_of(open(path, errors="replace").read()).split("\n")
        for n, line in enumerate(lines, 1):
            m = re.match(r"\s+(?:AUTO_\w+|CLEANUP\(\w+\))\s[^=]*\b(\w+);", line)
            soon = re.split(r"\breturn\b", "\n".join(lines[n:n + 6]))[0]
            if m and f"_init(&{m.group(1)}" not in soon:
                yield f"{path}:{n}: {line.strip()} is born without a value"


def commands():
    global keep_literals
    keep_literals = True
    for path in c_files("include", "src"):
        for n, line in enumerate(code_of(open(path, errors="replace").read()).split("\n"), 1):
            if COMMANDS.search(line):
                yield f"{path}:{n}: {line.strip()}"
    keep_literals = False


def spelled(words):
    """The fixed words at the start of a row of the table."""
    fixed = []
    for word in re.findall(r'"([^"]*)"', words):
        if not re.fullmatch(r"[A-Z][A-Z0-9-]*", word):
            break
        fixed.append(word)
    return " ".join(fixed)


def sendable():
    global keep_literals
    keep_literals = True
    for path in c_files("include", "src"):
        text = code_of(open(path, errors="replace").read())
        for n, line in enumerate(text.split("\n"), 1):
            row = re.search(r'\[CMD_\w+\] = \{ "[^"]*", \{(.*)\} \}', line) if path == TABLE else None
            if row and spelled(row.group(1)) not in SENDABLE:
                yield f"{path}:{n}: sends {spelled(row.group(1))}"
            if path == TABLE and not row and re.search(r'\[CMD_\w+\] = \{', line):
                yield f"{path}:{n}: a row of the table is one line"
            if path.startswith("src/") and path not in SENDERS and SENDS.search(line):
                yield f"{path}:{n}: sends by itself: {line.strip()}"
            for word in re.findall(r'"([A-Z][A-Z0-9-]+)"', line) if path.startswith("src/redis/") else []:
                if word not in READS:
                    yield f"{path}:{n}: spells {word}: commands are spelled in {TABLE}"
            for kind in re.findall(r"\bCMD_\w+", line) if path.startswith("src/") and path != TABLE else []:
                if path not in DECIDES.get(kind, (path,)):
                    yield f"{path}:{n}: {kind} is decided elsewhere"
    keep_literals = False


def names():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True).stdout.split("\n")
    for path in listed or []:
        if path and os.path.isfile(path) and not path.endswith("lint/text.py"):
            for n, line in enumerate(open(path, errors="replace"), 1):
                m = NAMES.search(line)
                if m:
                    yield f"{path}:{n}: names the host {m.group(0)}"


def report():
    for path in c_files("include", "src", "tests"):
        n_lines = open(path, errors="replace").read().count("\n")
        if n_lines > 500:
            print(f"{path}: {n_lines} lines")
        for name, line, length, depth in functions(path):
            if length > 60 or depth > 3:
                print(f"{path}:{line}: {name}: {length} lines, nesting {depth}")
    return []


bad = list({"sizes": sizes, "space": space, "banned": banned, "owners": owners,
            "commands": commands, "sendable": sendable, "names": names, "report": report}[sys.argv[1]]())
print("\n".join(bad))
sys.exit(1 if bad else 0)
