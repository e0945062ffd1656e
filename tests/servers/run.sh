#!/bin/bash
# run.sh BUILD PKI [SERVER...] - the library with all that it can upgrade, as
# real servers: starts each of them that is installed (install.sh), and on each
# of its services has a whole exchange by the program `exchange`, or moves files
# by `ftp_upload`, through the emulated modem, with 837 bytes of memory for
# records:
#     in pull mode and in push mode,
#     again with the session that was kept, to see whether it is resumed,
#     and 20 more times, interrupted at a random byte of it: ESTLS_FAULTS=N for
#     more, ESTLS_SEED=N for those of an earlier run.
# A row for each service; if all servers are asked for, the same as Markdown in
# BUILD/servers.md.
set -u

. "$(dirname "$0")/common.sh"
[ $# -ge 2 ] || {
    echo 'usage: run.sh BUILD PKI [SERVER...]' >&2
    exit 2
}
bin=$(cd "$1" && pwd) && pki=$(cd "$2" && pwd) || exit 1
shift 2
export ESTLS_SERVERS=$bin/servers
unpacked=$ESTLS_SERVERS
here=$top/tests/servers
# Servers give up root, and must get there.
begin /tmp
chmod 755 "$dir"
current=''
end_hook() { [ -z "$current" ] || "$current" stop "$dir/state"; }

FAULTS=${ESTLS_FAULTS:-20}
AT_ONCE=8
# of what waits for a modem that is deaf, and of all else, in seconds
SHORT=2
LONG=10
# The library closes a session within so many ms; FTP has two of them. On a busy
# machine it takes a little longer.
CLOSING=10000
SLACK=3000

# -- what is known ------------------------------------------------------------

# resumes SERVER: does it find sessions by their id? FTP servers find those of
# the control link for the data links of it, and nothing else.
resumes() {
    case $1 in
    postfix | dovecot | mariadb) echo true ;;
    *) echo false ;;
    esac
}

# user SERVER
user() {
    case $1 in
    postgres) echo postgres ;;
    vsftpd) echo anonymous ;;
    *) echo sensor ;;
    esac
}

# done_by SERVICE: what the exchange consists of
done_by() {
    case $1 in
    smtp* | submission | lmtp) echo 'a mail is accepted' ;;
    imap*) echo 'log in, append, search, fetch' ;;
    pop3*) echo 'log in, list' ;;
    sieve) echo 'log in, put a script, list' ;;
    nntp) echo 'read an article' ;;
    irc*) echo 'register, join' ;;
    xmpp*) echo 'log in, bind, roster' ;;
    ldap*) echo 'bind, search' ;;
    postgres | mysql) echo 'log in, query' ;;
    ftp) echo '1 MB up and down, list' ;;
    esac
}

# upgrade SERVICE: sets `how`, exchange's options
upgrade() {
    case $1 in
    smtps | imaps | pop3s | ldaps | ircs | xmpps)
        how=(--proto direct --speak "${1%s}")
        ;;
    *) how=(--proto "$1") ;;
    esac
}

# package_version PACKAGE: installed or unpacked
package_version() {
    local log=$unpacked/$1/usr/share/doc/$1/changelog.Debian.gz

    if [ -d "$unpacked/$1" ]; then
        zcat "$log" 2>/dev/null | sed -n '1s/^[^(]*(\([^)]*\)).*/\1/p'
    else
        dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' "$1" 2>/dev/null |
            sed -n 's/^.i *//p'
    fi
}

# version SERVER: that of its first package, without what Debian adds; empty:
# one of them is not there
version() {
    local package found first=''

    while read -r _ package; do
        found=$(package_version "$package")
        [ -n "$found" ] || return
        first=${first:-$found}
    done < <("$here/$1.sh" packages)
    first=${first#*:}
    echo "${first%%[-+~]*}"
}

# -- rows ---------------------------------------------------------------------

row() { printf '%-18s %-10s %-13s %-13s %-8s %-8s %s\n' "$@"; }

markdown() { printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$@" >>"$dir/md"; }

# mark, and verdict WORD: WORD, or FAILED if a check failed since
mark() { failed_before=$failed; }
verdict() { [ "$failed" -eq "$failed_before" ] && echo "$1" || echo FAILED; }

# result_row: of the service, from pulled, pushed, exchange, resumed, faults
result_row() {
    local words=$exchange

    [ "$words" != ok ] || words=$(done_by "$service")
    set -- "$pulled" "$pushed" "$exchange" "$resumed" "$faults"
    row "$server $version" "$service" "$@"
    markdown "$server $version" "$service" "$1" "$2" "$words" "$4" "$5"
}

# -- clients ------------------------------------------------------------------

# through_modem LIMIT MODEM-OPTIONS: sets `through`, options of both clients
through_modem() {
    through=(--exec "exec '$bin/espat' --stdio --gen 2 $2" --report
        --timeout "$1" --ca "$pki/anchors.pem" --user "$(user "$server")"
        --iobuf 837 --connect "127.0.0.1:$port")
}

# Each kind of client has two functions.
#
# KIND_words I LIMIT MODEM-OPTIONS OPTION...: sets `words`, the I-th command
# KIND_complete I: it has done all, or at least not half of it

exchange_words() {
    through_modem "$2" "$3"
    words=("$bin/exchange" "${through[@]}" "${how[@]}" "${@:4}" "$HOST")
}

exchange_complete() { holds "$out" exchanged; }

# ftp_words: a list if I is that word
ftp_words() {
    through_modem "$2" "$3"
    words=("$bin/ftp_upload" "${through[@]}" --data-iobuf 837 "${@:4}")
    if [ "$1" = list ]; then
        words+=(--list "$HOST" in/)
    elif goes_up "$1"; then
        ln -f "$dir/file" "$dir/up$1"
        words+=(--to in/ "$HOST" "$dir/up$1")
    else
        words+=(--get --to "$dir/down$1" "$HOST" in/file)
    fi
}

goes_up() { [ $(($1 / 2 % 2)) -eq 0 ]; }

# the file that is written by the I-th command
arrived() {
    if goes_up "$1"; then
        echo "$dir/state/ftp/in/up$1"
    else
        echo "$dir/down$1"
    fi
}

ftp_complete() { cmp -s "$(arrived "$1")" "$dir/file"; }

# -- upgrade and exchange -----------------------------------------------------

# upgraded RESUMED
upgraded() {
    check 'the report is JSON' is_json "$out"
    reports version TLS1.2
    reports suite ECDHE_ECDSA_CHACHA20_POLY1305
    reports mfl true
    reports resumed "$1"
}

# client_ok I RESUMED OPTION...: sets `how_upgraded`
client_ok() {
    "${kind}_words" "$1" $LONG '' "${@:3}"
    run client "${words[@]}"
    mark
    upgraded "$2"
    [ "$kind" != ftp ] || reports data_resumed true
    how_upgraded=$(verdict ok)
    mark
    exited 0
    reports result OK
    if [ "$1" = list ]; then
        check 'it is listed' holds "$out" file
    else
        check 'all of it is done' "${kind}_complete" "$1"
    fi
    [ "$failed" -eq "$failed_before" ] || exchange=FAILED
}

# again I: with the session that was kept
again() {
    local wanted

    wanted=$(resumes "$server")
    doing="$server, $service, again"
    client_ok "$1" "$wanted" --session "$dir/session"
    resumed=no
    ! $wanted || resumed=yes
    [ "$kind" != ftp ] || resumed='data link'
    [ "$how_upgraded" = ok ] || resumed=FAILED
}

# How many bytes of payload there are, each way: what goes over the wire when
# there is no modem.
measure_service() {
    doing="$server, $service, without a modem"
    exchange_words 0 $LONG ''
    run client "$bin/exchange" --tcp "${through[@]:2}" "${how[@]}" "$HOST"
    mark
    exited 0
    rx=$(field wire_rx)
    tx=$(field wire_tx)
}

exchange_service() {
    doing="$server, $service, pull"
    client_ok 0 false --session "$dir/session"
    pulled=$how_upgraded
    measure_service
    doing="$server, $service, push"
    client_ok 1 false --push
    pushed=$how_upgraded
    again 2
}

# Up, down and a list in both modes. Numbers that faults do not have.
ftp_service() {
    cp "$dir/file" "$dir/state/ftp/in/file"
    doing="$server, $service, pull"
    client_ok 1000 false
    tx_up=$(field wire_tx)
    client_ok 1002 false
    pulled=$how_upgraded
    rx_down=$(field wire_rx)
    client_ok list false --session "$dir/session"
    rx=$(field wire_rx)
    tx=$(field wire_tx)
    doing="$server, $service, push"
    client_ok 1001 false --push
    client_ok 1003 false --push
    pushed=$how_upgraded
    client_ok list false --push
    again list
}

# -- faults -------------------------------------------------------------------

# error_named STATUS: "E_NAME TEXT"
error_named() {
    sed -nE "s/^ *X\\((E_[A-Z_]+), -$(($1 - 10)), \"([^\"]*)\",.*/\\1 \\2/p" \
        "$top/estls.h"
}

# at_random WHAT@WHEN BYTES: sets `fault`. Not in a subshell, which would have
# random numbers of its own.
at_random() { fault=$1:$((1 + (RANDOM * 32768 + RANDOM) % $2)); }

# plan I: sets `fault`, `limit`, in seconds, and `push`, for every other one.
# The deaf modems come first, they take longest. Of FTP, not all that is on the
# wire is payload, hence the fractions; what goes against the file's direction
# is as much as for a list.
plan() {
    local from_server=$rx to_server=$tx

    if [ "$kind" = ftp ] && goes_up "$1"; then
        from_server=$((rx / 2)) to_server=$((tx_up * 2 / 3))
    elif [ "$kind" = ftp ]; then
        from_server=$((rx_down * 3 / 4)) to_server=$((tx / 2))
    fi
    push=()
    [ $(($1 % 2)) -eq 0 ] || push=(--push)
    limit=$LONG
    if [ "$1" -lt $((FAULTS / 4)) ]; then
        limit=$SHORT
        at_random hang@rx $from_server
        return
    fi
    case $(($1 % 3)) in
    0) at_random closed@rx $from_server ;;
    1) at_random closed@tx $to_server ;;
    2) at_random reset@rx $from_server ;;
    esac
}

# The same ones whatever other services are asked for.
seed_service() {
    local sum

    sum=$(cksum <<<"$seed $server $service")
    RANDOM=$((${sum%% *} % 32768))
}

fewer_run() { [ "$(jobs -rp | wc -l)" -lt $AT_ONCE ]; }

start_faults() {
    local i

    for ((i = 0; i < FAULTS; i++)); do
        plan $i
        wait_for 60 fewer_run
        fault_of[i]=$fault limit_of[i]=$limit
        "${kind}_words" $i "$limit" "--fault $fault" "${push[@]}"
        start "fault$i" timeout -k 5 60 "${words[@]}"
        pid_of[i]=$pid words_of[i]="${words[*]}"
    done
}

# nothing_pretended I: a download that was cut has not got its name; one that
# has it was whole, and confirmed, before the cut hit the goodbye behind it
nothing_pretended() {
    [ "$kind" != ftp ] || goes_up "$1" || [ ! -e "$(arrived "$1")" ] ||
        ftp_complete "$1"
}

in_time() {
    local links=1

    [ "$kind" != ftp ] || links=2
    why="$(field ms) ms"
    [ "$(field ms)" -le $((1000 * limit + links * CLOSING + SLACK)) ]
}

# fault_ended_well I: all is done, or there is an error with a name
fault_ended_well() {
    local name text

    is_json "$out" || return
    if [ "$status" -eq 0 ]; then
        [ "$(field result)" = OK ] && "${kind}_complete" "$1"
    else
        struck=$((struck + 1))
        read -r name text < <(error_named "$status")
        [ -n "${text:-}" ] && [ "$(field result)" = "$name" ] &&
            holds "$err" "$name (detail " && holds "$err" "$text" &&
            nothing_pretended "$1"
    fi && in_time
}

judge_faults() {
    local i

    good=0 struck=0
    for ((i = 0; i < FAULTS; i++)); do
        pid=${pid_of[i]}
        finished
        out=$dir/fault$i.out err=$dir/fault$i.err
        limit=${limit_of[i]} fault=${fault_of[i]}
        command=${words_of[i]} shown=0
        mark
        check "$fault" fault_ended_well $i
        [ "$failed" -ne "$failed_before" ] || good=$((good + 1))
    done
}

# interrupt_service: sets `faults`. Afterwards all is as before.
interrupt_service() {
    local pids_before=$pids

    doing="$server, $service, seed $seed"
    seed_service
    start_faults
    judge_faults
    pids=$pids_before
    faults=$good/$FAULTS
    check 'most faults strike' [ $((struck * 2)) -ge "$FAULTS" ]
}

# -- all of a server ----------------------------------------------------------

try_service() {
    kind=exchange faults='' exchange=ok rx=0
    [ "$service" != ftp ] || kind=ftp
    upgrade "$service"
    rm -f "$dir/session"
    "${kind}_service"
    if [ $exchange = ok ]; then
        interrupt_service
        doing="$server, $service, after the faults"
        client_ok 1004 false
    fi
    result_row
}

closed() { ! accepts "$1"; }

# newer_in DIRECTORY OPTION...: the server's files there, by its name
newer_in() {
    find "$1" -xdev "${@:2}" -newer "$dir/started" ! -type d \
        -ipath "*$server*" 2>/dev/null
}

nothing_outside() {
    local each

    why=$(for each in /dev/shm /etc /run /srv /var; do newer_in $each; done
        newer_in /tmp -maxdepth 1)
    why=${why//$'\n'/ }
    [ -z "$why" ]
}

start_server() {
    doing=$server
    : >"$dir/started"
    current=$here/$server.sh
    run start "$current" start "$dir/state" "$pki"
    exited 0
    services=$(cat "$dir/state/ports" 2>/dev/null)
    check 'there are services' test -n "$services"
}

stop_server() {
    local all name number

    doing="$server, its end"
    all=$(processes "$(cat "$dir/state/pid" 2>/dev/null)")
    run stop "$current" stop "$dir/state"
    exited 0
    # shellcheck disable=SC2086
    check 'no process is left' none_alive $all
    while read -r name number; do
        [ -z "$name" ] || check "nobody listens to $name" closed "$number"
    done <<<"$services"
    check 'no file is left elsewhere' nothing_outside
    current=''
    rm -rf "$dir/state" "$dir"/up* "$dir"/down*
}

try_server() {
    version=$(version "$server")
    if [ -z "$version" ]; then
        row "$server" 'is not installed' '' '' '' '' ''
        return
    fi
    start_server
    while read -r service port; do
        [ -z "$service" ] || try_service
    done <<<"$services"
    stop_server
}

all_servers() {
    grep -l '^main ' "$here"/*.sh | sed 's|.*/||; s|\.sh$||'
}

export ESTLS_FTP_PASSWORD=secret
head -c 1048576 /dev/urandom >"$dir/file"
seed=${ESTLS_SEED:-$((RANDOM * 32768 + RANDOM))}
whole=$(($# == 0))
markdown Server Service 'Upgrade, pull' 'Upgrade, push' 'Exchange inside TLS' \
    'Resumed by id' "$FAULTS interruptions"
markdown --- --- --- --- --- --- --:
# The servers' versions are Debian's to change; so is the number of faults the
# caller's.
timeless() { sed -E 's/^(\| [a-z]+) [^ ]+/\1/; s/[0-9]+\/[0-9]+/n/'; }
readme_has_it() {
    diff <(sed -n '/^<!-- servers -->/,/^<!-- \/servers -->/p' \
        "$top/README.md" | sed '1d;$d' | timeless) <(timeless <"$dir/md")
}

# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(all_servers)
echo "seed $seed"
row server service 'upgrade(pull)' 'upgrade(push)' exchange resumed faults
for server; do try_server; done
if [ $whole -ne 0 ]; then
    cp "$dir/md" "$bin/servers.md"
    doing=README ran='' shown=1
    check 'its table is out of date: make tables' readme_has_it
fi
finish
