#!/bin/bash
# ftp_programs.sh BUILD PKI - ftp_upload over real sockets and pipes, against
# the emulated modem and the test server.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/lib.sh"
[ $# -eq 2 ] || {
    echo 'usage: ftp_programs.sh BUILD PKI' >&2
    exit 2
}
bin=$(cd "$1" && pwd) && pki=$(cd "$2" && pwd) || exit 1
# shellcheck disable=SC2119
begin
unset ESTLS_FTP_PASSWORD
HOST=mail.example.test

mkdir "$dir/there" "$dir/here"
head -c 100000 /dev/urandom >"$dir/large"
printf 'a line\r\nand half of one' >"$dir/small"
: >"$dir/empty"
there=$dir/there here=$dir/here

# server NAME OPTION...: its port is in $port, its pid in $server
server() {
    start "$1" "$bin/ftpd" --die-with-parent --cert "$pki/ec.pem" \
        --key "$pki/ec.key" --dir "$there" "${@:2}"
    server=$pid
    check "the server $1 listens" wait_for 5 grep -qs : "$dir/$1.out"
    port=$(sed 's/.*://' "$dir/$1.out")
}

by_tcp() { wire=(--tcp); }
by_exec() { wire=(--exec "exec '$bin/espat' --stdio $*"); }

# ftp OPTION-OR-NAME...: HOST is put before the names, which follow `--`
ftp() {
    local options=()

    while [ "${1:---}" != -- ]; do
        options+=("$1")
        shift
    done
    run ftp "$bin/ftp_upload" "${wire[@]}" --report --timeout 10 \
        --connect "127.0.0.1:$port" --ca "$pki/anchors.pem" "${options[@]}" \
        -- $HOST "${@:2}"
}

same() { cmp -s "$1" "$2"; }
absent() { [ ! -e "$1" ]; }
size_is() { is "$(stat -c %s "$1" 2>/dev/null)" "$2"; }

# moved BYTES: so says the program
moved() {
    exited 0
    check 'the report is JSON' is_json "$out"
    reports result OK
    reports proto ftp
    reports data_resumed true
    reports bytes "$1"
}

clean() { rm -f "$there"/* "$here"/*; }

# -- all of a file -------------------------------------------------------------

there_and_back() {
    local all=("$dir/large" "$dir/small" "$dir/empty") each

    clean
    ftp "$@" -- "${all[@]}" && moved 100023
    reports data_links 3
    for each in large small empty; do
        check "$each is there" same "$dir/$each" "$there/$each"
    done
    ftp "$@" --get --to "$here/" -- large small empty && moved 100023
    for each in large small empty; do
        check "$each is here" same "$dir/$each" "$here/$each"
    done
    check 'no part is left' absent "$here/large.estls-part"
    ftp "$@" --to other -- "$dir/small" && moved 23
    check 'under another name' same "$dir/small" "$there/other"
    ftp "$@" --list && exited 0
    check 'it lists the large one' holds "$out" ' 100000 Jan  1 00:00 large'
    check 'no progress bar without a terminal' lacks "$err" '%'
}

everywhere() {
    local gen push

    doing='tcp' && by_tcp && there_and_back
    for gen in 1 2 3; do
        by_exec --gen $gen --seed $gen
        for push in '' --push; do
            doing="exec, gen $gen $push" && there_and_back $push
        done
    done
    doing='837 bytes, chunks' && by_exec --gen 2 --chunk 7 --random-chunk
    there_and_back --iobuf 837 --data-iobuf 837 --mux 4
    reports mfl true
}

# -- half a file ---------------------------------------------------------------

# The server cuts it, then it goes on.
resumed_upload() {
    clean
    server "cut_$1" --cut-upload 30000
    doing="an upload that is cut, $1"
    ftp -- "$dir/large" && fails_with REFUSED
    check 'what the server said' holds "$err" 'the server said: 426'
    check 'half of it is there' size_is "$there/large" 30000
    stop "$server"
    server "whole_$1" "${@:2}"
    doing="an upload that goes on, $1"
    ftp --resume -- "$dir/large"
}

all_there() {
    exited 0
    check 'all of it is there' same "$dir/large" "$there/large"
}

resume_uploads() {
    local each

    resumed_upload by-rest && all_there && moved 70000
    doing='an upload that is there'
    ftp --resume -- "$dir/large" && exited 0
    check 'it says so' holds "$out" 'large: is there'
    reports bytes 0
    printf 'more' >>"$there/large"
    doing='the server has more' && ftp --resume -- "$dir/large" && exited 1
    check 'it says so' holds "$err" 'the server has more of it'
    stop "$server"
    resumed_upload by-appe --say 'REST=502 no REST' && all_there
    reports bytes 70000
    check 'it says why' holds "$err" '(502 no REST): appending'
    stop "$server"
    for each in SIZE=450 REST=450 REST=425 REST=530 EPSV=425 STOR=426 \
        STOR=452; do
        resumed_upload "later-$each" --say "$each not now"
        fails_with REFUSED
        check 'what was there stays' size_is "$there/large" 30000
        stop "$server"
    done
    resumed_upload later-APPE --say 'REST=502 no REST' --say 'APPE=450 busy'
    fails_with REFUSED
    check 'what was there stays' size_is "$there/large" 30000
    stop "$server"
    resumed_upload all --say 'REST=502 no REST' --say 'APPE=502 no APPE'
    all_there
    reports bytes 100000
    check 'it says why' holds "$err" '(502 no APPE): sending all of it'
    stop "$server"
    resumed_upload no-size --say 'SIZE=500 no SIZE' && all_there
    reports bytes 100000
    check 'it says why' holds "$err" 'not tell its size (500 no SIZE)'
    stop "$server"
    server lies --say 'REST=350 yes' --say 'SIZE=213 10'
    doing='a server that lies'
    ftp --resume -- "$dir/large" && fails_with PROTO
    check 'it says so' holds "$err" 'the server has 10 bytes now, not 100000'
    stop "$server"
    other_size
}

# Of a file in /sys the size is not what it has: nor of one that grows.
other_size() {
    local file=/sys/devices/system/cpu/possible

    doing='an upload that is not as long as it was'
    [ -s "$file" ] && ! size_is "$file" "$(wc -c <"$file")" || return 0
    clean
    server grows
    head -c 1 "$file" >"$there/possible"
    ftp --resume -- "$file" && exited 0
    check 'all of it is there' is "$(cat "$there/possible")" "$(cat "$file")"
    stop "$server"
}

# cut_download WHY: the server sends half of it, and says 226
cut_download() {
    server "half_$1" --cut-download 50000
    doing="a download that is cut, $1"
    ftp --get --to "$here/" -- large && fails_with TRUNCATED
    check 'what was here stays' is "$(cat "$here/large")" mine
    check 'what has come is kept' test -s "$here/large.estls-part"
    check 'it says so' holds "$err" '--resume goes on with it'
    stop "$server"
    part=$(stat -c %s "$here/large.estls-part")
}

resume_downloads() {
    clean
    cp "$dir/large" "$there"
    echo mine >"$here/large"
    cut_download rest
    server rest
    doing='a download that goes on'
    ftp --get --resume --to "$here/" -- large && moved $((100000 - part))
    check 'all of it is here' same "$dir/large" "$here/large"
    check 'no part is left' absent "$here/large.estls-part"
    stop "$server"
    echo mine >"$here/large"
    cut_download over
    server later --say 'REST=450 not now'
    doing='a download that may go on later'
    ftp --get --resume --to "$here/" -- large && fails_with REFUSED
    check 'what has come stays' size_is "$here/large.estls-part" "$part"
    stop "$server"
    server over --say 'REST=502 no REST'
    doing='a download that starts over'
    ftp --get --resume --to "$here/" -- large && reports bytes 100000
    check 'it says why' holds "$err" '(502 no REST): starting over'
    check 'all of it is here' same "$dir/large" "$here/large"
    doing='a part that is longer than the file'
    head -c 200000 /dev/zero >"$here/large.estls-part"
    ftp --get --resume --to "$here/" -- large && reports bytes 100000
    check 'all of it is here' same "$dir/large" "$here/large"
    stop "$server"
    doing='a download that grows' && server more --say 'SIZE=213 99000'
    clean && cp "$dir/large" "$there"
    ftp --get --to "$here/" -- large && moved 100000
    check 'all of it is here' same "$dir/large" "$here/large"
    stop "$server"
}

# -- what goes wrong -----------------------------------------------------------

refusals() {
    clean
    echo mine >"$here/absent"
    doing='no such file at the server'
    ftp --get --to "$here/" -- absent && fails_with REFUSED
    check 'what the server said' holds "$err" 'the server said: 550'
    check 'what was here stays' is "$(cat "$here/absent")" mine
    check 'no part is left' absent "$here/absent.estls-part"
    doing='the first of two' && cp "$dir/small" "$there"
    ftp --get --to "$here/" -- absent small && fails_with REFUSED
    check 'the second is left' absent "$here/small"
    doing='no such directory here'
    ftp --get --to "$dir/nowhere/" -- small && exited 1
    check 'it says so' holds "$err" 'nowhere/small.estls-part: No such file'
    doing='a directory has the name' && mkdir "$here/folder"
    ftp --get --to "$here/folder" -- small && exited 1
    check 'it says so' holds "$err" 'it is no name for a file here'
    rmdir "$here/folder"
    doing='the part is a link' && echo mine >"$dir/mine"
    ln -s "$dir/mine" "$here/small.estls-part"
    ftp --get --to "$here/" -- small && exited 1
    check 'it is not followed' is "$(cat "$dir/mine")" mine
    doing='the disk is full'
    cp "$dir/large" "$there"
    run ftp bash -c "trap '' XFSZ && ulimit -f 16 &&
        exec '$bin/ftp_upload' --tcp --connect '127.0.0.1:$port' \
        --ca '$pki/anchors.pem' --get --to '$here/' $HOST large"
    exited 1
    check 'it says so' holds "$err" 'large.estls-part: File too large'
    if [ -w /dev/full ]; then
        ftp --list && exited 0
        run ftp sh -c "'$bin/ftp_upload' --tcp --connect '127.0.0.1:$port' \
            --ca '$pki/anchors.pem' --list $HOST >/dev/full"
        exited 1
    fi
}

# Nothing is dialled for these.
bad_arguments() {
    clean
    doing='no such file here' && ftp -- "$dir/small" "$dir/absent" && exited 1
    check 'it says so' holds "$err" 'absent: No such file'
    check 'nothing was sent' absent "$there/small"
    doing='a directory' && ftp -- "$dir" && exited 1
    check 'it says so' holds "$err" 'it is no file'
    doing='no name' && ftp && exited 2
    doing='line end' && ftp --get -- $'a\nDELE b' && exited 2
    doing='carriage return' && ftp --to $'a\rb' -- "$dir/small" && exited 2
    doing='an empty name' && ftp --get -- '' && exited 2
    doing='several to one' && ftp --to one -- "$dir/small" "$dir/empty"
    exited 2
    doing='two of one name' && ftp --get -- a/x b/y c/x && exited 2
    check 'it names both' holds "$err" 'a/x and c/x would be one file, x'
    mkdir -p "$dir/too" && cp "$dir/small" "$dir/too"
    ftp -- "$dir/small" "$dir/too/small" && exited 2
    check 'it names both' holds "$err" "$dir/small and $dir/too/small would be"
    doing='both' && ftp --get --list -- a && exited 2
    doing='resume a list' && ftp --list --resume && exited 2
    doing='no password' && ftp --user me -- "$dir/small" && exited 2
    check 'it says so' holds "$err" ESTLS_FTP_PASSWORD
    doing='too small' && ftp --data-iobuf 836 -- "$dir/small" && exited 2
    doing='no number' && ftp --data-iobuf 8x -- "$dir/small" && exited 2
    doing='protocol' && ftp --proto smtp -- "$dir/small" && exited 2
    doing='too long a name' && ftp --get -- "$(printf '%0500d' 0)"
    exited 2
    check 'it says so' holds "$err" '470 bytes at most, not 500'
    ftp --to "$(printf '%0468d' 0)/" -- "$dir/small" && exited 2
    check 'it says so' holds "$err" '470 bytes at most, not 474'
    doing='a list of an option' && ftp --list -- -R && exited 2
    check 'it says so' holds "$err" "must not begin with '-'"
}

logging_in() {
    local SERVERS_PASSWORD='battery staple'

    clean
    export SERVERS_PASSWORD ESTLS_FTP_PASSWORD=$SERVERS_PASSWORD
    server login --user sensor --password-env SERVERS_PASSWORD
    doing='log in' && ftp --trace --user sensor -- "$dir/small" && moved 23
    check 'the password is not shown' lacks "$err" staple
    ESTLS_FTP_PASSWORD=wrong
    doing='wrong password' && ftp --user sensor -- "$dir/small"
    fails_with REFUSED
    check 'what the server said' holds "$err" 'the server said: 530'
    doing='anonymous' && ftp -- "$dir/small" && fails_with REFUSED
    unset ESTLS_FTP_PASSWORD
    stop "$server"
}

hostile_servers() {
    local each

    for each in 'PROT=534 no' 'PBSZ=500 no' 'EPSV=425 no' '226=426 broken' \
        '226=552 full' '150=421 bye'; do
        doing=$each && server hostile --say "$each"
        ftp -- "$dir/small" && fails_with REFUSED
        stop "$server"
    done
    for each in 'EPSV=229 (|||22|)' '150=226 done' '226=200 fine'; do
        doing=$each && server hostile --say "$each"
        ftp -- "$dir/small" && fails_with PROTO
        stop "$server"
    done
    doing='226 is missing' && server hostile --say 226=
    ftp --timeout 1 -- "$dir/small" && fails_with TIMEOUT
    stop "$server"
    doing='no resumption' && server hostile --no-resumption --new-sessions
    ftp -- "$dir/small" && fails_with TRUST
    check 'it says why' holds "$err" 'the server did not resume the TLS session'
    stop "$server"
    doing='no resumption, and none wanted: the server minds'
    server hostile --no-resumption
    ftp --new-sessions -- "$dir/small" && fails_with REFUSED
    check 'what it said' holds "$err" 'the server said: 522'
    stop "$server"
    doing='PASV, with another host' && server old --say 'EPSV=500 what?'
    clean && ftp -- "$dir/small" && moved 23
    check 'it is there' same "$dir/small" "$there/small"
    stop "$server"
}

# -- people --------------------------------------------------------------------

bar() {
    local command

    command -v script >/dev/null || return 0
    doing='a progress bar on a terminal'
    command="'$bin/ftp_upload' --tcp --connect '127.0.0.1:$port' \
        --ca '$pki/anchors.pem' $HOST '$dir/large'"
    run bar script -qec "$command" /dev/null
    exited 0
    check 'it is whole' holds "$out" '[##############################] 100%'
}

interrupt() {
    doing='Ctrl-C in an upload'
    clean
    head -c 30000000 /dev/zero >"$dir/huge"
    by_exec --gen 2 --baud 115200
    start huge "$bin/ftp_upload" "${wire[@]}" --report --ca "$pki/anchors.pem" \
        --connect "127.0.0.1:$port" $HOST "$dir/huge"
    check 'it has begun' wait_for 20 test -s "$there/huge" -o -e "$there/huge"
    sleep 0.5
    kill -INT "$pid"
    finished
    exited 130
    out=$dir/huge.out err=$dir/huge.err
    check 'it says so' holds "$err" interrupted
    reports result INTERRUPTED
    rm -f "$dir/huge"
}

# A terminal takes them for commands.
controls() {
    local name=$'a\xc2\x9b1mb\x9b\x9bc\xc3\xa9\x9bd\xe2\x80\x93e'

    doing='control characters in a list'
    clean
    ftp --to "$name" -- "$dir/small" && moved 23
    ftp --list && exited 0
    check 'they are not shown' holds "$out" \
        $'a\xc2?1mb??c\xc3\xa9?d\xe2\x80\x93e'
}

help() {
    local each

    doing='--help' && run help "$bin/ftp_upload" --help && exited 0
    for each in submission EHLO --proto; do
        check "nothing of $each" lacks "$out" "$each"
    done
    check 'the port' holds "$out" 'PORT is 21'
    check 'the links' holds "$out" 'Control is on link ID'
}

traces() {
    local each

    doing='a trace of two links' && clean
    by_exec --gen 2
    for each in '' --push; do
        ftp --trace $each --mux 4 -- "$dir/small" "$dir/empty" && moved 23
        check 'three handshakes' is "$(grep -c ServerHello\  "$err")" 3
        check 'of ours, too' is "$(grep -c ClientHello\  "$err")" 3
        check 'and nothing unknown' lacks "$err" unknown
    done
    by_tcp
}

# Two programs, one name.
twice() {
    local first

    doing='two downloads of one file' && clean
    cp "$dir/large" "$there"
    by_exec --gen 2 --baud 115200
    start first "$bin/ftp_upload" "${wire[@]}" --ca "$pki/anchors.pem" \
        --connect "127.0.0.1:$port" --get --to "$here/" $HOST large
    first=$pid
    check 'it has begun' wait_for 20 test -s "$here/large.estls-part"
    by_tcp
    ftp --get --to "$here/" -- large && exited 1
    check 'it says so' holds "$err" 'it is being downloaded by another'
    check 'the part is left' test -s "$here/large.estls-part"
    stop "$first"
    ftp --get --resume --to "$here/" -- large && exited 0
    check 'it is whole' same "$dir/large" "$here/large"
}

by_tcp
server plain
everywhere
by_tcp
refusals
controls
help
traces
twice
bad_arguments
bar
interrupt
stop "$server"
for wire_is in by_tcp by_exec; do
    $wire_is
    resume_uploads
    resume_downloads
done
by_tcp
logging_in
hostile_servers
finish
