/* espat.c - see espat.h. */
#define _POSIX_C_SOURCE 200809L

#include "espat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LINE_CAP = 256,  /* longest command, as ESP-AT documents it */
    ARGS = 8,        /* most arguments looked at */
    TEXT_CAP = 512,  /* longest answer printed in one go */
    OUT_CAP = 65536, /* output waiting for the host */
    OUT_RESERVE = ESPAT_WINDOW + 2048, /* no input while there is less room */
    SEND_CAP = 8192,    /* AT+CIPSEND of 3.x; older ones take less */
    SENDL_PIECE = 1024, /* AT+CIPSENDL reports and sends at this step */
    GUARD_MS = 20,      /* silence around +++ */
    BOOT_MS = 300       /* from reset to ready */
};

enum mode {
    MODE_COMMAND,
    MODE_SEND,    /* counting the payload of AT+CIPSEND */
    MODE_SENDING, /* between the last payload byte and SEND OK */
    MODE_RAW,     /* transparent */
    MODE_BOOT     /* deaf */
};

enum timer {
    TIMER_COMMAND, /* run the command in running[] */
    TIMER_SENT,    /* say SEND OK */
    TIMER_GUARD,   /* silence after +++ */
    TIMER_WAKE,    /* AT+GSLP is over */
    TIMER_BOOT,    /* ready */
    TIMER_WIFI,    /* the access point is back */
    TIMER_SNTP,    /* the time is known */
    TIMER_HANG,    /* alive again */
    TIMERS
};

/* What AT+<NAME>=<n> sets and AT+<NAME>? shows; lost at a reset. */
enum setting {
    SET_CWMODE,
    SET_CIPMUX,
    SET_CIPDINFO,
    SET_CIPRECVMODE,
    SET_CIPMODE,
    SET_SYSMSG,
    SET_SYSLOG,
    SET_SLEEP,
    SET_RFPOWER,
    SETTINGS
};

enum { SYSMSG_QUITT = 1, SYSMSG_LINK_CONN = 2 };

enum link_state {
    LINK_FREE,
    LINK_OPEN,
    LINK_DRAINING /* closed, but CLOSED waits until the host has it all */
};

struct link {
    enum link_state state;
    bool pull;      /* AT+CIPRECVTYPE */
    bool announced; /* +IPD,<len> was said and nothing was read since */
    char ip[16];
    unsigned port, local_port;
    size_t len;
    uint8_t data[ESPAT_WINDOW];
};

struct espat {
    struct espat_options opt;
    struct espat_fault fault[ESPAT_FAULTS];
    bool struck[ESPAT_FAULTS];
    struct espat_net net;
    void *user;

    uint32_t now, random, count[ESPAT_WHENS];
    uint64_t credit; /* what the UART may send, in 1/10000 bytes */
    bool armed[TIMERS];
    uint32_t at[TIMERS];

    enum mode mode;
    bool echo, hung;
    size_t last_words;   /* output that is still to come out when hung */
    bool joined, stored; /* now; and again after a reset */
    bool synced;
    int zone; /* hours */
    char ssid[33];
    uint32_t set[SETTINGS];

    char line[LINE_CAP];        /* being received */
    size_t line_len;            /* LINE_CAP + 1: too long, skipped */
    char running[LINE_CAP + 1]; /* the command TIMER_COMMAND will run */

    struct link link[ESPAT_LINKS];
    int last;            /* link used last */
    int target;          /* link of the send under way */
    bool parallel;       /* it is AT+CIPSENDL */
    const char *outcome; /* what it will end with */
    size_t want, got;    /* payload bytes asked for and received */
    uint8_t tx[SEND_CAP];
    size_t tx_len;
    unsigned plus;    /* '+' held back, maybe an escape */
    uint32_t last_in; /* when the host last wrote */

    uint8_t out[OUT_CAP]; /* a ring */
    size_t out_at, out_len;
};

/* Arguments of a command; text points into the line. */
struct args {
    char kind; /* '=' set, '?' query, 0 execute */
    int count;
    char *text[ARGS];
    bool quoted[ARGS];
};

enum result { RESULT_OK, RESULT_ERROR, RESULT_SAID };

/* ---- chance, time, faults --------------------------------------------- */

/* xorshift32; never 0. */
static uint32_t draw(espat *e, uint32_t bound)
{
    e->random ^= e->random << 13;
    e->random ^= e->random >> 17;
    e->random ^= e->random << 5;
    return e->random % bound;
}

static bool roll(espat *e, unsigned per_mille)
{
    return per_mille && draw(e, 1000) < per_mille;
}

static void arm(espat *e, enum timer t, uint32_t ms)
{
    e->armed[t] = true;
    e->at[t] = e->now + ms;
}

static uint32_t until(const espat *e, uint32_t at)
{
    return at > e->now ? at - e->now : 0;
}

/* The fault that strikes now, or NULL. */
static const struct espat_fault *fires(espat *e, enum espat_what what,
                                       enum espat_when when)
{
    for (size_t i = 0; i < e->opt.faults; i++) {
        const struct espat_fault *f = &e->fault[i];
        if (f->what != what || f->when != when || e->struck[i]) continue;
        if (e->count[when] < f->nth) continue;
        e->struck[i] = f->nth != 0;
        return f;
    }
    return NULL;
}

/* ---- output ----------------------------------------------------------- */

static size_t out_room(const espat *e)
{
    return OUT_CAP - e->out_len;
}

static void put(espat *e, const void *data, size_t len)
{
    const uint8_t *p = data;
    if (len > out_room(e)) /* as a UART without flow control does */
        len = out_room(e);
    for (size_t i = 0; i < len; i++)
        e->out[(e->out_at + e->out_len++) % OUT_CAP] = p[i];
}

/* Lines an engine must be able to ignore. */
static void put_urc(espat *e)
{
    static const char *const urc[] = {
        "WIFI CONNECTED\r\n",
        "WIFI GOT IP\r\n",
        "+TIME_UPDATED\r\n",
        "+FOO:1,\"OK\"\r\n",
    };
    const char *line = urc[draw(e, sizeof urc / sizeof *urc)];
    put(e, line, strlen(line));
}

/* Prints at a line boundary; a URC may come before each line of it. */
static void say(espat *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(espat *e, const char *format, ...)
{
    char text[TEXT_CAP];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);

    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        len += line[len] == '\n';
        if (roll(e, e->opt.urc)) put_urc(e);
        put(e, line, len);
        line += len;
    }
}

static void say_error(espat *e)
{
    if (e->set[SET_SYSLOG]) say(e, "ERR CODE:0x01090000\r\n");
    say(e, "\r\nERROR\r\n");
}

static void say_busy(espat *e)
{
    bool sending = e->mode == MODE_SENDING && e->opt.generation == 1;
    if (e->set[SET_SYSLOG]) say(e, "ERR CODE:0x010b0000\r\n");
    say(e, "\r\nbusy %c...\r\n", sending ? 's' : 'p');
}

/* "<id>," in front of what concerns a link, with AT+CIPMUX=1 only. */
static const char *id_comma(const espat *e, int id)
{
    static const char *const text[] = {"0,", "1,", "2,", "3,", "4,"};
    return e->set[SET_CIPMUX] ? text[id] : "";
}

/* ---- links ------------------------------------------------------------ */

static bool pulls(const espat *e, const struct link *l)
{
    return e->opt.generation < 3 ? e->set[SET_CIPRECVMODE] : l->pull;
}

static void link_free(struct link *l)
{
    l->state = LINK_FREE;
    l->len = 0;
    l->announced = false;
}

/* Says CLOSED once the host has all the data. */
static void link_settle(espat *e, int id)
{
    struct link *l = &e->link[id];
    if (l->state != LINK_DRAINING || l->len) return;
    link_free(l);
    say(e, "%sCLOSED\r\n", id_comma(e, id));
}

static void link_drop(espat *e, int id)
{
    struct link *l = &e->link[id];
    if (l->state != LINK_OPEN) return;
    e->net.close(e->user, id);
    l->state = LINK_DRAINING;
    link_settle(e, id);
}

static void wifi_lost(espat *e)
{
    e->joined = false;
    say(e, "WIFI DISCONNECT\r\n");
    for (int id = 0; id < ESPAT_LINKS; id++) link_drop(e, id);
}

static void wifi_joined(espat *e)
{
    e->joined = e->stored = true;
    say(e, "WIFI CONNECTED\r\nWIFI GOT IP\r\n");
}

/* Back to the state after power-on. */
static void settings_reset(espat *e)
{
    memset(e->set, 0, sizeof e->set);
    e->set[SET_CWMODE] = 1;
    e->set[SET_RFPOWER] = 78;
    e->set[SET_SLEEP] = e->opt.generation == 1 ? 2 : 0;
    e->echo = true;
    e->synced = e->hung = false;
    e->line_len = e->tx_len = e->plus = 0;
    memset(e->armed, 0, sizeof e->armed);
}

/* The boot ROM talks at another baud rate, so it reads as noise. */
static void boot_noise(espat *e)
{
    uint8_t noise[40];
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)draw(e, 256);
    noise[0] = 0x00;
    noise[1] = 0xff;
    noise[sizeof noise - 1] = '\n';
    put(e, noise, sizeof noise);
}

static void power_down(espat *e)
{
    for (int id = 0; id < ESPAT_LINKS; id++) {
        if (e->link[id].state == LINK_OPEN) e->net.close(e->user, id);
        link_free(&e->link[id]);
        e->link[id].pull = false;
    }
    settings_reset(e);
    e->joined = false;
    e->mode = MODE_BOOT;
}

static void boot(espat *e)
{
    boot_noise(e);
    arm(e, TIMER_BOOT, BOOT_MS);
}

static void reset(espat *e)
{
    power_down(e);
    boot(e);
}

/* ---- faults that strike on their own ---------------------------------- */

static void wifi_fault(espat *e, int32_t ms)
{
    wifi_lost(e);
    if (ms > 0) arm(e, TIMER_WIFI, (uint32_t)ms);
}

static void hang_fault(espat *e, int32_t ms)
{
    e->hung = true;
    e->last_words = e->out_len;
    if (ms > 0) arm(e, TIMER_HANG, (uint32_t)ms);
}

/* Called after each event; the modem may be in MODE_BOOT afterwards. */
static void strike(espat *e, enum espat_when when)
{
    const struct espat_fault *f;
    if (fires(e, ESPAT_URC, when)) put_urc(e);
    if ((f = fires(e, ESPAT_CLOSED, when)))
        link_drop(e, f->arg < ESPAT_LINKS ? f->arg : e->last);
    if ((f = fires(e, ESPAT_WIFI, when))) wifi_fault(e, f->arg);
    if ((f = fires(e, ESPAT_HANG, when))) hang_fault(e, f->arg);
    if (fires(e, ESPAT_RESET, when)) reset(e);
}

/* Time before the answer to this cmd or send. */
static uint32_t think(espat *e, enum espat_when when)
{
    uint32_t ms = e->opt.delay_ms;
    const struct espat_fault *late = fires(e, ESPAT_LATE, when);
    if (e->opt.jitter_ms) ms += draw(e, e->opt.jitter_ms + 1);
    return ms + (late ? (uint32_t)late->arg : 0);
}

/* ---- payload for the host --------------------------------------------- */

/* The header of a block, which may not tell its true length. */
static void say_header(espat *e, const struct link *l, long len, bool push)
{
    bool old = e->opt.generation == 1;
    const char *quote = old ? "" : "\"";
    char address[40] = "";
    if (e->set[SET_CIPDINFO])
        snprintf(address, sizeof address, ",%s%s%s,%u", quote, l->ip, quote,
                 l->port);
    if (push)
        say(e, "\r\n+IPD,%s%ld%s:", id_comma(e, (int)(l - e->link)), len,
            address);
    else if (old)
        say(e, "+CIPRECVDATA,%ld:", len);
    else
        say(e, "+CIPRECVDATA:%ld%s,", len, address);
}

/* Gives the host the first len bytes of a link, pushed or as it asked. */
static void block(espat *e, struct link *l, size_t len, bool push)
{
    const struct espat_fault *lie, *cut;
    e->count[ESPAT_IPD]++;
    lie = fires(e, ESPAT_LIE, ESPAT_IPD);
    cut = fires(e, ESPAT_SHORT, ESPAT_IPD);

    size_t missing = cut ? (size_t)cut->arg : 0;
    say_header(e, l, (long)len + (lie ? lie->arg : 0), push);
    put(e, l->data, missing < len ? len - missing : 0);
    l->len -= len;
    memmove(l->data, l->data + len, l->len);
    if (fires(e, ESPAT_CRLF, ESPAT_IPD)) put(e, "\r\n", 2);
}

static void push_raw(espat *e, struct link *l)
{
    if (out_room(e) <= OUT_RESERVE) return;
    put(e, l->data, l->len);
    l->len = 0;
}

/* Active mode: everything at once, in segments as they come off the air. */
static void push(espat *e, struct link *l)
{
    size_t most = e->opt.generation == 1 ? 1460 : 2920;
    while (l->len && out_room(e) > OUT_RESERVE) {
        block(e, l, l->len < most ? l->len : most, true);
        strike(e, ESPAT_IPD);
    }
}

static void announce(espat *e, struct link *l)
{
    if (l->announced) return;
    l->announced = true;
    say(e, "\r\n+IPD,%s%zu\r\n", id_comma(e, (int)(l - e->link)), l->len);
}

/* New data, or room for it in the output. */
static void pump(espat *e, int id)
{
    struct link *l = &e->link[id];
    if (!l->len) return;
    if (e->mode == MODE_RAW)
        push_raw(e, l);
    else if (pulls(e, l))
        announce(e, l);
    else
        push(e, l);
    link_settle(e, id);
}

/* ---- arguments -------------------------------------------------------- */

/* Unescapes the string after the opening quote in place; returns what follows
 * the closing one, or NULL. A bare comma inside is an error, as documented. */
static char *unquote(char *s)
{
    char *to = s;
    while (*s && *s != '"' && *s != ',') {
        if (*s == '\\' && !*++s) return NULL;
        *to++ = *s++;
    }
    if (*s != '"') return NULL;
    *to = '\0';
    return s + 1;
}

static bool split(struct args *a, char *s)
{
    for (a->count = 0; a->count < ARGS; s++) {
        int i = a->count++;
        a->quoted[i] = *s == '"';
        a->text[i] = s + a->quoted[i];
        s = a->quoted[i] ? unquote(s + 1) : s + strcspn(s, ",");
        if (!s || (*s && *s != ',')) return false;
        if (!*s) return true;
        *s = '\0';
    }
    return false;
}

/* Argument i if it is a string, else NULL. */
static const char *string_arg(const struct args *a, int i)
{
    return i < a->count && a->quoted[i] ? a->text[i] : NULL;
}

/* Argument i if it is a decimal number up to max. */
static bool number_arg(const struct args *a, int i, uint32_t max, uint32_t *n)
{
    if (i >= a->count || a->quoted[i]) return false;
    const char *s = a->text[i];
    size_t len = strlen(s);
    if (!len || len > 10 || strspn(s, "0123456789") != len) return false;
    unsigned long long v = strtoull(s, NULL, 10);
    *n = (uint32_t)v;
    return v <= max;
}

/* The link id that leads the arguments with AT+CIPMUX=1; *next is the index
 * of the argument after it. */
static bool link_arg(const espat *e, const struct args *a, uint32_t max,
                     int *id, int *next)
{
    uint32_t n = 0;
    *next = e->set[SET_CIPMUX] ? 1 : 0;
    if (*next && !number_arg(a, 0, max, &n)) return false;
    *id = (int)n;
    return true;
}

/* ---- commands: the module --------------------------------------------- */

static enum result at_ok(espat *e, struct args *a)
{
    (void)e;
    return a->kind ? RESULT_ERROR : RESULT_OK;
}

static enum result at_e0(espat *e, struct args *a)
{
    e->echo = false;
    return at_ok(e, a);
}

static enum result at_e1(espat *e, struct args *a)
{
    e->echo = true;
    return at_ok(e, a);
}

static enum result at_rst(espat *e, struct args *a)
{
    if (a->kind) return RESULT_ERROR;
    say(e, "\r\nOK\r\n");
    if (e->joined) wifi_lost(e);
    reset(e);
    return RESULT_SAID;
}

/* 1.x has no empty line before its OK. */
static enum result at_gmr(espat *e, struct args *a)
{
    static const char *const text[] = {
        "AT version:1.3.0.0(Jul 14 2016 18:54:01)\r\n"
        "SDK version:2.0.0(656edbf)\r\n"
        "compile time:Oct 29 2016 22:56:21\r\nOK\r\n",
        "AT version:2.2.0.0(c6fa6bf - ESP32 - Jul  2 2021 06:44:05)\r\n"
        "SDK version:v4.2.2-76-gefa6eca\r\n"
        "compile time(3a696ba):Jul  2 2021 11:54:43\r\n"
        "Bin version:2.2.0(WROOM-32)\r\n\r\nOK\r\n",
        "AT version:3.3.0.0(s-0000000 - ESP32 - Jan  1 2024 00:00:00)\r\n"
        "SDK version:v5.0.4\r\n"
        "compile time(0000000):Jan  1 2024 00:00:00\r\n"
        "Bin version:v3.3.0.0(WROOM-32)\r\n\r\nOK\r\n",
    };
    if (a->kind) return RESULT_ERROR;
    say(e, "%s", text[e->opt.generation - 1]);
    return RESULT_SAID;
}

static enum result at_gslp(espat *e, struct args *a)
{
    uint32_t ms;
    if (a->kind != '=' || !number_arg(a, 0, UINT32_MAX / 2, &ms))
        return RESULT_ERROR;
    say(e, "%u\r\n\r\nOK\r\n", (unsigned)ms);
    power_down(e);
    arm(e, TIMER_WAKE, ms);
    return RESULT_SAID;
}

static enum result at_uart(espat *e, struct args *a)
{
    uint32_t baud, n;
    if (a->kind != '=' || a->count != 5 || !number_arg(a, 0, 5000000, &baud))
        return RESULT_ERROR;
    if (!baud || !number_arg(a, 1, 8, &n) || !number_arg(a, 2, 3, &n) ||
        !number_arg(a, 3, 2, &n) || !number_arg(a, 4, 3, &n))
        return RESULT_ERROR;
    if (e->opt.baud) e->opt.baud = baud;
    return RESULT_OK;
}

/* ---- commands: settings ----------------------------------------------- */

static const struct {
    const char *name;
    int first, last; /* generations that know it */
    enum setting which;
    uint32_t min, max;
} setting[] = {
    {"+CWMODE", 1, 3, SET_CWMODE, 0, 3},
    {"+CWMODE_CUR", 1, 1, SET_CWMODE, 0, 3},
    {"+CWMODE_DEF", 1, 1, SET_CWMODE, 0, 3},
    {"+CIPMUX", 1, 3, SET_CIPMUX, 0, 1},
    {"+CIPMODE", 1, 3, SET_CIPMODE, 0, 1},
    {"+CIPDINFO", 1, 3, SET_CIPDINFO, 0, 1},
    {"+CIPRECVMODE", 1, 2, SET_CIPRECVMODE, 0, 1},
    {"+SYSLOG", 2, 3, SET_SYSLOG, 0, 1},
    {"+SYSMSG", 2, 3, SET_SYSMSG, 0, 7},
    {"+SYSMSG_CUR", 1, 1, SET_SYSMSG, 0, 7},
    /* 1.x as on an ESP8266, with light-sleep and modem-sleep; 2.x and 3.x as on
     * an ESP32 */
    {"+SLEEP", 1, 1, SET_SLEEP, 0, 2},
    {"+SLEEP", 2, 3, SET_SLEEP, 0, 3},
    {"+RFPOWER", 1, 1, SET_RFPOWER, 0, 82},
    {"+RFPOWER", 2, 3, SET_RFPOWER, 40, 84},
};

/* Transparent mode and several links exclude each other; neither the count of
 * links may change while one is open. An ESP32 has no power to set without a
 * radio that runs. */
static bool setting_locked(espat *e, enum setting which)
{
    if (which == SET_RFPOWER)
        return e->opt.generation > 1 && !e->set[SET_CWMODE];
    if (which == SET_CIPMODE) return e->set[SET_CIPMUX];
    if (which != SET_CIPMUX) return false;
    for (int id = 0; id < ESPAT_LINKS; id++) {
        if (e->link[id].state == LINK_FREE) continue;
        if (e->opt.generation == 1) say(e, "link is builded\r\n");
        return true;
    }
    return e->set[SET_CIPMODE];
}

/* What a query tells: of the power of an ESP32, the step that it has. */
static uint32_t setting_shown(const espat *e, enum setting which)
{
    static const uint32_t step[] = {78, 72, 66, 60, 56, 52, 44, 34};
    uint32_t n = e->set[which];
    size_t i = 0;
    if (which != SET_RFPOWER || e->opt.generation == 1) return n;
    while (step[i] > n) i++;
    return step[i];
}

/* AT+<NAME>? and AT+<NAME>=<n>; i is the row of setting[]. */
static enum result at_setting(espat *e, size_t i, struct args *a)
{
    uint32_t n;
    if (a->kind == '?') {
        if (setting[i].which == SET_RFPOWER && setting_locked(e, SET_RFPOWER))
            return RESULT_ERROR;
        say(e, "%s:%u\r\n", setting[i].name,
            (unsigned)setting_shown(e, setting[i].which));
        return RESULT_OK;
    }
    if (a->kind != '=' || !number_arg(a, 0, setting[i].max, &n) ||
        n < setting[i].min || setting_locked(e, setting[i].which))
        return RESULT_ERROR;
    e->set[setting[i].which] = n;
    return RESULT_OK;
}

/* Without AT+CIPMUX=1 it has no link id; ESPAT_LINKS stands for all. */
static enum result at_ciprecvtype(espat *e, struct args *a)
{
    int id, next;
    uint32_t mode;
    if (a->kind == '?') {
        for (id = 0; id < ESPAT_LINKS; id++)
            say(e, "+CIPRECVTYPE:%d,%d\r\n", id, e->link[id].pull);
        return RESULT_OK;
    }
    if (a->kind != '=' || !link_arg(e, a, ESPAT_LINKS, &id, &next) ||
        !number_arg(a, next, 1, &mode))
        return RESULT_ERROR;
    for (int i = 0; i < ESPAT_LINKS; i++)
        if (i == id || id == ESPAT_LINKS) e->link[i].pull = mode;
    return RESULT_OK;
}

/* ---- commands: Wi-Fi and time ----------------------------------------- */

static bool known_ap(const espat *e, const char *ssid, const char *password)
{
    const struct espat_options *o = &e->opt;
    if (!ssid || !*ssid || strlen(ssid) >= sizeof e->ssid || !password)
        return false;
    return (!o->ssid || !strcmp(o->ssid, ssid)) &&
           (!o->password || !strcmp(o->password, password));
}

static enum result at_cwjap(espat *e, struct args *a)
{
    const char *ssid = string_arg(a, 0);
    if (a->kind == '?') {
        if (e->joined)
            say(e, "+CWJAP:\"%s\",\"02:00:00:00:00:01\",6,-52\r\n", e->ssid);
        else
            say(e, "No AP\r\n");
        return RESULT_OK;
    }
    if (a->kind != '=' || !ssid) return RESULT_ERROR;
    if (e->joined) wifi_lost(e);
    if (!known_ap(e, ssid, string_arg(a, 1))) {
        say(e, "+CWJAP:2\r\n");
        if (e->opt.generation > 1) return RESULT_ERROR;
        say(e, "\r\nFAIL\r\n");
        return RESULT_SAID;
    }
    snprintf(e->ssid, sizeof e->ssid, "%s", ssid);
    wifi_joined(e);
    return RESULT_OK;
}

static enum result at_cwqap(espat *e, struct args *a)
{
    if (a->kind) return RESULT_ERROR;
    e->stored = false;
    say(e, "\r\nOK\r\n");
    if (e->joined) wifi_lost(e);
    return RESULT_SAID;
}

/* AT+CIPSNTPCFG=<enable>[,<timezone>[,<servers>...]] */
static enum result at_cipsntpcfg(espat *e, struct args *a)
{
    uint32_t enable;
    if (a->kind != '=' || !number_arg(a, 0, 1, &enable)) return RESULT_ERROR;
    if (a->count > 1) e->zone = atoi(a->text[1]);
    e->armed[TIMER_SNTP] = false;
    if (enable && e->opt.unix_time) arm(e, TIMER_SNTP, e->opt.sntp_ms);
    return RESULT_OK;
}

static enum result at_cipsntptime(espat *e, struct args *a)
{
    char text[40];
    struct tm tm;
    time_t t = 0;
    if (a->kind != '?') return RESULT_ERROR;
    if (e->synced)
        t = (time_t)(e->opt.unix_time + e->zone * 3600 + e->now / 1000);
    gmtime_r(&t, &tm);
    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
    say(e, "+CIPSNTPTIME:%s\r\nOK\r\n", text);
    return RESULT_SAID;
}

/* ---- commands: links -------------------------------------------------- */

static enum result open_failed(espat *e, int id, const char *host)
{
    bool name = strspn(host, "0123456789.") != strlen(host);
    if (e->opt.generation == 1 && name)
        say(e, "DNS Fail\r\n");
    else if (e->opt.generation == 1)
        say(e, "%sCONNECT FAIL\r\n", id_comma(e, id));
    else if (e->opt.generation == 3)
        say(e, "+ERRNO:0x%04x\r\n", name ? 0x204 : 0x72);
    return RESULT_ERROR;
}

/* Names resolve to one address only: the emulator has no DNS to ask. */
static void link_open(espat *e, int id, const char *host, unsigned port)
{
    struct link *l = &e->link[id];
    bool name = strspn(host, "0123456789.") != strlen(host);
    l->state = LINK_OPEN;
    snprintf(l->ip, sizeof l->ip, "%.15s", name ? "10.0.0.2" : host);
    l->port = port;
    l->local_port = 50000 + e->count[ESPAT_OPEN];
    e->last = id;
    if (e->set[SET_SYSMSG] & SYSMSG_LINK_CONN)
        say(e, "+LINK_CONN:0,%d,\"TCP\",0,\"%s\",%u,%u\r\n", id, l->ip, port,
            l->local_port);
    else
        say(e, "%sCONNECT\r\n", id_comma(e, id));
    say(e, "\r\nOK\r\n");
    strike(e, ESPAT_OPEN);
}

static enum result at_cipstart(espat *e, struct args *a)
{
    int id, i;
    uint32_t port;
    if (a->kind != '=' || !link_arg(e, a, ESPAT_LINKS - 1, &id, &i))
        return RESULT_ERROR;
    const char *type = string_arg(a, i), *host = string_arg(a, i + 1);
    if (!type || strcmp(type, "TCP") || !host || !*host ||
        !number_arg(a, i + 2, 65535, &port) || !port)
        return RESULT_ERROR;
    if (e->link[id].state != LINK_FREE) {
        if (e->opt.generation == 1) say(e, "ALREADY CONNECTED\r\n");
        return RESULT_ERROR;
    }
    if (!e->joined) {
        if (e->opt.generation == 1) say(e, "no ip\r\n");
        return RESULT_ERROR;
    }
    e->count[ESPAT_OPEN]++;
    if (fires(e, ESPAT_MUTE, ESPAT_OPEN)) return RESULT_SAID;
    if (fires(e, ESPAT_FAIL, ESPAT_OPEN) ||
        e->net.open(e->user, id, host, port) != 0)
        return open_failed(e, id, host);
    link_open(e, id, host, port);
    return RESULT_SAID;
}

/* AT+CIPCLOSE=5 closes all, and needs none to be open. */
static enum result at_cipclose(espat *e, struct args *a)
{
    int id, next;
    bool mux = e->set[SET_CIPMUX];
    if (a->kind != (mux ? '=' : 0) || !link_arg(e, a, ESPAT_LINKS, &id, &next))
        return RESULT_ERROR;
    if (id < ESPAT_LINKS && e->link[id].state == LINK_FREE) return RESULT_ERROR;
    for (int i = 0; i < ESPAT_LINKS; i++) {
        if (i != id && id != ESPAT_LINKS) continue;
        e->link[i].len = 0; /* what was not read is lost */
        link_settle(e, i);
        link_drop(e, i);
    }
    return RESULT_OK;
}

static void say_links(espat *e, const char *name)
{
    for (int id = 0; id < ESPAT_LINKS; id++) {
        const struct link *l = &e->link[id];
        if (l->state == LINK_OPEN)
            say(e, "+%s:%d,\"TCP\",\"%s\",%u,%u,0\r\n", name, id, l->ip,
                l->port, l->local_port);
    }
}

static enum result at_cipstate(espat *e, struct args *a)
{
    if (a->kind != '?') return RESULT_ERROR;
    say_links(e, "CIPSTATE");
    return RESULT_OK;
}

static enum result at_cipstatus(espat *e, struct args *a)
{
    int status = e->joined ? 2 : 5;
    if (a->kind) return RESULT_ERROR;
    for (int id = 0; id < ESPAT_LINKS; id++)
        if (e->link[id].state == LINK_OPEN) status = 3;
    say(e, "STATUS:%d\r\n", status);
    say_links(e, "CIPSTATUS");
    return RESULT_OK;
}

static enum result at_ciprecvlen(espat *e, struct args *a)
{
    if (a->kind != '?') return RESULT_ERROR;
    long n[ESPAT_LINKS];
    for (int id = 0; id < ESPAT_LINKS; id++)
        n[id] = e->link[id].state == LINK_FREE ? -1 : (long)e->link[id].len;
    say(e, "+CIPRECVLEN:%ld,%ld,%ld,%ld,%ld\r\n", n[0], n[1], n[2], n[3], n[4]);
    return RESULT_OK;
}

static enum result at_ciprecvdata(espat *e, struct args *a)
{
    int id, next;
    uint32_t most;
    if (a->kind != '=' || !link_arg(e, a, ESPAT_LINKS - 1, &id, &next) ||
        !number_arg(a, next, INT32_MAX, &most))
        return RESULT_ERROR;
    struct link *l = &e->link[id];
    if (!pulls(e, l) || !l->len || !most) return RESULT_ERROR;
    l->announced = false;
    block(e, l, l->len < most ? l->len : most, false);
    say(e, "\r\nOK\r\n");
    link_settle(e, id);
    strike(e, ESPAT_IPD);
    return RESULT_SAID;
}

/* ---- commands: sending ------------------------------------------------ */

static void prompt(espat *e, enum mode mode)
{
    say(e, "\r\nOK\r\n");
    e->count[ESPAT_PROMPT]++;
    if (fires(e, ESPAT_MUTE, ESPAT_PROMPT)) return;
    say(e, e->opt.generation == 1 ? "> " : "\r\n>");
    e->mode = mode;
    e->got = e->tx_len = 0;
    e->outcome = "\r\nSEND OK\r\n";
    strike(e, ESPAT_PROMPT);
}

static enum result send_counted(espat *e, struct args *a, uint32_t most)
{
    int id, next;
    uint32_t len;
    if (a->kind != '=' || e->set[SET_CIPMODE] ||
        !link_arg(e, a, ESPAT_LINKS - 1, &id, &next) ||
        !number_arg(a, next, most, &len) || !len)
        return RESULT_ERROR;
    if (e->link[id].state != LINK_OPEN) {
        if (e->opt.generation == 1) say(e, "link is not valid\r\n");
        return RESULT_ERROR;
    }
    e->target = e->last = id;
    e->want = len;
    prompt(e, MODE_SEND);
    return RESULT_SAID;
}

static enum result at_cipsend(espat *e, struct args *a)
{
    e->parallel = false;
    if (a->kind)
        return send_counted(e, a, e->opt.generation < 3 ? 2048 : SEND_CAP);
    if (!e->set[SET_CIPMODE] || e->link[0].state != LINK_OPEN)
        return RESULT_ERROR;
    e->target = e->last = 0;
    prompt(e, MODE_RAW);
    pump(e, 0);
    return RESULT_SAID;
}

static enum result at_cipsendl(espat *e, struct args *a)
{
    e->parallel = true;
    return send_counted(e, a, INT32_MAX);
}

/* Hands tx[] to the owner; a link lost meanwhile decides the outcome. */
static void tx_flush(espat *e)
{
    size_t len = e->tx_len;
    e->tx_len = 0;
    if (e->link[e->target].state != LINK_OPEN)
        e->outcome = "\r\nERROR\r\n";
    else if (fires(e, ESPAT_FAIL, ESPAT_SEND) ||
             e->net.send(e->user, e->target, e->tx, len) != 0)
        e->outcome = "\r\nSEND FAIL\r\n";
}

/* Transparent mode sends what has come when the host pauses. */
static void raw_flush(espat *e)
{
    if (e->mode == MODE_RAW && e->tx_len) tx_flush(e);
}

static void send_complete(espat *e)
{
    e->mode = MODE_SENDING;
    e->count[ESPAT_SEND]++;
    if (!e->parallel) say(e, "\r\nRecv %zu bytes\r\n", e->want);
    strike(e, ESPAT_SEND);
    if (e->mode != MODE_SENDING) return;
    tx_flush(e);
    if (fires(e, ESPAT_MUTE, ESPAT_SEND))
        e->mode = MODE_COMMAND;
    else
        arm(e, TIMER_SENT, think(e, ESPAT_SEND));
}

/* One byte of AT+CIPSEND or of transparent mode. */
static void payload(espat *e, uint8_t byte)
{
    e->tx[e->tx_len++] = byte;
    e->got++;
    e->count[ESPAT_TX]++;
    strike(e, ESPAT_TX);
    if (e->mode == MODE_SEND && e->got == e->want) {
        send_complete(e);
    } else if (e->mode == MODE_SEND && e->parallel &&
               e->tx_len == SENDL_PIECE) {
        tx_flush(e);
        say(e, "+CIPSENDL:%zu,%zu\r\n", e->got, e->got);
    } else if (e->mode == MODE_RAW && e->tx_len == SEND_CAP) {
        tx_flush(e);
    }
}

/* ---- input ------------------------------------------------------------ */

typedef enum result command_fn(espat *, struct args *);

static const struct {
    const char *name;
    int first, last; /* generations that know it */
    command_fn *run;
} command[] = {
    {"", 1, 3, at_ok},
    {"E0", 1, 3, at_e0},
    {"E1", 1, 3, at_e1},
    {"+RST", 1, 3, at_rst},
    {"+GMR", 1, 3, at_gmr},
    {"+GSLP", 1, 3, at_gslp},
    {"+UART_CUR", 1, 3, at_uart},
    {"+CWJAP", 1, 3, at_cwjap},
    {"+CWJAP_CUR", 1, 1, at_cwjap},
    {"+CWJAP_DEF", 1, 1, at_cwjap},
    {"+CWQAP", 1, 3, at_cwqap},
    {"+CIPSNTPCFG", 1, 3, at_cipsntpcfg},
    {"+CIPSNTPTIME", 1, 3, at_cipsntptime},
    {"+CIPRECVTYPE", 3, 3, at_ciprecvtype},
    {"+CIPRECVLEN", 1, 3, at_ciprecvlen},
    {"+CIPRECVDATA", 1, 3, at_ciprecvdata},
    {"+CIPSTART", 1, 3, at_cipstart},
    {"+CIPCLOSE", 1, 3, at_cipclose},
    {"+CIPSTATUS", 1, 3, at_cipstatus},
    {"+CIPSTATE", 2, 3, at_cipstate},
    {"+CIPSEND", 1, 3, at_cipsend},
    {"+CIPSENDL", 3, 3, at_cipsendl},
};

static bool knows(const espat *e, int first, int last, const char *known,
                  const char *name)
{
    return e->opt.generation >= first && e->opt.generation <= last &&
           !strcmp(known, name);
}

static enum result run_named(espat *e, const char *name, struct args *a)
{
    for (size_t i = 0; i < sizeof command / sizeof *command; i++)
        if (knows(e, command[i].first, command[i].last, command[i].name, name))
            return command[i].run(e, a);
    for (size_t i = 0; i < sizeof setting / sizeof *setting; i++)
        if (knows(e, setting[i].first, setting[i].last, setting[i].name, name))
            return at_setting(e, i, a);
    return RESULT_ERROR;
}

static enum result dispatch(espat *e)
{
    struct args a = {0};
    char *name = e->running + 2;
    if (strncmp(e->running, "AT", 2)) return RESULT_ERROR;
    char *tail = name + strcspn(name, "=?");
    a.kind = *tail;
    if (a.kind == '?' && tail[1]) return RESULT_ERROR;
    if (a.kind) *tail++ = '\0';
    if (a.kind == '=' && !split(&a, tail)) return RESULT_ERROR;
    return run_named(e, name, &a);
}

static void run_command(espat *e)
{
    if (fires(e, ESPAT_FAIL, ESPAT_CMD)) {
        say_error(e);
        return;
    }
    switch (dispatch(e)) {
    case RESULT_OK: say(e, "\r\nOK\r\n"); break;
    case RESULT_ERROR: say_error(e); break;
    case RESULT_SAID: break;
    }
}

/* The line as it came, with a second CR before its LF, and maybe a URC. */
static void echo(espat *e)
{
    size_t cut = e->line_len;
    bool torn = roll(e, e->opt.urc);
    if (torn) cut = draw(e, (uint32_t)e->line_len + 1);
    put(e, e->line, cut);
    if (torn) put_urc(e);
    put(e, e->line + cut, e->line_len - cut);
    put(e, "\r\r\n", 3);
}

/* The timer runs it, so that the next line can find the modem busy. */
static void command_start(espat *e)
{
    memcpy(e->running, e->line, e->line_len);
    e->running[e->line_len] = '\0';
    arm(e, TIMER_COMMAND, think(e, ESPAT_CMD));
}

static void command_received(espat *e)
{
    e->count[ESPAT_CMD]++;
    strike(e, ESPAT_CMD);
    if (e->mode == MODE_BOOT || fires(e, ESPAT_MUTE, ESPAT_CMD)) return;
    if (roll(e, e->opt.busy) || fires(e, ESPAT_BUSY, ESPAT_CMD))
        say_busy(e);
    else
        command_start(e);
}

static void line_complete(espat *e)
{
    bool sane = e->line_len <= LINE_CAP && !memchr(e->line, 0, e->line_len);
    if (!sane)
        e->line_len = 0; /* an empty line is an error, too */
    else if (e->line_len && e->line[e->line_len - 1] == '\r')
        e->line_len--;
    if (e->mode == MODE_SENDING || e->armed[TIMER_COMMAND]) {
        say_busy(e);
    } else {
        if (e->echo) echo(e);
        command_received(e);
    }
    e->line_len = 0;
}

static void line_byte(espat *e, uint8_t byte)
{
    if (byte == '\n')
        line_complete(e);
    else if (e->line_len < LINE_CAP)
        e->line[e->line_len++] = (char)byte;
    else
        e->line_len = LINE_CAP + 1;
}

/* What looked like an escape was payload. */
static void plus_release(espat *e)
{
    e->armed[TIMER_GUARD] = false;
    while (e->plus) {
        e->plus--;
        payload(e, '+');
    }
}

/* Payload, where +++ between two silences is an escape. */
static void data_byte(espat *e, uint8_t byte)
{
    bool quiet = e->now - e->last_in >= GUARD_MS;
    if (byte == '+' && e->plus < 3 && (e->plus || quiet)) {
        e->plus++;
        arm(e, TIMER_GUARD, GUARD_MS);
        if (e->mode == MODE_SEND && e->got + e->plus == e->want)
            plus_release(e);
        return;
    }
    plus_release(e);
    if (e->mode != MODE_BOOT) payload(e, byte);
}

static void input_byte(espat *e, uint8_t byte)
{
    switch (e->mode) {
    case MODE_COMMAND:
    case MODE_SENDING: line_byte(e, byte); break;
    case MODE_SEND:
    case MODE_RAW: data_byte(e, byte); break;
    case MODE_BOOT: break;
    }
    e->last_in = e->now;
}

/* ---- timers ----------------------------------------------------------- */

static void on_sent(espat *e)
{
    e->mode = MODE_COMMAND;
    say(e, "%s", e->outcome);
}

/* Three is the escape; the modem confirms a cancelled send only. */
static void on_guard(espat *e)
{
    if (e->plus < 3) {
        plus_release(e);
        raw_flush(e);
        return;
    }
    e->plus = 0;
    if (e->mode == MODE_RAW && (e->set[SET_SYSMSG] & SYSMSG_QUITT))
        say(e, "\r\n+QUITT\r\n");
    else if (e->mode == MODE_SEND)
        say(e, "\r\nSEND CANCELLED\r\n");
    e->mode = MODE_COMMAND;
}

static void on_boot(espat *e)
{
    e->mode = MODE_COMMAND;
    say(e, "\r\nready\r\n");
    if (e->stored) wifi_joined(e);
}

static void on_sntp(espat *e)
{
    e->synced = true;
    if (e->opt.generation > 1) say(e, "+TIME_UPDATED\r\n");
}

static void on_hang(espat *e)
{
    e->hung = false;
}

static void run_timers(espat *e)
{
    static void (*const on[TIMERS])(espat *) = {
        [TIMER_COMMAND] = run_command, [TIMER_SENT] = on_sent,
        [TIMER_GUARD] = on_guard,      [TIMER_WAKE] = boot,
        [TIMER_BOOT] = on_boot,        [TIMER_WIFI] = wifi_joined,
        [TIMER_SNTP] = on_sntp,        [TIMER_HANG] = on_hang,
    };
    for (int t = 0; t < TIMERS; t++) {
        if (!e->armed[t] || until(e, e->at[t])) continue;
        e->armed[t] = false;
        on[t](e);
    }
}

/* ---- interface -------------------------------------------------------- */

espat *espat_new(const struct espat_options *opt, const struct espat_net *net,
                 void *user)
{
    if (opt->faults > ESPAT_FAULTS || opt->generation < 0 ||
        opt->generation > 3)
        return NULL;
    espat *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->opt = *opt;
    if (opt->faults)
        memcpy(e->fault, opt->fault, opt->faults * sizeof *opt->fault);
    if (!e->opt.generation) e->opt.generation = 1;
    e->net = *net;
    e->user = user;
    e->random = opt->seed ^ 0x9e3779b9;
    if (!e->random) e->random = 1;
    settings_reset(e);
    e->joined = e->stored = !opt->fresh;
    snprintf(e->ssid, sizeof e->ssid, "%s", opt->ssid ? opt->ssid : "espat");
    return e;
}

void espat_free(espat *e)
{
    free(e);
}

size_t espat_input(espat *e, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t n = 0;
    while (n < len && (e->hung || out_room(e) > OUT_RESERVE)) {
        if (!e->hung) input_byte(e, p[n]);
        n++;
    }
    raw_flush(e);
    run_timers(e);
    return n;
}

static size_t out_pending(const espat *e)
{
    return e->hung ? e->last_words : e->out_len;
}

static size_t out_allowed(espat *e, size_t cap)
{
    size_t n = out_pending(e) < cap ? out_pending(e) : cap;
    if (e->opt.chunk && n > e->opt.chunk) n = e->opt.chunk;
    if (e->opt.baud && n > e->credit / 10000) n = (size_t)(e->credit / 10000);
    if (e->opt.random_chunk && n) n = 1 + draw(e, (uint32_t)n);
    return n;
}

size_t espat_output(espat *e, void *data, size_t cap)
{
    uint8_t *p = data;
    size_t n = out_allowed(e, cap);
    for (size_t i = 0; i < n; i++) p[i] = e->out[(e->out_at + i) % OUT_CAP];
    e->out_at = (e->out_at + n) % OUT_CAP;
    e->out_len -= n;
    e->last_words -= e->hung ? n : 0;
    e->credit -= e->opt.baud ? n * 10000 : 0;
    for (int id = 0; n && id < ESPAT_LINKS; id++)
        if (e->mode == MODE_RAW || !pulls(e, &e->link[id])) pump(e, id);
    return n;
}

void espat_tick(espat *e, uint32_t now_ms)
{
    /* An idle UART saves up no time. */
    e->credit += (uint64_t)(now_ms - e->now) * e->opt.baud;
    if (!out_pending(e)) e->credit = 0;
    e->now = e->count[ESPAT_MS] = now_ms;
    strike(e, ESPAT_MS);
    run_timers(e);
}

/* Milliseconds until the UART has sent one more byte. */
static uint32_t out_due(const espat *e)
{
    if (!out_pending(e)) return UINT32_MAX;
    if (!e->opt.baud || e->credit >= 10000) return 0;
    return (uint32_t)((10000 - e->credit + e->opt.baud - 1) / e->opt.baud);
}

uint32_t espat_due(const espat *e)
{
    uint32_t due = out_due(e);
    for (int t = 0; t < TIMERS; t++)
        if (e->armed[t] && until(e, e->at[t]) < due) due = until(e, e->at[t]);
    for (size_t i = 0; i < e->opt.faults; i++)
        if (e->fault[i].when == ESPAT_MS && !e->struck[i] &&
            until(e, e->fault[i].nth) < due)
            due = until(e, e->fault[i].nth);
    return due;
}

size_t espat_net_room(const espat *e, int id)
{
    const struct link *l = &e->link[id];
    return l->state == LINK_OPEN ? sizeof l->data - l->len : 0;
}

/* Bytes until a fault that counts them; such a fault cuts the data in two. */
static size_t rx_step(const espat *e, size_t len)
{
    for (size_t i = 0; i < e->opt.faults; i++) {
        const struct espat_fault *f = &e->fault[i];
        if (f->when == ESPAT_RX && f->nth > e->count[ESPAT_RX] &&
            f->nth - e->count[ESPAT_RX] < len)
            len = f->nth - e->count[ESPAT_RX];
    }
    return len;
}

size_t espat_net_data(espat *e, int id, const void *data, size_t len)
{
    struct link *l = &e->link[id];
    const uint8_t *p = data;
    size_t done = 0, room;
    while (done < len && (room = espat_net_room(e, id)) != 0) {
        size_t n = rx_step(e, len - done < room ? len - done : room);
        memcpy(l->data + l->len, p + done, n);
        l->len += n;
        done += n;
        e->last = id;
        e->count[ESPAT_RX] += (uint32_t)n;
        pump(e, id);
        strike(e, ESPAT_RX);
    }
    return done;
}

void espat_net_closed(espat *e, int id)
{
    struct link *l = &e->link[id];
    if (l->state != LINK_OPEN) return;
    l->state = LINK_DRAINING;
    link_settle(e, id);
}

uint32_t espat_count(const espat *e, enum espat_when when)
{
    return e->count[when];
}

/* ---- faults as text --------------------------------------------------- */

#define WHEN(name) (1u << ESPAT_##name)
#define ANY        (WHEN(WHENS) - 1)

static const struct {
    const char *name;
    unsigned when;
    int32_t arg; /* if none is given */
    int32_t min; /* allowed */
} action[ESPAT_WHATS] = {
    [ESPAT_RESET] = {"reset", ANY, 0, 0},
    [ESPAT_CLOSED] = {"closed", ANY, ESPAT_LINKS, 0},
    [ESPAT_WIFI] = {"wifi", ANY, 0, 0},
    [ESPAT_HANG] = {"hang", ANY, 0, 0},
    [ESPAT_URC] = {"urc", ANY, 0, 0},
    [ESPAT_MUTE] = {"mute", WHEN(CMD) | WHEN(OPEN) | WHEN(PROMPT) | WHEN(SEND),
                    0, 0},
    [ESPAT_LATE] = {"late", WHEN(CMD) | WHEN(SEND), 1000, 0},
    [ESPAT_BUSY] = {"busy", WHEN(CMD), 0, 0},
    [ESPAT_FAIL] = {"fail", WHEN(CMD) | WHEN(OPEN) | WHEN(SEND), 0, 0},
    [ESPAT_SHORT] = {"short", WHEN(IPD), 1, 0},
    [ESPAT_LIE] = {"lie", WHEN(IPD), 1, INT32_MIN},
    [ESPAT_CRLF] = {"crlf", WHEN(IPD), 0, 0},
};

static const char *const when_name[ESPAT_WHENS] = {
    [ESPAT_CMD] = "cmd",   [ESPAT_OPEN] = "open", [ESPAT_PROMPT] = "prompt",
    [ESPAT_SEND] = "send", [ESPAT_IPD] = "ipd",   [ESPAT_TX] = "tx",
    [ESPAT_RX] = "rx",     [ESPAT_MS] = "ms",
};

static bool word_is(const char *word, const char *text, size_t len)
{
    return strlen(word) == len && !memcmp(word, text, len);
}

/* A decimal number within limits, followed by end or by the end of text. */
static bool take_number(const char **text, char end, long long min,
                        long long max, long long *n)
{
    char *rest;
    *n = strtoll(*text, &rest, 10);
    if (rest == *text || (*rest && *rest != end) || *n < min || *n > max)
        return false;
    *text = *rest ? rest + 1 : rest;
    return true;
}

bool espat_fault_parse(struct espat_fault *f, const char *text)
{
    long long nth, arg;
    int what = 0, when = 0;
    size_t len = strcspn(text, "@");
    while (what < ESPAT_WHATS && !word_is(action[what].name, text, len)) what++;
    text += len + (text[len] == '@');
    len = strcspn(text, ":");
    while (when < ESPAT_WHENS && !word_is(when_name[when], text, len)) when++;
    text += len + (text[len] == ':');
    if (what == ESPAT_WHATS || when == ESPAT_WHENS ||
        !(action[what].when & 1u << when) ||
        !take_number(&text, ':', when >= ESPAT_TX, UINT32_MAX, &nth))
        return false;
    arg = action[what].arg;
    if (*text && !take_number(&text, '\0', action[what].min, INT32_MAX, &arg))
        return false;
    *f = (struct espat_fault){(enum espat_what)what, (enum espat_when)when,
                              (uint32_t)nth, (int32_t)arg};
    return true;
}
