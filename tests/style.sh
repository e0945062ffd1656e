#!/bin/sh
# style.sh [FILE...] - the house rules that a machine can check, on estls.h;
# and clang-format on FILEs, by default on all C files of the tree.
# Prints each figure with its limit.
set -eu
cd "$(dirname "$0")/.."
header=estls.h
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

# check STATUS TEXT
check() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok    $2"
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
    fi
}

# at_most VALUE LIMIT TEXT; at_least likewise
at_most() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }' && s=0 || s=1
    check $s "$3: $1 (at most $2)"
}
at_least() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }' && s=0 || s=1
    check $s "$3: $1 (at least $2)"
}

# empty FILE TEXT: there are no offenders
empty() {
    [ ! -s "$1" ] && s=0 || s=1
    check $s "$2"
    [ $s -eq 0 ] || sed 's/^/          /' "$1"
}

# -- the header without comments, strings and characters, line by line --------
awk '{
    out = ""
    while (length($0)) {
        if (comment) {
            i = index($0, "*/")
            if (!i) break
            $0 = substr($0, i + 2); comment = 0
        } else if (match($0, /^\/\*/)) {
            comment = 1; $0 = substr($0, 3)
        } else if (match($0, /^"([^"\\]|\\.)*"/)) {
            out = out "\"\""; $0 = substr($0, RLENGTH + 1)
        } else if (match($0, /^\047([^\047\\]|\\.)*\047/)) {
            out = out "0"; $0 = substr($0, RLENGTH + 1)
        } else {
            out = out substr($0, 1, 1); $0 = substr($0, 2)
        }
    }
    sub(/[ \t]+$/, "", out); print out
}' "$header" >"$dir/bare"

impl=$(grep -n '^#if defined ESTLS_IMPLEMENTATION' "$header" | cut -d: -f1)
head -n "$impl" "$header" >"$dir/declarations"
tail -n "+$impl" "$header" >"$dir/implementation"
head -n "$impl" "$dir/bare" >"$dir/bare_declarations"

# -- tags: the same rooms in the same order in both halves --------------------
tags() {
    sed -n 's/^ \* >>\([a-z]*\).*/\1/p' "$1"
}
rooms=$(tags "$dir/declarations" | tr '\n' ' ')
[ "$rooms" = "core at link tls starttls session tx " ] && s=0 || s=1
check $s "tags in the declarations: $rooms"
[ "$rooms" = "$(tags "$dir/implementation" | tr '\n' ' ')" ] && s=0 || s=1
check $s "the same in the implementation"

# -- functions: NAME ROOM LENGTH MCCABE, and calls: CALLER CALLEE -------------
# Length is that of the code, signature included, without comments and blank
# lines; McCabe's number counts && || ?: as well.
awk -v edges="$dir/edges" 'NR == FNR {
    if (match($0, /^ \* >>[a-z]+/)) { tag = substr($0, 6, RLENGTH - 5) }
    room[FNR] = tag; next
}
/^\{$/ && match(sig, /[A-Za-z0-9_]+\(/) {
    name = substr(sig, RSTART, RLENGTH - 1); mccabe = 1; code = FNR - start
}
name && !/^$/ {
    code++
    line = " " $0
    mccabe += gsub(/[^A-Za-z0-9_](if|for|while|case)[ (]/, "&", line)
    mccabe += gsub(/&&|\|\||\?/, "&", line)
    while (match(line, /estlsi?_[a-z0-9_]+\(/)) {
        print name, substr(line, RSTART, RLENGTH - 1) > edges
        line = substr(line, RSTART + RLENGTH)
    }
}
/^\}$/ && name {
    print name, room[FNR], code, mccabe; name = ""
}
/^$|^#|;$|^\}/ { sig = ""; start = 0; next }
{ if (!start) start = FNR; sig = sig " " $0 }
' "$header" "$dir/bare" >"$dir/functions"

count=$(wc -l <"$dir/functions")
at_least "$count" 100 "functions found"

# -- rooms: a call goes to one's own room or a lower one; tx knows core only --
awk 'BEGIN {
    n = split("core at link tls starttls session", order)
    for (i = 1; i <= n; i++) rank[order[i]] = i
}
NR == FNR { room[$1] = $2; next }
$2 in room {
    from = room[$1]; to = room[$2]
    if (from == to || to == "core") next
    if (from == "tx" || to == "tx" || rank[to] > rank[from])
        print $1 " (" from ") calls " $2 " (" to ")"
}' "$dir/functions" "$dir/edges" >"$dir/upward"
empty "$dir/upward" "rooms: every call stays or goes down"

# -- names: estls_<room>_ or estlsi_<room>_, with these exceptions ------------
awk 'BEGIN {
    own["core"] = "core|strerror|error"
    own["at"] = "at|time"
    own["tls"] = "tls|x509|pin|anchors|full|small|seed"
    own["starttls"] = "starttls|direct|smtp|lmtp|imap|pop3|nntp|sieve|irc|ftp|xmpp|ldap|postgres|mysql"
    own["session"] = "session|open|step|read|write|close|info"
}
{
    words = $2 in own ? own[$2] : $2
    if ($1 !~ "^estlsi?_(" words ")(_|$)") print $1 " in " $2
}' "$dir/functions" >"$dir/misnamed"
empty "$dir/misnamed" "names say their room"

# -- no recursion: the graph of calls has an order ----------------------------
sort -u "$dir/edges" >"$dir/sorted"
awk '$1 == $2 { print $1 " calls itself" }' "$dir/sorted" >"$dir/loops"
awk '$1 != $2' "$dir/sorted" | tsort 2>>"$dir/loops" >/dev/null || true
empty "$dir/loops" "no recursion ($(wc -l <"$dir/sorted") edges)"

# -- size ---------------------------------------------------------------------
# percentile P FIELD
percentile() {
    sort -n -k "$2,$2" "$dir/functions" |
        awk -v p="$1" -v f="$2" '{ v[NR] = $f }
            END { i = int((NR * p + 99) / 100); print v[i < 1 ? 1 : i] }'
}
longest() {
    sort -n -k "$1,$1" "$dir/functions" | awk '{ name = $1 } END { print name }'
}
at_most "$(percentile 50 3)" 12 "lines per function, median"
at_most "$(percentile 95 3)" 40 "lines per function, 95 of 100"
at_most "$(percentile 100 3)" 60 "lines per function, longest, $(longest 3)"
at_most "$(percentile 100 4)" 16 "McCabe number, highest, $(longest 4)"
at_most "$(wc -l <"$header")" 7900 "lines of $header"
awk -v f="$header" 'length > 80 { print f ":" FNR }' "$header" >"$dir/wide"
empty "$dir/wide" "no line over 80 columns"

# -- comments: lines of them to lines of code ---------------------------------
# Lines with a comment on them, for each line with code on it.
ratio() {
    awk 'NR == FNR { if (/[^ \t]/) code++; next }
        inside || /\/\*/ { comment++ }
        { t = $0; gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", t)
          if (t ~ /\/\*/) inside = 1
          if (t ~ /\*\//) inside = 0 }
        END { printf "%.2f", comment / code }' "$2" "$1"
}
at_least "$(ratio "$dir/declarations" "$dir/bare_declarations")" 1.0 \
    "comment lines per code line, declarations"
tail -n "+$impl" "$dir/bare" >"$dir/bare_implementation"
echo "      comment lines per code line, implementation:" \
    "$(ratio "$dir/implementation" "$dir/bare_implementation")"

# -- surface ------------------------------------------------------------------
# Values of one field count as one, as enumerators would: the protocols (proto),
# estls_anchors and estls_pin (trust), estls_full and estls_small (profile), and
# the parts of >>tx. They are functions so that a program links only those it
# names.
tr '\n' ' ' <"$dir/bare_declarations" | tr ';' '\n' |
    grep 'ESTLS_API .*(' >"$dir/functions_declared"
functions=$(wc -l <"$dir/functions_declared")
for values in 'const estls_proto \*' 'int estls_(anchors|pin)\(' \
    '[a-z ]+ estls_(full|small)\('; do
    count=$(grep -cE "ESTLS_API $values" "$dir/functions_declared")
    functions=$((functions - count + 1))
done
types=$(grep -oE '(^typedef struct|^\}|^typedef .*[ *]) ?estls_[a-z0-9_]+;' \
    "$dir/bare_declarations" | sort -u | wc -l)
# >>tx, which a sensor without a modem uses alone, has a limit of its own.
tx_functions=$(grep -cE 'ESTLS_API .*estls_tx_[a-z_]+\(' \
    "$dir/functions_declared")
count=$(grep -cE 'ESTLS_API uint32_t estls_tx_[a-z]+\(estls_tx \*tx, uint8_t ' \
    "$dir/functions_declared")
tx_functions=$((tx_functions - count))
tx_types=$(grep -cE '^\} estls_tx(_[a-z]+)?;' "$dir/bare_declarations")
# So has the seed keeper, which many programs do without.
seed_functions=$(grep -cE 'ESTLS_API .*estls_seed_[a-z_]+\(' \
    "$dir/functions_declared")
seed_types=$(grep -cE '^\} estls_seed(_[a-z]+)?;' "$dir/bare_declarations")
functions=$((functions - tx_functions - count - seed_functions))
types=$((types - tx_types - seed_types))
at_most "$((functions + types))" 70 \
    "public identifiers ($functions functions, $types types; values of a field as one)"
at_most "$((tx_functions + 1 + tx_types))" 25 \
    "public identifiers of >>tx ($tx_functions functions, $tx_types types, \
$count parts as one)"
at_most "$((seed_functions + seed_types))" 3 \
    "public identifiers of the seed keeper"
grep -E '^ *#|defined ' "$dir/bare" |
    grep -oE '(define|defined|ifdef|ifndef|undef) +ESTLS_[A-Z_]+' |
    grep -oE 'ESTLS_[A-Z_]+' | sort -u >"$dir/macros"
at_most "$(wc -l <"$dir/macros")" 10 \
    "public macros ($(sed 's/ESTLS_//' "$dir/macros" | tr '\n' ' '))"

# -- layout -------------------------------------------------------------------
if command -v clang-format >/dev/null; then
    [ $# -gt 0 ] ||
        set -- $(git ls-files -co --exclude-standard '*.c' '*.h' '*.ino')
    clang-format --dry-run "$@" 2>&1 |
        sed -n 's/: \(warning\|error\): code should.*//p' >"$dir/layout"
    empty "$dir/layout" "clang-format, $# files"
else
    echo "      clang-format: skipped, not installed"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
