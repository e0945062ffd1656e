/* test_espat.c - self-test of the emulator core, on virtual time. */
#include "espat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;

/* One modem with a peer that only records. */
struct rig {
    espat *modem;
    struct espat_options opt;
    struct espat_fault fault[ESPAT_FAULTS];
    uint32_t now;
    int opens, closes;
    int refuse;       /* open() fails */
    int echo;         /* send() answers with the same bytes at once */
    char host[64];    /* of the last open() */
    char peer[16384]; /* what the peer received */
    size_t peer_len;
    char out[65536]; /* what the modem said since the last look */
    size_t out_len;
};

static int peer_open(void *user, int id, const char *host, unsigned port)
{
    struct rig *r = user;
    (void)id;
    snprintf(r->host, sizeof r->host, "%.50s:%u", host, port);
    r->opens++;
    return r->refuse ? -1 : 0;
}

static int peer_send(void *user, int id, const void *data, size_t len)
{
    struct rig *r = user;
    if (len > sizeof r->peer - r->peer_len) return -1;
    memcpy(r->peer + r->peer_len, data, len);
    r->peer_len += len;
    if (r->echo) espat_net_data(r->modem, id, data, len);
    return 0;
}

static void peer_close(void *user, int id)
{
    struct rig *r = user;
    (void)id;
    r->closes++;
}

static struct rig rig;

/* A new modem with the options in rig.opt and the faults given. */
static void start(const char *const *faults)
{
    static const struct espat_net net = {peer_open, peer_send, peer_close};
    struct espat_options opt = rig.opt;
    espat_free(rig.modem);
    memset(&rig, 0, sizeof rig);
    for (; faults && *faults; faults++)
        if (!espat_fault_parse(&rig.fault[opt.faults++], *faults)) abort();
    opt.fault = rig.fault;
    rig.modem = espat_new(&opt, &net, &rig);
    if (!rig.modem) abort();
}

static void start_gen(int generation, const char *const *faults)
{
    rig.opt = (struct espat_options){.generation = generation};
    start(faults);
}

static void drain(void)
{
    size_t n;
    do {
        n = espat_output(rig.modem, rig.out + rig.out_len,
                         sizeof rig.out - rig.out_len);
        rig.out_len += n;
    } while (n);
}

static void wait_ms(uint32_t ms)
{
    rig.now += ms;
    espat_tick(rig.modem, rig.now);
    drain();
}

static void host(const char *text)
{
    espat_input(rig.modem, text, strlen(text));
    drain();
}

static void show(const char *title, const char *p, size_t n)
{
    printf("    %s \"", title);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '\r' || c == '\n')
            printf("\\%c", c == '\r' ? 'r' : 'n');
        else if (c < 32 || c > 126)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    puts("\"");
}

static void check(const char *name, int ok)
{
    if (ok) {
        passed++;
        return;
    }
    failed++;
    printf("FAIL %s\n", name);
}

/* The modem has said exactly this since the last call. */
static void said(const char *name, const char *want)
{
    size_t len = strlen(want);
    int same = len == rig.out_len && !memcmp(want, rig.out, len);
    check(name, same);
    if (!same) {
        show("want", want, len);
        show("got ", rig.out, rig.out_len);
    }
    rig.out_len = 0;
}

/* The host says this, the modem answers that. */
static void talk(const char *name, const char *text, const char *want)
{
    host(text);
    said(name, want);
}

static void forget(void)
{
    rig.out_len = 0;
}

static void from_peer(int id, const char *text)
{
    espat_net_data(rig.modem, id, text, strlen(text));
    drain();
}

/* Echo off, several links, link 0 open. */
static void connect_mux(void)
{
    host("ATE0\r\n");
    host("AT+CIPMUX=1\r\n");
    host("AT+CIPSTART=0,\"TCP\",\"10.0.0.2\",25\r\n");
    forget();
}

#define FAULTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define OK          "\r\nOK\r\n"
#define ERR         "\r\nERROR\r\n"

static void test_basics(int gen)
{
    start_gen(gen, NULL);
    talk("echo", "AT\r\n", "AT\r\r\n" OK);
    talk("echo off", "ATE0\r\n", "ATE0\r\r\n" OK);
    talk("no echo", "AT\r\n", OK);
    talk("unknown", "AT+FOO=1\r\n", ERR);
    talk("empty line", "\r\n", ERR);
    talk("not AT", "hello\r\n", ERR);
    talk("set", "AT+CIPDINFO=1\r\n", OK);
    talk("query", "AT+CIPDINFO?\r\n", "+CIPDINFO:1\r\n" OK);
    talk("range", "AT+RFPOWER=85\r\n", ERR);
    talk("rf power", "AT+RFPOWER=78\r\n", OK);
    talk("uart", "AT+UART_CUR=115200,8,1,0,3\r\n", OK);
    talk("sleep", "AT+SLEEP=1\r\n", OK);
    talk("not open", "AT+CIPCLOSE\r\n", ERR);
    talk("ssl", "AT+CIPSTART=\"SSL\",\"10.0.0.2\",25\r\n", ERR);
    talk("bad number", "AT+CIPMUX=0x1\r\n", ERR);
    talk("bad quote", "AT+CIPSTART=\"TCP\",\"10.0.0.2,25\r\n", ERR);
    talk("busy", "AT\r\nAT\r\n", "\r\nbusy p...\r\n" OK);
}

static void test_odd_lines(void)
{
    char line[400];
    memset(line, 'A', sizeof line);
    memcpy(line + 300, "\r\n", 3);
    start_gen(2, NULL);
    host("ATE0\r\n");
    forget();
    talk("too long", line, ERR);
    espat_input(rig.modem, "AT\0\r\n", 5);
    talk("nul", "", ERR);
    talk("lf only", "AT\n", OK);
    talk("echo on", "ATE1\r\n", OK);
    talk("split", "AT", "");
    talk("echoed whole", "\r\n", "AT\r\r\n" OK);
}

static void test_generation_commands(void)
{
    start_gen(1, NULL);
    host("ATE0\r\n");
    forget();
    talk("1 recvtype", "AT+CIPRECVTYPE=1\r\n", ERR);
    talk("1 sendl", "AT+CIPSENDL=4\r\n", ERR);
    talk("1 cwmode_cur", "AT+CWMODE_CUR=1\r\n", OK);
    start_gen(3, NULL);
    host("ATE0\r\n");
    forget();
    talk("3 recvmode", "AT+CIPRECVMODE=1\r\n", ERR);
    talk("3 cwmode_cur", "AT+CWMODE_CUR=1\r\n", ERR);
    talk("3 syslog", "AT+SYSLOG=1\r\n", OK);
    talk("3 types", "AT+CIPRECVTYPE=1\r\n", OK);
    talk("3 type", "AT+CIPRECVTYPE?\r\n",
         "+CIPRECVTYPE:0,1\r\n+CIPRECVTYPE:1,0\r\n+CIPRECVTYPE:2,0\r\n"
         "+CIPRECVTYPE:3,0\r\n+CIPRECVTYPE:4,0\r\n" OK);
    talk("3 err code", "AT+FOO\r\n", "ERR CODE:0x01090000\r\n" ERR);
}

static void test_version(void)
{
    start_gen(1, NULL);
    host("ATE0\r\n");
    forget();
    talk("version", "AT+GMR\r\n",
         "AT version:1.3.0.0(Jul 14 2016 18:54:01)\r\n"
         "SDK version:2.0.0(656edbf)\r\n"
         "compile time:Oct 29 2016 22:56:21\r\nOK\r\n");
}

static void test_open(void)
{
    start_gen(1, NULL);
    host("ATE0\r\n");
    forget();
    talk("1 connect", "AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n",
         "CONNECT\r\n" OK);
    check("1 where", !strcmp(rig.host, "10.0.0.2:25"));
    talk("1 twice", "AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n",
         "ALREADY CONNECTED\r\n" ERR);
    talk("1 mux", "AT+CIPMUX=1\r\n", "link is builded\r\n" ERR);
    talk("1 status", "AT+CIPSTATUS\r\n",
         "STATUS:3\r\n+CIPSTATUS:0,\"TCP\",\"10.0.0.2\",25,50001,0\r\n" OK);
    talk("1 close", "AT+CIPCLOSE\r\n", "CLOSED\r\n" OK);
    check("1 closed", rig.closes == 1);
    rig.refuse = 1;
    talk("1 refused", "AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n",
         "CONNECT FAIL\r\n" ERR);
    talk("1 dns", "AT+CIPSTART=\"TCP\",\"mx.test\",25\r\n", "DNS Fail\r\n" ERR);
    start_gen(2, NULL);
    connect_mux();
    talk("2 connect", "AT+CIPSTART=1,\"TCP\",\"mx.test\",587\r\n",
         "1,CONNECT\r\n" OK);
    talk("2 twice", "AT+CIPSTART=1,\"TCP\",\"mx.test\",587\r\n", ERR);
    talk("2 close all", "AT+CIPCLOSE=5\r\n", "0,CLOSED\r\n1,CLOSED\r\n" OK);
    start_gen(3, NULL);
    host("ATE0\r\nAT\r\n");
    host("AT+SYSMSG=2\r\n");
    forget();
    talk("3 link_conn", "AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n",
         "+LINK_CONN:0,0,\"TCP\",0,\"10.0.0.2\",25,50001\r\n" OK);
    talk("3 state", "AT+CIPSTATE?\r\n",
         "+CIPSTATE:0,\"TCP\",\"10.0.0.2\",25,50001,0\r\n" OK);
}

static void test_escapes(void)
{
    start_gen(2, NULL);
    host("ATE0\r\n");
    forget();
    talk("escapes", "AT+CIPSTART=\"TCP\",\"a\\,b\\\"c\\\\d\",1\r\n",
         "CONNECT\r\n" OK);
    check("unescaped", !strcmp(rig.host, "a,b\"c\\d:1"));
    talk("bare comma", "AT+CIPSTART=\"TCP\",\"a,b\",1\r\n", ERR);
}

static void test_send(void)
{
    start_gen(1, NULL);
    connect_mux();
    talk("1 prompt", "AT+CIPSEND=0,5\r\n", OK "> ");
    talk("1 part", "hel", "");
    talk("1 sent", "lo", "\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n");
    check("1 peer", rig.peer_len == 5 && !memcmp(rig.peer, "hello", 5));
    talk("1 not open", "AT+CIPSEND=1,5\r\n", "link is not valid\r\n" ERR);
    talk("1 most", "AT+CIPSEND=0,2048\r\n", OK "> ");
    start_gen(2, NULL);
    connect_mux();
    talk("2 too long", "AT+CIPSEND=0,2049\r\n", ERR);
    talk("2 not open", "AT+CIPSEND=1,4\r\n", ERR);
    talk("2 prompt", "AT+CIPSEND=0,4\r\n", OK "\r\n>");
    talk("2 wrong newline", "abcd\r\n",
         "\r\nRecv 4 bytes\r\n\r\nbusy p...\r\n\r\nSEND OK\r\n");
    start_gen(1, NULL);
    connect_mux();
    host("AT+CIPSEND=0,4\r\n");
    forget();
    talk("1 wrong newline", "abcd\r\n",
         "\r\nRecv 4 bytes\r\n\r\nbusy s...\r\n\r\nSEND OK\r\n");
    start_gen(3, NULL);
    connect_mux();
    talk("3 too long", "AT+CIPSEND=0,8193\r\n", ERR);
    talk("3 most", "AT+CIPSEND=0,8192\r\n", OK "\r\n>");
}

static void test_send_parallel(void)
{
    char bytes[1501] = "";
    memset(bytes, 'x', 1500);
    start_gen(3, NULL);
    connect_mux();
    talk("sendl prompt", "AT+CIPSENDL=0,1500\r\n", OK "\r\n>");
    talk("sendl", bytes, "+CIPSENDL:1024,1024\r\n\r\nSEND OK\r\n");
    check("sendl peer", rig.peer_len == 1500);
    host("AT+CIPSENDL=0,1500\r\n");
    forget();
    wait_ms(20);
    host("+++");
    wait_ms(19);
    said("not yet", "");
    wait_ms(1);
    said("cancelled", "\r\nSEND CANCELLED\r\n");
}

/* Payload that looks like the start of an escape, after a silence. */
static void test_plus(void)
{
    start_gen(2, NULL);
    connect_mux();
    host("AT+CIPSEND=0,4\r\n");
    wait_ms(100);
    forget();
    talk("pluses", "++a+", "\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n");
    host("AT+CIPSEND=0,3\r\n");
    wait_ms(100);
    forget();
    talk("all of it", "+++", "\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n");
    host("AT+CIPSEND=0,4\r\n");
    wait_ms(100);
    host("++");
    wait_ms(20);
    forget();
    talk("too few", "ab", "\r\nRecv 4 bytes\r\n\r\nSEND OK\r\n");
    check("peer", !memcmp(rig.peer, "++a++++++ab", 11));
}

static void test_closed_at_prompt(void)
{
    start_gen(2, NULL);
    connect_mux();
    host("AT+CIPSEND=0,10\r\n");
    forget();
    espat_net_closed(rig.modem, 0);
    talk("closed", "", "0,CLOSED\r\n");
    talk("error", "0123456789", "\r\nRecv 10 bytes\r\n" ERR);
}

static void test_push(void)
{
    start_gen(1, NULL);
    connect_mux();
    host("AT+CIPDINFO=1\r\n");
    forget();
    from_peer(0, "{\"dev\":{\"cur\":70}}");
    espat_net_closed(rig.modem, 0);
    drain();
    said("1 glued",
         "\r\n+IPD,0,18,10.0.0.2,25:{\"dev\":{\"cur\":70}}0,CLOSED\r\n");
    start_gen(2, NULL);
    connect_mux();
    from_peer(0, "OK\r\n");
    said("2 push", "\r\n+IPD,0,4:OK\r\n");
    host("AT+CIPDINFO=1\r\n");
    forget();
    host("AT+CIPSEND=0,5\r\n");
    from_peer(0, "abcde");
    host("hello");
    said("2 between prompt and recv",
         OK "\r\n>\r\n+IPD,0,5,\"10.0.0.2\",25:abcde"
            "\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n");
    start_gen(3, NULL);
    host("ATE0\r\n");
    host("AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n");
    forget();
    from_peer(0, "abc");
    said("3 single", "\r\n+IPD,3:abc");
}

static void test_reply_overtakes(void)
{
    start_gen(2, NULL);
    connect_mux();
    rig.echo = 1;
    host("AT+CIPSEND=0,2\r\n");
    forget();
    talk("overtakes", "hi",
         "\r\nRecv 2 bytes\r\n\r\n+IPD,0,2:hi\r\nSEND OK\r\n");
}

static void test_pull(int gen)
{
    start_gen(gen, NULL);
    connect_mux();
    talk("pull on", gen < 3 ? "AT+CIPRECVMODE=1\r\n" : "AT+CIPRECVTYPE=5,1\r\n",
         OK);
    from_peer(0, "hello");
    said("announced", "\r\n+IPD,0,5\r\n");
    from_peer(0, "world");
    said("once", "");
    talk("length", "AT+CIPRECVLEN?\r\n", "+CIPRECVLEN:10,-1,-1,-1,-1\r\n" OK);
    espat_net_closed(rig.modem, 0);
    talk("not closed yet", "", "");
    talk("read", "AT+CIPRECVDATA=0,4\r\n",
         gen == 1 ? "+CIPRECVDATA,4:hell" OK : "+CIPRECVDATA:4,hell" OK);
    host("AT+CIPDINFO=1\r\n");
    forget();
    talk("rest", "AT+CIPRECVDATA=0,2000\r\n",
         gen == 1 ? "+CIPRECVDATA,6:oworld" OK "0,CLOSED\r\n"
                  : "+CIPRECVDATA:6,\"10.0.0.2\",25,oworld" OK "0,CLOSED\r\n");
    talk("nothing", "AT+CIPRECVDATA=0,4\r\n", ERR);
}

static void test_room(void)
{
    static char big[ESPAT_WINDOW + 10];
    start_gen(1, NULL);
    connect_mux();
    host("AT+CIPRECVMODE=1\r\n");
    check("room", espat_net_room(rig.modem, 0) == ESPAT_WINDOW);
    check("no room", espat_net_room(rig.modem, 1) == 0);
    check("taken",
          espat_net_data(rig.modem, 0, big, sizeof big) == ESPAT_WINDOW);
    check("full", espat_net_room(rig.modem, 0) == 0);
}

static void test_wifi(void)
{
    rig.opt = (struct espat_options){
        .generation = 1, .fresh = true, .ssid = "net", .password = "a,b"};
    start(NULL);
    host("ATE0\r\n");
    forget();
    talk("no ip", "AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n", "no ip\r\n" ERR);
    talk("no ap", "AT+CWJAP?\r\n", "No AP\r\n" OK);
    talk("bad password", "AT+CWJAP=\"net\",\"x\"\r\n",
         "+CWJAP:2\r\n\r\nFAIL\r\n");
    talk("join", "AT+CWJAP=\"net\",\"a\\,b\"\r\n",
         "WIFI CONNECTED\r\nWIFI GOT IP\r\n" OK);
    talk("ap", "AT+CWJAP?\r\n",
         "+CWJAP:\"net\",\"02:00:00:00:00:01\",6,-52\r\n" OK);
    talk("again", "AT+CWJAP=\"net\",\"a\\,b\"\r\n",
         "WIFI DISCONNECT\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n" OK);
    talk("leave", "AT+CWQAP\r\n", OK "WIFI DISCONNECT\r\n");
}

static void test_sntp(void)
{
    rig.opt = (struct espat_options){
        .generation = 2, .unix_time = 1634665671, .sntp_ms = 1000};
    start(NULL);
    host("ATE0\r\n");
    host("AT+CIPSNTPCFG=1,0,\"pool.ntp.org\"\r\n");
    forget();
    talk("not synced", "AT+CIPSNTPTIME?\r\n",
         "+CIPSNTPTIME:Thu Jan  1 00:00:00 1970\r\nOK\r\n");
    check("due", espat_due(rig.modem) == 1000);
    wait_ms(5000);
    said("updated", "+TIME_UPDATED\r\n");
    talk("synced", "AT+CIPSNTPTIME?\r\n",
         "+CIPSNTPTIME:Tue Oct 19 17:47:56 2021\r\nOK\r\n");
}

static void test_raw(void)
{
    start_gen(2, NULL);
    host("ATE0\r\n");
    host("AT+SYSMSG=1\r\n");
    host("AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n");
    forget();
    talk("not raw", "AT+CIPSEND\r\n", ERR);
    talk("mode", "AT+CIPMODE=1\r\n", OK);
    talk("prompt", "AT+CIPSEND\r\n", OK "\r\n>");
    talk("out", "EHLO x\r\n+++", "");
    check("no guard, no escape", rig.peer_len == 11);
    wait_ms(20);
    host("++");
    check("held", rig.peer_len == 11);
    wait_ms(20);
    check("released", rig.peer_len == 13);
    from_peer(0, "250 x\r\n");
    said("in", "250 x\r\n");
    wait_ms(20);
    talk("escape", "+++", "");
    wait_ms(20);
    said("left", "\r\n+QUITT\r\n");
    talk("command", "AT\r\n", OK);
    check("nothing more went out", rig.peer_len == 13);
}

static void test_timing(void)
{
    rig.opt = (struct espat_options){.delay_ms = 50, .baud = 9600};
    start(NULL);
    host("AT\r\n");
    check("a byte takes", espat_due(rig.modem) == 2);
    wait_ms(2);
    check("960 bytes per second", rig.out_len == 1);
    wait_ms(8);
    said("echo first", "AT\r\r\n");
    check("next", espat_due(rig.modem) == 40);
    wait_ms(40);
    wait_ms(3);
    check("slow", rig.out_len == 2);
    wait_ms(10);
    said("all", OK);
    check("idle", espat_due(rig.modem) == UINT32_MAX);
    rig.opt = (struct espat_options){.chunk = 2};
    start(NULL);
    espat_input(rig.modem, "AT\r\n", 4);
    check("chunk", espat_output(rig.modem, rig.out, 100) == 2);
}

static void test_reset(void)
{
    start_gen(2, FAULTS("reset@send:1"));
    connect_mux();
    host("AT+CIPSEND=0,4\r\n");
    forget();
    host("abcd");
    check("noise", rig.out_len > 20 && memchr(rig.out, 0, rig.out_len) &&
                       memchr(rig.out, 0xff, rig.out_len));
    check("links lost", rig.closes == 1 && rig.peer_len == 0);
    forget();
    talk("deaf", "AT\r\n", "");
    wait_ms(300);
    said("ready", "\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n");
    talk("echo again", "AT\r\n", "AT\r\r\n" OK);
    connect_mux();
    host("AT+RST\r\n");
    check("rst", rig.out_len > 40 && !memcmp(rig.out, OK "WIFI DISC", 15));
}

/* AT+<name>=<n>: taken or refused; then the query tells shown. */
static void knob(const char *name, unsigned n, bool taken, unsigned shown)
{
    char line[40], answer[40];
    snprintf(line, sizeof line, "AT+%s=%u\r\n", name, n);
    talk(name, line, taken ? OK : ERR);
    snprintf(line, sizeof line, "AT+%s?\r\n", name);
    snprintf(answer, sizeof answer, "+%s:%u\r\n" OK, name, shown);
    talk(name, line, answer);
}

/* 1.x as on an ESP8266, later ones as on an ESP32, which knows fewer steps of
 * power than numbers. */
static void test_knobs(void)
{
    static const unsigned esp32[][2] = {{40, 34}, {43, 34}, {44, 44}, {51, 44},
                                        {52, 52}, {55, 52}, {56, 56}, {59, 56},
                                        {60, 60}, {65, 60}, {66, 66}, {71, 66},
                                        {72, 72}, {77, 72}, {78, 78}, {84, 78}};
    start_gen(1, NULL);
    host("ATE0\r\n");
    forget();
    talk("sleep at first", "AT+SLEEP?\r\n", "+SLEEP:2\r\n" OK);
    knob("SLEEP", 0, true, 0);
    knob("SLEEP", 2, true, 2);
    knob("SLEEP", 3, false, 2);
    talk("power at first", "AT+RFPOWER?\r\n", "+RFPOWER:78\r\n" OK);
    knob("RFPOWER", 0, true, 0);
    knob("RFPOWER", 82, true, 82);
    knob("RFPOWER", 83, false, 82);
    for (int gen = 2; gen <= 3; gen++) {
        start_gen(gen, NULL);
        host("ATE0\r\n");
        forget();
        for (unsigned n = 0; n < 4; n++) knob("SLEEP", n, true, n);
        knob("SLEEP", 4, false, 3);
        for (size_t i = 0; i < sizeof esp32 / sizeof *esp32; i++)
            knob("RFPOWER", esp32[i][0], true, esp32[i][1]);
        knob("RFPOWER", 39, false, 78);
        knob("RFPOWER", 85, false, 78);
        talk("no number", "AT+RFPOWER=\r\n", ERR);
        talk("a string", "AT+SLEEP=\"1\"\r\n", ERR);
        talk("negative", "AT+RFPOWER=-1\r\n", ERR);
        host("AT+CWMODE=0\r\n");
        forget();
        talk("no radio", "AT+RFPOWER=60\r\n", ERR);
        talk("no radio to ask", "AT+RFPOWER?\r\n", ERR);
    }
}

/* Both knobs leave a link alone, and a reset forgets them. */
static void test_knobs_in_use(void)
{
    start_gen(3, NULL);
    connect_mux();
    knob("RFPOWER", 52, true, 52);
    knob("SLEEP", 1, true, 1);
    host("AT+CIPSEND=0,2\r\n");
    forget();
    talk("sends", "hi", "\r\nRecv 2 bytes\r\n\r\nSEND OK\r\n");
    check("open", rig.closes == 0 && rig.peer_len == 2);
    host("AT+RST\r\n");
    wait_ms(300);
    host("ATE0\r\n");
    forget();
    talk("power", "AT+RFPOWER?\r\n", "+RFPOWER:78\r\n" OK);
    talk("sleep", "AT+SLEEP?\r\n", "+SLEEP:0\r\n" OK);
}

static void test_sleep(void)
{
    start_gen(1, NULL);
    connect_mux();
    talk("no time", "AT+GSLP\r\n", ERR);
    talk("query", "AT+GSLP?\r\n", ERR);
    talk("a string", "AT+GSLP=\"1\"\r\n", ERR);
    talk("too long", "AT+GSLP=2147483648\r\n", ERR);
    from_peer(0, "hello");
    forget();
    talk("sleep", "AT+GSLP=1500\r\n", "1500\r\n" OK);
    check("links lost", rig.closes == 1 && !espat_net_room(rig.modem, 0));
    wait_ms(1499);
    talk("asleep", "AT\r\n", "");
    check("due", espat_due(rig.modem) == 1);
    wait_ms(1);
    check("boot log first", rig.out_len == 40);
    forget();
    wait_ms(300);
    said("ready", "\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n");
    talk("as new", "AT+CIPMUX?\r\n", "AT+CIPMUX?\r\r\n+CIPMUX:0\r\n" OK);
    start_gen(3, NULL);
    host("AT+GSLP=2147483647\r\n");
    wait_ms(2147483646);
    forget();
    talk("24 days", "AT\r\n", "");
    wait_ms(1);
    check("and awake", rig.out_len == 40);
}

/* A short payload, then silence for a second. */
static void test_silence(void)
{
    start_gen(2, FAULTS("short@ipd:1:2", "hang@ipd:1:1000"));
    connect_mux();
    from_peer(0, "hello");
    said("short", "\r\n+IPD,0,5:hel");
    from_peer(0, "world");
    talk("deaf", "AT\r\n", "");
    wait_ms(1000);
    said("late", "\r\n+IPD,0,5:world");
}

static void test_command_faults(void)
{
    start_gen(2, FAULTS("mute@cmd:2", "late@cmd:3:100", "busy@cmd:4",
                        "fail@cmd:5", "urc@cmd:6", "hang@cmd:7"));
    talk("1", "ATE0\r\n", "ATE0\r\r\n" OK);
    talk("mute", "AT\r\n", "");
    talk("late", "AT\r\n", "");
    wait_ms(99);
    said("not yet", "");
    wait_ms(1);
    said("now", OK);
    talk("busy", "AT\r\n", "\r\nbusy p...\r\n");
    talk("fail", "AT\r\n", ERR);
    host("AT\r\n");
    check("urc", rig.out_len > strlen(OK));
    forget();
    talk("hang", "AT\r\n", "");
    wait_ms(1000000);
    talk("for good", "AT\r\n", "");
}

static void test_send_faults(void)
{
    start_gen(2, FAULTS("mute@prompt:1", "fail@send:1", "mute@send:2",
                        "late@send:3:100", "closed@send:4"));
    connect_mux();
    talk("no prompt", "AT+CIPSEND=0,2\r\n", OK);
    host("AT+CIPSEND=0,2\r\n");
    forget();
    talk("fail", "ab", "\r\nRecv 2 bytes\r\n\r\nSEND FAIL\r\n");
    host("AT+CIPSEND=0,2\r\n");
    forget();
    talk("mute", "ab", "\r\nRecv 2 bytes\r\n");
    host("AT+CIPSEND=0,2\r\n");
    forget();
    talk("late", "ab", "\r\nRecv 2 bytes\r\n");
    wait_ms(100);
    said("now", "\r\nSEND OK\r\n");
    host("AT+CIPSEND=0,2\r\n");
    forget();
    talk("closed", "ab", "\r\nRecv 2 bytes\r\n0,CLOSED\r\n" ERR);
    check("two arrived", rig.peer_len == 4);
}

static void test_open_faults(void)
{
    start_gen(3, FAULTS("fail@open:1", "mute@open:2", "closed@open:3"));
    host("ATE0\r\n");
    forget();
    talk("fail", "AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n",
         "+ERRNO:0x0072\r\n" ERR);
    talk("mute", "AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n", "");
    talk("closed", "AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n",
         "CONNECT\r\n" OK "CLOSED\r\n");
    check("one reached the peer", rig.opens == 1 && rig.closes == 1);
}

static void test_payload_faults(void)
{
    start_gen(2, FAULTS("short@ipd:1:2", "lie@ipd:2:3", "lie@ipd:3:-6",
                        "crlf@ipd:4", "closed@rx:25"));
    connect_mux();
    from_peer(0, "hello");
    said("short", "\r\n+IPD,0,5:hel");
    from_peer(0, "hello");
    said("lie", "\r\n+IPD,0,8:hello");
    from_peer(0, "hello");
    said("lie below zero", "\r\n+IPD,0,-1:hello");
    from_peer(0, "hello");
    said("crlf", "\r\n+IPD,0,5:hello\r\n");
    from_peer(0, "hello world");
    said("closed after 25", "\r\n+IPD,0,5:hello0,CLOSED\r\n");
    start_gen(2, FAULTS("lie@ipd:1:2", "reset@tx:3"));
    connect_mux();
    host("AT+CIPRECVMODE=1\r\n");
    from_peer(0, "hi");
    forget();
    talk("pull lie", "AT+CIPRECVDATA=0,9\r\n", "+CIPRECVDATA:4,hi" OK);
    host("AT+CIPSEND=0,9\r\n");
    forget();
    host("12");
    check("two bytes", rig.out_len == 0);
    host("345");
    check("reset at the third", rig.out_len == 40);
}

static void test_wifi_fault(void)
{
    start_gen(2, FAULTS("wifi@ms:500:2000"));
    connect_mux();
    check("due", espat_due(rig.modem) == 500);
    wait_ms(500);
    said("lost", "WIFI DISCONNECT\r\n0,CLOSED\r\n");
    talk("no link", "AT+CIPSTART=0,\"TCP\",\"10.0.0.2\",25\r\n", ERR);
    wait_ms(2000);
    said("back", "WIFI CONNECTED\r\nWIFI GOT IP\r\n");
}

static void test_parse(void)
{
    static const char *const bad[] = {
        "",
        "reset",
        "reset@cmd",
        "reset@cmd:",
        "x@cmd:1",
        "reset@x:1",
        "busy@ipd:1",
        "mute@rx:1",
        "urc@ms:0",
        "short@ipd:1:-1",
        "late@cmd:1:x",
        "crlf@ipd:1:2:3",
        "reset@cmd:-1",
    };
    struct espat_fault f;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(bad[i], !espat_fault_parse(&f, bad[i]));
    check("good", espat_fault_parse(&f, "late@send:4:250") &&
                      f.what == ESPAT_LATE && f.when == ESPAT_SEND &&
                      f.nth == 4 && f.arg == 250);
}

/* A dialogue with everything random; returns what the modem said. */
static size_t noisy(uint32_t seed, char *out, size_t cap)
{
    rig.opt = (struct espat_options){.generation = 2,
                                     .seed = seed,
                                     .chunk = 7,
                                     .random_chunk = true,
                                     .delay_ms = 3,
                                     .jitter_ms = 20,
                                     .busy = 100,
                                     .urc = 200};
    start(NULL);
    for (int i = 0; i < 20; i++) {
        host("AT+CIPSTART=\"TCP\",\"10.0.0.2\",25\r\n");
        wait_ms(10);
        from_peer(0, "hello");
        host("AT+CIPSEND=5\r\nabcde");
        wait_ms(40);
    }
    size_t n = rig.out_len < cap ? rig.out_len : cap;
    memcpy(out, rig.out, n);
    return n;
}

static void test_seed(void)
{
    static char a[16384], b[16384];
    size_t n = noisy(1, a, sizeof a);
    check("same", noisy(1, b, sizeof b) == n && !memcmp(a, b, n));
    check("other", noisy(2, b, sizeof b) != n || memcmp(a, b, n));
    check("counts", espat_count(rig.modem, ESPAT_CMD) > 20);
}

static void test_urc_everywhere(void)
{
    rig.opt = (struct espat_options){.generation = 2, .urc = 1000};
    start(NULL);
    connect_mux();
    host("AT+CIPSEND=0,2\r\n");
    const char *end = rig.out + rig.out_len;
    check("before the prompt", rig.out_len > 20 && end[-1] == '>' &&
                                   end[-2] == '\n' && end[-4] != '\n');
    forget();
    host("ab");
    check("before recv", rig.out_len > 40 && rig.out[0] != '\r');
}

/* Bytes of every kind must never break it; the sanitizers watch. */
static void test_garbage(void)
{
    static const char *const piece[] = {
        "AT",
        "+CIPSEND=",
        "+CIPRECVDATA=",
        "0,",
        "5\r\n",
        "\r\n",
        "\"TCP\",",
        "+CIPSTART=0,",
        "\"10.0.0.2\",25\r\n",
        "+++",
        "\\",
        "+CIPMUX=1\r\n",
        "99999999999\r\n",
        "+CIPRECVMODE=1\r\n",
        "?\r\n",
        "\"",
        "=",
        ",",
        "+CIPCLOSE=",
        "+CIPMODE=1\r\n",
        "+RST\r\n",
    };
    uint32_t x = 1;
    for (int gen = 1; gen <= 3; gen++) {
        rig.opt = (struct espat_options){.generation = gen, .urc = 50};
        start(FAULTS("reset@tx:700", "crlf@ipd:0", "wifi@ms:900:10"));
        for (int i = 0; i < 20000; i++) {
            x = x * 1664525 + 1013904223;
            host(piece[(x >> 16) % (sizeof piece / sizeof *piece)]);
            from_peer((int)((x >> 8) % ESPAT_LINKS), "data");
            if (x >> 30 == 0) wait_ms(30);
            forget();
            rig.peer_len = 0;
        }
    }
    check("survived", 1);
}

int main(void)
{
    for (int gen = 1; gen <= 3; gen++) {
        test_basics(gen);
        test_pull(gen);
    }
    test_odd_lines();
    test_plus();
    test_generation_commands();
    test_version();
    test_open();
    test_escapes();
    test_send();
    test_send_parallel();
    test_closed_at_prompt();
    test_push();
    test_reply_overtakes();
    test_room();
    test_wifi();
    test_sntp();
    test_raw();
    test_timing();
    test_reset();
    test_knobs();
    test_knobs_in_use();
    test_sleep();
    test_silence();
    test_command_faults();
    test_send_faults();
    test_open_faults();
    test_payload_faults();
    test_wifi_fault();
    test_parse();
    test_seed();
    test_urc_everywhere();
    test_garbage();
    espat_free(rig.modem);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
