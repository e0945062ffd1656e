# part.awk - a test file with some of its tests only: those whose place in the
# list of RUN(...) lines, counted from 0, modulo -v parts is -v part; and of its
# static functions and constant tables, those that these use. SDCC would keep
# all of them. Lines keep their numbers.
#
# It knows C as clang-format leaves it: what begins in the first column ends
# where no brace is open, with a '}' or a ';'.
/^    RUN\(/ && count++ % parts != part { $0 = "" }
{ line[NR] = $0 }
!open && /^static / { first[++block] = NR; open = 1; depth = 0 }
{ of[NR] = open ? block : 0 }
open {
    code = $0
    gsub(/"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/, "", code)
    depth += gsub(/{/, "{", code) - gsub(/}/, "}", code)
    sub(/ *\/\*.*/, "", code)
    if (depth == 0 && code ~ /[;}]$/) { open = 0 }
}

# The name of a block that may be left out, or "".
function name_of(b,  text) {
    text = line[first[b]]
    if (text !~ /=|;$/ && text !~ /\(/) { text = text " " line[first[b] + 1] }
    if (text ~ /^static [^=(]*[a-z0-9_]+\(/) {
        sub(/\(.*/, "", text)
    } else if (text ~ /^static const [^;]*[a-z0-9_]+(\[[^=]*\])? = /) {
        sub(/(\[[^=]*\])? = .*/, "", text)
    } else {
        return ""
    }
    sub(/.*[^a-z0-9_]/, "", text)
    return text
}

# Wants every block whose name is in the text.
function want(text,  words, n, i) {
    if (text ~ /^ +\* /) { return } # a comment goes on
    sub(/\/\*.*/, "", text)
    n = split(text, words, /[^A-Za-z0-9_]+/)
    for (i = 1; i <= n; i++) {
        if (words[i] in block_of && !wanted[block_of[words[i]]]++) {
            queue[last++] = block_of[words[i]]
        }
    }
}

END {
    for (b = 1; b <= block; b++) {
        name = name_of(b)
        if (name != "") { block_of[name] = b } else { wanted[b] = 1 }
    }
    for (i = 1; i <= NR; i++) {
        if (!of[i] || wanted[of[i]]) { want(line[i]) }
    }
    while (next_one < last) {
        b = queue[next_one++]
        for (i = first[b]; of[i] == b; i++) { want(line[i]) }
    }
    for (i = 1; i <= NR; i++) { print !of[i] || wanted[of[i]] ? line[i] : "" }
}
