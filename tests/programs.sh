#!/bin/bash
# programs.sh BUILD PKI - the programs, over real sockets, pipes and ptys,
# against the emulated modem and the test server.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/lib.sh"
[ $# -eq 2 ] || {
    echo 'usage: programs.sh BUILD PKI' >&2
    exit 2
}
bin=$(cd "$1" && pwd) && pki=$(cd "$2" && pwd) || exit 1
begin
mkdir "$dir/mail"
: >"$dir/modems"

HOST=mail.example.test
SUBJECT='Grüße: 3 cm Wasser im Keller, 水 – =?UTF-8?Q?x?= and so on'

# -- sections -----------------------------------------------------------------

section() {
    end_section
    title=$1
    before=$((passed + failed)) failed_before=$failed
    began=${EPOCHREALTIME/[.,]/}
}
end_section() {
    [ -n "${title:-}" ] || return 0
    printf '%-54s %5d checks %3d failed %6d ms\n' "$title" \
        $((passed + failed - before)) $((failed - failed_before)) \
        $(((${EPOCHREALTIME/[.,]/} - began) / 1000))
    title=
}

# -- what the programs talk to ------------------------------------------------

all_pids=

# A pid comes back sooner or later; with the time of its start it is unique.
born() { cut -d ' ' -f 22 "/proc/$1/stat" 2>/dev/null; }

# server NAME CERTIFICATE OPTION...: its port is in $port, its pid in $server
server() {
    start "$1" "$bin/smtpd" --die-with-parent --cert "$pki/$2.pem" \
        --key "$pki/$2.key" "${@:3}"
    server=$pid
    all_pids="$all_pids $pid@$(born "$pid")"
    check "the server $1 listens" wait_for 5 grep -qs : "$dir/$1.out"
    port=$(sed 's/.*://' "$dir/$1.out")
}

# by_exec OPTION...: the wire is a modem that the program starts itself
by_exec() {
    wire=(--exec "echo \$\$@\$(cut -d ' ' -f 22 /proc/\$\$/stat) \
        >>'$dir/modems'; exec '$bin/espat' --stdio $*")
}

# by_pty NAME OPTION...: one that is there already
by_pty() {
    start "$1" "$bin/espat" --pty --die-with-parent --link "$dir/$1.tty" \
        "${@:2}"
    modem=$pid
    all_pids="$all_pids $pid@$(born "$pid")"
    check "the modem $1 is there" wait_for 5 test -s "$dir/$1.out"
    wire=(--pty "$dir/$1.tty")
}

by_tcp() { wire=(--tcp); }

# mail OPTION...; the last option of a kind counts
mail() {
    run mail "$bin/mail" "${wire[@]}" --report --timeout 20 \
        --connect "127.0.0.1:$port" --from me@example.test \
        --to you@example.test --body "$body" --subject "$SUBJECT" "$@" $HOST
}

# starttls OPTION...
starttls() {
    run starttls "$bin/starttls" "${wire[@]}" --report --timeout 20 \
        --connect "127.0.0.1:$port" "$@" $HOST
}

anchors=(--ca "$pki/anchors.pem")

# -- mails --------------------------------------------------------------------

mails=0

header() { sed '/^\r$/,$d' "$eml"; }
content() { sed '1,/^\r$/d' "$eml"; }

decoded_content() {
    if header | grep -q '^Content-Transfer-Encoding: quoted-printable'; then
        content | perl -0777 -pe 's/=\r\n//g; s/=([0-9A-F]{2})/chr hex $1/ge'
    else
        content
    fi
}

decoded_subject() {
    header | perl -0777 -ne '/^Subject: (.*?)\r\n(?! )/ms or exit 1;
        $_ = $1; s/\?=\r\n =\?UTF-8\?Q\?//g; s/^=\?UTF-8\?Q\?(.*)\?=$/$1/;
        s/=([0-9A-F]{2})/chr hex $1/ge; print'
}

has_body() { sed 's/$/\r/' "$body" | cmp -s - <(decoded_content); }
header_is_narrow() { ! header | sed 's/\r$//' | grep -q '.\{77\}'; }

# The next mail at the server is ours, byte by byte.
arrived() {
    eml=$dir/mail/$((mails += 1)).eml
    check 'a mail has arrived' wait_for 2 test -s "$eml"
    [ -s "$eml" ] || return
    check 'the subject' is "$(decoded_subject)" "$SUBJECT"
    check 'the body, byte by byte' has_body
    check 'sender' holds "$eml" 'Return-Path: <me@example.test>'
    check 'recipient' holds "$eml" 'Delivered-To: you@example.test'
    check 'no line of the header is over 76' header_is_narrow
}

# sent RESUMED: so says the program
sent() {
    exited 0
    check 'the server took it' holds "$out" 'sent: 250 '
    check 'the report is JSON' is_json "$out"
    reports result OK
    reports version TLS1.2
    reports resumed "$1"
    reports detail 0
}

# full_then_resumed OPTION...
full_then_resumed() {
    rm -f "$dir/session"
    for resumed in false true; do
        mail "${anchors[@]}" --session "$dir/session" "$@"
        sent $resumed
        arrived
    done
    check 'the session is secret' \
        is "$(stat -c %a "$dir/session")" 600
}

make_bodies() {
    printf '.\n..\n.dot\n\nmid.dot\n \n.\n' >"$dir/dots"
    { printf '.%0997d\n' 0 && printf '%0998d\n' 1; } >"$dir/long"
    {
        printf 'Grüße, 水 = water \n\t\n.\n'
        printf '%03000d\n' 0
        printf 'é%.0s' {1..999}
        printf '\n=3D ends in a blank \n'
    } >"$dir/coded"
    seq -f 'line %g of a letter that takes more than one record' 900 \
        >"$dir/large"
    : >"$dir/empty"
}

mails_in_every_mode() {
    local gen push

    server plain ec --mail-dir "$dir/mail"
    body=$dir/dots
    for gen in 1 2 3; do
        section "mail --exec, generation $gen, pull and push, resumed"
        by_exec --gen $gen --seed $gen
        for push in '' --push; do
            doing="mail, exec, gen $gen $push"
            full_then_resumed $push
        done
        section "mail --pty, generation $gen, pull and push, resumed"
        by_pty pty --gen $gen
        for push in '' --push; do
            doing="mail, pty, gen $gen $push"
            full_then_resumed $push
        done
        stop "$modem"
    done
    section 'mail --tcp, --serial, --mux'
    doing='mail, tcp' && by_tcp && full_then_resumed
    doing='mail, mux' && by_exec --gen 2 && full_then_resumed --mux 3
    doing='mail, serial'
    by_pty port --gen 3
    wire=(--serial "$dir/port.tty" --baud 460800)
    full_then_resumed
    stop "$modem"
}

bodies_arrive() {
    local each

    section 'bodies: dots, long lines, UTF-8, large, empty'
    by_exec --gen 2
    for each in dots long coded large empty; do
        body=$dir/$each
        doing="body: $each" && mail "${anchors[@]}" && sent false && arrived
        doing="body: $each, 837 bytes, chunks"
        wire=(--exec "exec '$bin/espat' --stdio --chunk 7 --random-chunk")
        mail "${anchors[@]}" --iobuf 837 && sent false && arrived
        reports mfl true
        by_exec --gen 2
    done
    doing='the body from standard input'
    input=$dir/dots body=$dir/dots
    mail "${anchors[@]}" --body /dev/stdin && sent false && arrived
    input='' body=$dir/dots
    stop "$server"
}

direct_and_login() {
    section 'TLS from the first byte; logging in'
    doing='direct' && by_exec --gen 3
    server direct ec --direct --mail-dir "$dir/mail/direct"
    mkdir "$dir/mail/direct"
    for resumed in false true; do
        mail "${anchors[@]}" --proto direct --session "$dir/direct.session"
        sent $resumed
        reports proto direct
    done
    stop "$server"

    export SERVERS_PASSWORD='battery staple' ESTLS_MAIL_PASSWORD
    ESTLS_MAIL_PASSWORD=$SERVERS_PASSWORD
    server login ec --user sensor --password-env SERVERS_PASSWORD
    doing='log in' && mail "${anchors[@]}" --user sensor --trace && sent false
    check 'the password is not shown' lacks "$err" staple
    doing='no log in' && mail "${anchors[@]}" && fails_with REFUSED
    check 'what the server said' holds "$err" 'the server said: 530'
    doing='wrong password' && ESTLS_MAIL_PASSWORD=wrong
    mail "${anchors[@]}" --user sensor && fails_with REFUSED
    check 'what the server said' holds "$err" 'the server said: 535'
    unset ESTLS_MAIL_PASSWORD
    stop "$server"
}

# -- trust and the session file -----------------------------------------------

opens() { # RESUMED
    exited 0
    reports result OK
    reports resumed "$1"
}

trust() {
    local each

    section 'trust: anchors, pinned keys, both kinds of server key'
    by_exec --gen 2
    for each in ec rsa p384 all-rsa wildcard; do
        server "$each" "$each"
        doing="$each, anchors" && starttls "${anchors[@]}" && opens false
        doing="$each, pin" && starttls --pin "$pki/$each.pem" && opens false
        doing="$each, wrong pin"
        starttls --pin "$pki/other.pem" && fails_with TRUST
        stop "$server"
    done
    doing='pin of a bare public key'
    openssl pkey -in "$pki/other.key" -pubout -out "$dir/other.pub"
    server other other
    starttls --pin "$dir/other.pub" && opens false
    doing='wrong anchors' && starttls --ca "$pki/rogue-root.pem"
    fails_with TRUST
    stop "$server"
}

session_file() {
    local file=$dir/kept

    section 'the file of --session'
    server kept ec && by_exec --gen 1
    doing='none yet' && starttls "${anchors[@]}" --session "$file"
    opens false
    doing='kept' && starttls "${anchors[@]}" --session "$file"
    opens true
    doing='bound to the anchors' && cp "$file" "$file.2"
    starttls --pin "$pki/ec.pem" --session "$file.2" && opens false
    doing='damaged' && printf x | dd of="$file" bs=1 seek=40 conv=notrunc \
        2>"$dir/dd.err"
    starttls "${anchors[@]}" --session "$file" && opens false
    doing='cut' && truncate -s 50 "$file"
    starttls "${anchors[@]}" --session "$file" && opens false
    doing='mended' && starttls "${anchors[@]}" --session "$file"
    opens true
    doing='forgotten by the server' && stop "$server"
    server kept ec --port "$port"
    starttls "${anchors[@]}" --session "$file" && opens false
    stop "$server"
}

# deep_sleep FILE OPTION...: one wake-up of the device
deep_sleep() {
    run deep_sleep "$bin/deep_sleep" "${wire[@]}" --timeout 20 \
        --connect "127.0.0.1:$port" --memory "$@"
}

woke() { # NUMBER KIND
    exited 0
    check 'what it says' grep -q "^wake-up $1: $2 session, " "$out"
}

sleeps() {
    local file=$dir/retained

    section 'a session across deep sleep, bound to all that it is of'
    by_exec --gen 2 && server sleeps ec
    doing='first' && deep_sleep "$file" "${anchors[@]}" $HOST && woke 1 new
    doing='resumed' && deep_sleep "$file" "${anchors[@]}" $HOST
    woke 2 resumed
    check 'nobody else may read it' is "$(stat -c %a "$file")" 600
    for other in "other host:${anchors[*]} localhost" \
        "other port:${anchors[*]} $HOST:588" \
        "other trust:--pin $pki/ec.pem $HOST" \
        "fewer anchors:--ca $pki/root.pem $HOST"; do
        doing=${other%%:*} && cp "$file" "$file.2"
        # shellcheck disable=SC2086 # several words
        deep_sleep "$file.2" ${other#*:} && woke 3 new
    done
    doing='still good' && deep_sleep "$file" "${anchors[@]}" $HOST
    woke 3 resumed
    stop "$server"
    doing='other protocol' && server sleeps ec --direct
    deep_sleep "$file" "${anchors[@]}" --proto direct $HOST:587 && woke 4 new
    doing='memory cut short' && truncate -s 60 "$file"
    deep_sleep "$file" "${anchors[@]}" --proto direct $HOST:587 && woke 1 new
    stop "$server"
}

# -- radio bursts -------------------------------------------------------------

# sends FROM TO: between two phases of the trace
sends() {
    awk -v from="-- $1\$" -v to="-- $2\$" '$0 ~ to { on = 0 }
        $0 ~ from { on = 1 } on && / > AT\+CIPSEND=/ { n++ }
        END { print n + 0 }' "$err"
}

sends_are_few() {
    section 'sends: four for STARTTLS, two of them for the handshake'
    server sends ec && rm -f "$dir/session"
    for gen in 1 2 3; do
        by_exec --gen $gen
        doing="sends, gen $gen"
        starttls "${anchors[@]}" --trace --session "$dir/session"
        exited 0
        check 'until open' is "$(sends greeting open)" 4
        check 'for the handshake' is "$(sends handshake open)" 2
        reports sends 5 # the fifth is the close_notify
    done
    stop "$server"
    server sends ec --direct && doing='sends, direct'
    starttls "${anchors[@]}" --trace --proto direct
    exited 0
    check 'for the handshake' is "$(sends handshake open)" 2
    reports sends 3
    stop "$server"
}

# -- errors -------------------------------------------------------------------

ends_soon() {
    why="$(field ms) ms"
    [ -n "$(field ms)" ] && [ "$(field ms)" -lt 2500 ]
}

# What was still to come when it failed is not waited for.
fails_soon_with() {
    fails_with "$1"
    check 'it ends soon' ends_soon
}

# refused ERROR CERTIFICATE OPTION...: by a modem and by TCP; options of the
# client are taken from `more`
more=()
refused() {
    doing="$1, server: ${*:2}"
    doing=${doing:0:72}
    server refused "$2" "${@:3}"
    by_exec --gen 2 --baud 115200
    starttls "${anchors[@]}" "${more[@]}" && fails_soon_with "$1"
    by_tcp
    starttls "${anchors[@]}" "${more[@]}" && fails_soon_with "$1"
    stop "$server"
}

servers_at_fault() {
    section 'errors: certificates'
    refused TRUST rogue
    refused TRUST self-signed
    refused TRUST no-intermediate
    refused NAME wrong-name
    refused NAME cn-only
    refused EXPIRED expired
    refused EXPIRED future
    section 'errors: STARTTLS'
    refused INJECTED ec --inject '250 2.0.0 OK\r\n'
    refused REFUSED ec --starttls '454 4.7.0 Not now\r\n'
    refused REFUSED ec --greeting '554 5.3.2 Not here\r\n'
    refused NO_STARTTLS ec --ehlo '250-mail.example.test\r\n250 SIZE\r\n'
    refused PROTO ec --greeting 'SSH-2.0-none\r\n'
    section 'errors: TLS'
    refused TLS ec --flip 1160 # in Finished
    refused TRUNCATED ec --cut 200
    more=(--timeout 1) && refused TIMEOUT ec --stall 200
    more=(--proto direct --iobuf 837 --wait)
    refused RECORD ec --direct --record-size 2000 \
        --greeting "220 $(printf %01500d 0)"'\r\n'
    printf 'QUIT\n' >"$dir/quit" && input=$dir/quit
    more=(--crlf --wait) && refused TRUNCATED ec --no-close-notify
    input='' more=()
}

modem_at_fault() {
    local text

    section 'errors: the modem and the wire'
    server good ec
    doing='reset' && by_exec --fault reset@send:2
    starttls "${anchors[@]}" && fails_with MODEM
    doing='deaf' && by_exec --fault hang@send:2
    starttls "${anchors[@]}" --timeout 1 && fails_with TIMEOUT
    for text in ipd:1 ipd:2 rx:100; do
        doing="link lost in clear, $text" && by_exec --fault closed@$text
        starttls "${anchors[@]}" && fails_with CLOSED
        mail "${anchors[@]}" && fails_with CLOSED
    done
    doing='link lost in TLS' && by_exec --fault closed@rx:700
    starttls "${anchors[@]}" && fails_with TRUNCATED
    mail "${anchors[@]}" && fails_with TRUNCATED
    doing='Wi-Fi lost' && by_exec --fault wifi@send:3
    starttls "${anchors[@]}" && fails_with NETWORK
    doing='no modem' && wire=(--exec 'exit 0')
    starttls "${anchors[@]}" && fails_with IO
    doing='no device' && wire=(--pty "$dir/none")
    starttls "${anchors[@]}" && exited 14
    doing='no such baud rate' && wire=(--serial "$dir/none" --baud 9601)
    starttls "${anchors[@]}" && exited 11
    doing='the clock of the modem' && by_exec --gen 3
    starttls "${anchors[@]}" --sntp ntp.example.test && opens false
    doing='the clock of the modem, never set' && by_exec --time 0
    starttls "${anchors[@]}" --sntp ntp.example.test --timeout 2
    fails_with CLOCK
    doing='the clock of the modem, of 2050' && by_exec --time 2524700000
    starttls "${anchors[@]}" --sntp ntp.example.test && fails_with EXPIRED
    stop "$server"
    doing='nobody listens' && by_exec --gen 2
    starttls "${anchors[@]}" && fails_with NETWORK
    by_tcp && starttls "${anchors[@]}" && exited 17
}

# -- Wi-Fi --------------------------------------------------------------------

wifi() {
    local gen chunk

    section 'Wi-Fi: joined, and its password never shown'
    server wifi ec
    # what AT commands need escapes for, between parts that are searched for
    export SERVERS_PASSWORD='correct"horse,battery\staple'
    for gen in 1 2 3; do
        for chunk in 1 512; do
            doing="Wi-Fi, gen $gen, chunk $chunk"
            by_exec --gen $gen --chunk $chunk --fresh --ssid attic \
                --password-env SERVERS_PASSWORD
            export ESTLS_WIFI_PASSWORD=$SERVERS_PASSWORD
            starttls "${anchors[@]}" --join attic --trace && opens false
            never_shown
            export ESTLS_WIFI_PASSWORD="wrong$SERVERS_PASSWORD"
            starttls "${anchors[@]}" --join attic --trace
            fails_with NETWORK
            never_shown
        done
    done
    unset ESTLS_WIFI_PASSWORD SERVERS_PASSWORD
    doing='Wi-Fi, open' && by_exec --fresh --ssid attic
    starttls "${anchors[@]}" --join attic && opens false
    doing='Wi-Fi, not joined' && starttls "${anchors[@]}"
    fails_with NETWORK
    stop "$server"
}

never_shown() {
    local part

    check 'the trace has the command' holds "$err" 'CWJAP="attic","***"'
    for part in correct horse battery staple; do
        check "the password is not shown ($part)" lacks "$err" $part
        check "the password is not shown ($part)" lacks "$out" $part
    done
}

# -- the command line ---------------------------------------------------------

# usage PROGRAM ARGUMENT...: is a mistake, and nothing is done
usage() {
    doing="usage: ${*//$dir/DIR}"
    run usage "$bin/$1" "${@:2}"
    exited 2
    check 'a hint on stderr' holds "$err" "--help"
    check 'nothing on stdout' test ! -s "$out"
}

# no_file PROGRAM ARGUMENT...: a file of ours cannot be read
no_file() {
    doing="file: ${*//$dir/DIR}"
    run file "$bin/$1" "${@:2}"
    exited 1
    check 'its name on stderr' holds "$err" "$dir/none"
    check 'nothing on stdout' test ! -s "$out"
}

command_line() {
    local ca="--ca=$pki/root.pem" none=$dir/none text
    local letter="--from=a@example.test --to=b@example.test"

    section 'the command line: mistakes, files, --help'
    usage starttls --tcp "$ca"
    usage starttls "$ca" $HOST
    usage starttls --tcp --exec true "$ca" $HOST
    usage starttls --tcp $HOST
    usage starttls --tcp "$ca" "--pin=$pki/ec.pem" $HOST
    usage starttls --tcp "$ca" $HOST another
    usage starttls --tcp "$ca" --proto gopher $HOST
    usage starttls --tcp "$ca" $HOST:0
    usage starttls --tcp "$ca" $HOST:65536
    usage starttls --tcp "$ca" $HOST:25x
    usage starttls --tcp "$ca" --connect '[::1' $HOST
    usage starttls --tcp "$ca" --iobuf 836 $HOST
    usage starttls --tcp "$ca" --iobuf -1 $HOST
    usage starttls --tcp "$ca" --mux 5 $HOST
    usage starttls --tcp "$ca" --timeout 0 $HOST
    usage starttls --tcp "$ca" --baud '' $HOST
    usage starttls --tcp "$ca" --no-such-option $HOST
    usage mail --tcp "$ca" --to=b@example.test $HOST
    usage mail --tcp "$ca" --from=a@example.test $HOST
    for text in b 'b@example.test>' 'b @example.test' $'b@x\r\nDATA' ü@x; do
        usage mail --tcp "$ca" --from=a@example.test --to="$text" $HOST
    done
    usage deep_sleep --tcp "$ca" $HOST
    usage deep_sleep --tcp "$ca" --memory "$none" --session "$none" $HOST
    check 'what is wrong' holds "$err" 'in --memory, not in --session'
    # shellcheck disable=SC2086
    {
        usage mail --tcp "$ca" $letter --subject $'one\nBcc: two' $HOST
        usage mail --tcp "$ca" $letter --user sensor $HOST
        no_file mail --tcp "$ca" $letter --body "$none" $HOST
    }
    usage anchors
    usage anchors "$pki/root.pem" "$pki/root.pem"
    no_file anchors "$none"
    no_file starttls --tcp "--ca=$none" $HOST
    no_file starttls --tcp "--pin=$none" $HOST
    for text in mail starttls deep_sleep anchors espat smtpd; do
        doing="$text --help" && run help "$bin/$text" --help && exited 0
        check 'it says so' holds "$out" "Usage: $text"
    done
}

# -- interruption -------------------------------------------------------------

# The number may have been given to a stranger since.
ended() {
    gone "${1%@*}" || [ "${1#*@}" != "$(born "${1%@*}")" ] ||
        ! grep -qsE '^(espat|smtpd|mail|starttls|sh|sleep)$' "/proc/${1%@*}/comm"
}

modems_gone() {
    local each

    while read -r each; do
        ended "$each" || return 1
    done <"$dir/modems"
}

# begin_starttls PHASE: in the background, as far as that; its input does not
# end
begin_starttls() {
    [ -p "$dir/endless" ] || mkfifo "$dir/endless"
    exec 9<>"$dir/endless"
    ran=interrupted command='starttls, interrupted' shown=0
    out=$dir/$ran.out err=$dir/$ran.err
    input=$dir/endless start $ran "$bin/starttls" "${wire[@]}" \
        "${anchors[@]}" --trace --report --connect "127.0.0.1:$port" $HOST
    all_pids="$all_pids $pid@$(born "$pid")"
    check "it comes to $1" wait_for 5 grep -qs -e "-- $1" "$err"
}

# interrupted SIGNAL STATUS RESULT
interrupted() {
    kill "-$1" "$pid"
    check 'it ends' wait_for 5 gone "$pid"
    alive "$pid" && stop "$pid"
    finished
    exited "$2"
    reports result "$3"
    check 'the modem is gone' wait_for 2 modems_gone
    exec 9>&-
}

interruptions() {
    section 'Ctrl-C, and a command that does not end'
    server stalled ec --stall 0
    for signal in INT TERM; do
        doing="SIG$signal in the handshake" && by_exec --gen 2
        begin_starttls handshake && interrupted $signal 130 INTERRUPTED
        doing="SIG$signal when the shell stays between"
        wire=(--exec "echo \$\$ >>'$dir/modems'; '$bin/espat' --stdio; true")
        begin_starttls handshake && interrupted $signal 130 INTERRUPTED
    done
    stop "$server"
    doing='SIGINT when open' && server open ec && by_exec --gen 3
    begin_starttls open && interrupted INT 0 OK
    stop "$server"
    doing='a command that does not end' && rm -f "$dir/sleeping"
    wire=(--exec "sleep 300 & echo \$\$ >>'$dir/modems'
        echo \$! >>'$dir/modems'; : >'$dir/sleeping'; wait")
    begin_starttls '' && check 'it sleeps' wait_for 5 test -e "$dir/sleeping"
    interrupted INT 130 INTERRUPTED
}

# -- firmware -----------------------------------------------------------------

WARN="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
    -Wundef -Wcast-qual -Werror"

# silently COMMAND...: succeeds, and says nothing
silently() {
    run compiler "$@"
    [ "$status" -eq 0 ] && [ ! -s "$err" ]
}

# header_compiles NAME EXPRESSION: it, and its use, compile as C and as C++
header_compiles() {
    echo "#include \"$dir/$1.h\"
        int main() { return $2; }" >"$dir/$1.cpp"
    sed 's/main()/main(void)/' "$dir/$1.cpp" >"$dir/$1.c"
    # shellcheck disable=SC2086
    {
        check "$1.h in C" silently gcc -std=c11 $WARN -Wstrict-prototypes \
            -c "$dir/$1.c" -o "$dir/$1.o"
        check "$1.h in C++" silently g++ -std=c++11 $WARN \
            -c "$dir/$1.cpp" -o "$dir/$1.o"
    }
}

headers() {
    local each

    section 'anchors: its source compiles'
    for each in root root-rsa anchors; do
        doing="anchors of $each"
        "$bin/anchors" "$pki/$each.pem" >"$dir/$each.h"
        header_compiles $each 'ANCHORS_NUM - sizeof ANCHORS / sizeof *ANCHORS
            + (ANCHORS[0].flags != BR_X509_TA_CA)'
    done
    for each in ec p384 rsa; do
        doing="pin of $each"
        "$bin/anchors" --pin "$pki/$each.pem" >"$dir/pin-$each.h"
        header_compiles pin-$each 'PIN.key_type == BR_KEYTYPE_RSA'
    done
}

# The five functions that a port supplies, for a pty.
write_port() {
    cat >"$dir/port.c" <<'C'
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

int uart_read(void *user, void *dst, size_t cap);
int uart_write(void *user, const void *src, size_t len);
uint32_t millis(void *user);
size_t trng(void *user, void *dst, size_t len);
uint32_t rtc(void *user);

static int uart(void)
{
    static int fd = -1;

    if (fd < 0) {
        fd = open(getenv("UART"), O_RDWR | O_NOCTTY | O_NONBLOCK);
    }
    return fd;
}

static int result(ssize_t n)
{
    return n < 0 && errno != EAGAIN ? -1 : n < 0 ? 0 : (int)n;
}

int uart_read(void *user, void *dst, size_t cap)
{
    (void)user;
    return result(read(uart(), dst, cap));
}

int uart_write(void *user, const void *src, size_t len)
{
    (void)user;
    return result(write(uart(), src, len));
}

uint32_t millis(void *user)
{
    struct timespec t;

    (void)user;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

size_t trng(void *user, void *dst, size_t len)
{
    (void)user;
    return getrandom(dst, len, 0) == (ssize_t)len ? len : 0;
}

uint32_t rtc(void *user)
{
    (void)user;
    return (uint32_t)time(NULL);
}
C
}

# The example as it is: its network, its server's name and its passwords.
firmware() {
    section 'firmware_mail.c compiles, and sends its mail'
    doing='firmware_mail.c' && write_port
    mkdir "$dir/mail/firmware"
    # shellcheck disable=SC2086
    check 'no warnings' silently gcc -std=c11 -O2 $WARN -Wstrict-prototypes \
        -I"$dir" "$top/examples/firmware_mail.c" "$top/examples/smtp.c" \
        "$dir/port.c" -o "$dir/firmware" -lbearssl
    [ -x "$dir/firmware" ] || return
    export SERVERS_PASSWORD='battery staple' WIFI='correct horse'
    server firmware wrong-name --user sensor --password-env SERVERS_PASSWORD \
        --mail-dir "$dir/mail/firmware"
    by_pty firmware.modem --fresh --ssid attic --password-env WIFI \
        --map "mail.example.org:587=127.0.0.1:$port"
    run firmware.run env UART="$dir/firmware.modem.tty" "$dir/firmware"
    exited 0
    check 'the mail' grep -qs '^It is 3 cm deep' "$dir/mail/firmware/1.eml"
    stop "$modem"
    stop "$server"
}

# -- the end ------------------------------------------------------------------

nothing_left() {
    local each

    section 'nothing is left running'
    doing='the end'
    for each in $all_pids; do
        check "process $each has ended" ended "$each"
    done
    check 'modems that programs started' modems_gone
    check 'there were such' test "$(wc -l <"$dir/modems")" -gt 50
}

make_bodies
mails_in_every_mode
bodies_arrive
direct_and_login
trust
session_file
sleeps
sends_are_few
servers_at_fault
modem_at_fault
wifi
command_line
interruptions
headers
firmware
nothing_left
end_section
finish
