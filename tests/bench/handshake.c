/* handshake.c - a full handshake and one that resumes it, for callgrind:
 * handshake PKI MODE
 *
 * MODE: -1 is bare BearSSL, 0 >>tls over the same stream, 1 to 3 the whole
 * session through a modem of that kind: AT set-up, dial, SMTP, TLS.  There is
 * a mark for each turn, "full" or "resumed".  Prints for each of the two what
 * went over the wire. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

static client c;

static int handshake(const char *name)
{
    int rc;

    c.mark = name;
    rc = client_connect(&c);
    c.mark = NULL;
    printf("%s %s tcp_tx %lu tcp_rx %lu uart_tx %lu uart_rx %lu sends %u\n",
           name, estls_error_name(rc), (unsigned long)c.r.w.tcp_tx,
           (unsigned long)c.r.w.tcp_rx, (unsigned long)c.r.w.uart_tx,
           (unsigned long)c.r.w.uart_rx, c.r.report.sends);
    if (!rc) { rc = client_close(&c); }
    client_mark("close");
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 3) { return 2; }
    rig_pki(argv[1]);
    client_init(&c, atoi(argv[2]), estls_full, ESTLS_IOBUF_MIN);
    if (handshake("full")) { return 1; }
    c.r.w.tcp_tx = c.r.w.tcp_rx = c.r.w.uart_tx = c.r.w.uart_rx = 0;
    return handshake("resumed") != ESTLS_OK;
}
