/* streams.c - three deterministic streams as an ESP-AT modem sends them, for
 * the benchmark: streams text|mix|bulk > FILE
 *   text  answers and unasked lines only
 *   mix   about half of the bytes are payload, 1460 at a time
 *   bulk  almost all are payload: a download
 * Payload bytes are uniform, as TLS records are. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TARGET = 1 << 20, PAYLOAD = 1460 };

static uint32_t state = 1;
static size_t written, payload;

/* xorshift32 */
static uint32_t below(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (state >> 8) % n;
}

static void say(const char *text)
{
    const size_t n = strlen(text);

    if (fwrite(text, 1, n, stdout) != n) { exit(1); }
    written += n;
}

static void say_payload(void)
{
    char header[32];
    char data[PAYLOAD];
    size_t i;

    snprintf(header, sizeof header, "\r\n+IPD,0,%d:", PAYLOAD);
    say(header);
    for (i = 0; i < sizeof data; i++) { data[i] = (char)below(256); }
    if (fwrite(data, 1, sizeof data, stdout) != sizeof data) { exit(1); }
    written += sizeof data;
    payload += sizeof data;
}

static void say_access_points(void)
{
    uint32_t n = 3 + below(6);
    char line[128];

    while (n--) {
        snprintf(line, sizeof line,
                 "+CWLAP:(%u,\"net-%04x\",-%u,\"%02x:%02x:b0:11:22:33\",%u,"
                 "-1,-1,5,3,7,0)\r\n",
                 (unsigned)below(5), (unsigned)below(65536),
                 (unsigned)(40 + below(55)), (unsigned)below(256),
                 (unsigned)below(256), (unsigned)(1 + below(13)));
        say(line);
    }
    say("\r\nOK\r\n");
}

/* A format with up to three numbers in it, each below its limit. */
static const struct unit {
    const char *format;
    uint32_t limit[3];
} units[] = {
    {"+CWJAP:\"MyNet-5G\",\"a4:2b:b0:%02x:22:33\",%u,-%u,0,0,0,1\r\n"
     "\r\nOK\r\n",
     {256, 14, 90}},
    {"+CIPSTATE:0,\"TCP\",\"192.168.1.%u\",443,%u,0\r\n\r\nOK\r\n",
     {254, 60000, 1}},
    {"\r\nOK\r\n\r\n>\r\nRecv %u bytes\r\n\r\nSEND OK\r\n", {1461, 1, 1}},
    {"\r\nOK\r\n\r\n>\r\nRecv %u bytes\r\n\r\nSEND OK\r\n", {1461, 1, 1}},
    {NULL, {1, 1, 1}}, /* the access points */
    {"WIFI CONNECTED\r\nWIFI GOT IP\r\n", {1, 1, 1}},
    {"+CIPSTAMAC:\"24:0a:c4:%02x:%02x:%02x\"\r\n\r\nOK\r\n", {256, 256, 256}},
    {"busy p...\r\n\r\nOK\r\n", {1, 1, 1}},
    {"+CME ERROR: %u\r\n", {200, 1, 1}},
    {"+CREG: 2,%u,\"%04X\",\"%08X\",7\r\n\r\nOK\r\n", {6, 65536, 0xffffffffu}},
    {"\r\nERROR\r\n", {1, 1, 1}},
    {"+CSQ: %u,99\r\n\r\nOK\r\n", {32, 1, 1}},
};

#if defined __GNUC__
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#endif

static void say_text(void)
{
    const struct unit *u = &units[below(sizeof units / sizeof units[0])];
    char line[160];

    if (!u->format) {
        say_access_points();
        return;
    }
    snprintf(line, sizeof line, u->format, (unsigned)below(u->limit[0]),
             (unsigned)below(u->limit[1]), (unsigned)below(u->limit[2]));
    say(line);
}

int main(int argc, char **argv)
{
    const char *name = argc == 2 ? argv[1] : "";
    const size_t percent = strcmp(name, "mix") == 0    ? 50
                           : strcmp(name, "bulk") == 0 ? 98
                                                       : 0;

    if (!percent && strcmp(name, "text") != 0) {
        fprintf(stderr, "usage: streams text|mix|bulk > FILE\n");
        return 2;
    }
    say("\r\nready\r\n0,CONNECT\r\n");
    while (written < TARGET) {
        if (payload * 100 < percent * (written + 1)) {
            say_payload();
        } else {
            say_text();
        }
    }
    return fflush(stdout) != 0;
}
