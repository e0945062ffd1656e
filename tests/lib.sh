# shellcheck shell=bash
# lib.sh - for tests that run programs; bash sources it.
#
#     begin                    makes $dir, and sees to it that all ends
#     start NAME COMMAND...    in the background, its pid in $pid
#     stop PID                 ends what was started
#     run NAME COMMAND...      in the foreground, its exit status in $status
#     check WHAT COMMAND...    counts whether COMMAND succeeds; the case
#                              that it belongs to is $doing; with
#                              $show_passed set, says so if it does
#     proof NAME RESULT        says it, and keeps it for SECURITY.md
#     finish                   prints the count; its status is the test's
#
# NAME names the files $dir/NAME.out and $dir/NAME.err.

export LC_ALL=C
unset ESTLS_WIFI_PASSWORD ESTLS_MAIL_PASSWORD ARGP_HELP_FMT
passed=0 failed=0
pids='' # of all that runs
doing=''
show_passed=''

# begin [WHERE]
begin() {
    dir=$(mktemp -d "${1:-${TMPDIR:-/tmp}}/estls.XXXXXX") || exit 1
    trap end EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# However the test ends. A script may have more to end in end_hook.
end() {
    local each

    trap '' HUP INT TERM
    for each in $pids; do stop "$each"; done
    end_hook
    rm -rf "$dir"
}
end_hook() { :; }

# -- processes ----------------------------------------------------------------

# A zombie is as good as gone: it may be that nobody is there to reap it.
alive() {
    local stat

    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    case ${stat##*) } in
    Z*) return 1 ;;
    esac
}

gone() { ! alive "$1"; }

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
    local turns=$(($1 * 50))

    shift
    until "$@"; do
        [ $((turns -= 1)) -gt 0 ] || return 1
        sleep 0.02
    done
}

# Input is taken from $input, if set. What an earlier process of that name said
# is gone at once, for those who wait for a word of the new one.
start() {
    local name=$1

    shift
    rm -f "$dir/$name.out" "$dir/$name.err"
    "$@" >"$dir/$name.out" 2>"$dir/$name.err" <"${input:-/dev/null}" &
    pid=$!
    pids="$pids $pid"
}

stop() {
    if alive "$1"; then
        kill "$1" 2>/dev/null
        wait_for 5 gone "$1" || kill -KILL "$1" 2>/dev/null
    fi
    wait "$1" 2>/dev/null
}

# Waits for what was started last. A signal to the test ends the wait.
finished() {
    wait "$pid"
    status=$?
    pids=${pids% *}
}

# Longer than a minute is a failure: status 124.
run() {
    ran=$1
    shown=0
    command="${*:2}"
    start "$1" timeout -k 5 60 "${@:2}"
    finished
    out=$dir/$ran.out
    err=$dir/$ran.err
}

# -- checks -------------------------------------------------------------------

# What ran last, once; the temporary directory's name is of no use.
show_context() {
    [ "${shown:-1}" -eq 0 ] || return 0
    shown=1
    echo "      ran:    ${command//$dir/DIR}" | cut -c 1-400
    echo "      status: $status"
    tail -n 3 "$out" | cut -c 1-400 | sed 's/^/      stdout: /'
    tail -n 12 "$err" | cut -c 1-200 | sed 's/^/      stderr: /'
}

check() {
    local what=$1

    shift
    why=''
    if "$@"; then
        passed=$((passed + 1))
        [ -z "$show_passed" ] || echo "ok    $doing: $what"
    else
        failed=$((failed + 1))
        echo "FAIL  $doing: $what${why:+: $why}"
        show_context
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# What `make NAME` has shown today: a row for the table of SECURITY.md, which
# `make tables` puts there. Only what has not failed counts.
proof() {
    echo "$2"
    [ "$failed" -eq 0 ] || return 0
    mkdir -p "$build/proofs"
    printf '| `make %s` | %s | %s |\n' "$1" "$2" "$(date -u +%F)" \
        >"$build/proofs/${1%% *}.md"
}

# is VALUE WANTED
is() {
    why="$1, not $2"
    [ "$1" = "$2" ]
}

exited() { check 'exit status' is "$status" "$1"; }

holds() { grep -qF -e "$2" "$1"; }
lacks() { ! grep -qF -e "$2" "$1"; }

# -- the report of --report ---------------------------------------------------

# One object, flat, of strings without escapes, integers and truth values.
is_json() {
    local pair='"[a-z_]+":("[A-Za-z0-9_.]*"|true|false|-?(0|[1-9][0-9]*))'

    tail -n 1 "$1" | grep -qE "^\{$pair(,$pair)*\}\$"
}

# field NAME: of the report of what ran last
field() {
    tail -n 1 "$out" | sed -nE "s/^\\{(.*,)?\"$1\":\"?([^,\"}]*).*/\\2/p"
}

# reports NAME VALUE
reports() { check "report: $1" is "$(field "$1")" "$2"; }

# -- errors of the library ----------------------------------------------------

# error_text NAME: "NUMBER TEXT" of E_NAME, as the header has it, without sign
error_text() {
    sed -nE "s/^ *X\\(E_$1, -([0-9]+), \"([^\"]*)\",.*/\\1 \\2/p" "$top/estls.h"
}

# fails_with NAME: the exit status is that error's, its text is on stderr
fails_with() {
    local number text

    read -r number text < <(error_text "$1")
    exited $((10 + ${number:--10}))
    check "stderr names E_$1" holds "$err" "E_$1 (detail "
    check "stderr says: $text" holds "$err" "${text:-?}"
    check "the report is JSON" is_json "$out"
    reports result "E_$1"
}
