#!/bin/bash
# memcheck.sh PROGRAM ARGUMENT... - runs a test under valgrind's memcheck.
# Prints the program's count; before it, valgrind's report of errors and leaks.
set -u

. "$(dirname "$0")/lib.sh"
ERRORS=99 # an exit status that no test has

# To track origins takes as long again, so only who needs them asks for them.
memcheck() { # NAME OPTION... PROGRAM ARGUMENT...
    start "$1" valgrind -q --error-exitcode=$ERRORS --leak-check=full \
        --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite \
        --log-file="$dir/$1.log" "${@:2}"
    finished
}

# The last line that counts; fails if there is none.
count() {
    awk '/^[0-9]+ passed, [0-9]+ failed/ { line = $0 }
        END { if (!line) exit 1; print line }' "$dir/test.out"
}

[ $# -gt 0 ] || {
    echo 'usage: memcheck.sh PROGRAM ARGUMENT...' >&2
    exit 2
}
begin
memcheck test "$@"
result=$status
if [ "$result" -eq $ERRORS ]; then
    memcheck origins --track-origins=yes "$@"
    if [ -s "$dir/origins.log" ]; then
        cat "$dir/origins.log"
    else
        cat "$dir/test.log"
    fi
elif [ "$result" -ne 0 ]; then
    cat "$dir/test.log" "$dir/test.out" "$dir/test.err"
    echo "exit status $result"
fi
count || {
    echo "no count of tests from: $*"
    exit 1
}
exit "$result"
