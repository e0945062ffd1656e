# annotate.awk FILE.acsl... HEADER - the header with ACSL put in front of
# functions and loops; nothing else is changed. In an .acsl file
#     function NAME          before the definition of NAME
#     at TEXT                before the line of it that is TEXT
# begins a block, which ends at the next. Each block becomes one line, which
# begins with "/*@", so that without those lines the header is left. An anchor
# that is not there, or is there twice, is an error.
FILENAME ~ /\.acsl$/ {
    if (/^ *(#.*)?$/) next
    if ($1 == "function") {
        name = $2; key = name
    } else if ($1 == "at") {
        text = $0; sub(/^ *at +/, "", text)
        key = name "\n" text
    } else {
        if (!(key in acsl)) order[++keys] = key
        sub(/^ +/, ""); acsl[key] = acsl[key] " " $0
    }
    next
}
# An earlier line of a signature is held back until its name is known.
function flush(i) {
    for (i = 1; i <= held; i++) print hold[i]
    held = 0
}
function put(key) {
    if (key in acsl) { print "/*@" acsl[key] " */"; used[key]++ }
}
/^[A-Za-z]/ || (held && !/^{/) {
    if (!held) signature = ""
    hold[++held] = $0
    signature = signature " " $0
    if (/[;}]$/ || /^(enum|typedef|struct)/) flush()
    next
}
/^{/ && held {
    inside = signature
    sub(/\(.*/, "", inside); sub(/.*[ *]/, "", inside)
    put(inside)
    flush()
}
{
    flush()
    text = $0; sub(/^ +/, "", text)
    if (inside) put(inside "\n" text)
    print
}
/^}/ { inside = "" }
END {
    for (i = 1; i <= keys; i++) {
        if (used[order[i]] != 1) {
            sub(/\n/, ": ", order[i])
            print "no one place for ACSL: " order[i] >"/dev/stderr"
            failed = 1
        }
    }
    exit failed
}
