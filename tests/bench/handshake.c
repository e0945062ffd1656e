/* bench_tls.c - one handshake, for callgrind: bench_tls PKI bare|direct|modem
 *
 *   bare    BearSSL driven by the least that can drive it
 *   direct  >>tls over the same stream
 *   modem   the whole session: AT set-up, dial, SMTP preamble, TLS
 *
 * All against the same server with the same certificate, in one process. The
 * functions bare_step and rig_step are what is measured; the UART callbacks,
 * behind which are modem and server, are not. */
#include "bare.h"

#include <stdio.h>

static rig r;
static bare client;

__attribute__((noinline)) int bare_step(void);
int bare_step(void)
{
    static int begun;

    if (!begun) {
        begun = br_ssl_client_reset(&client.client, r.d.host, 0);
        return 0;
    }
    return bare_move(&client);
}

static int bare_handshake(void)
{
    int steps = 100000;

    world_open(&r.w, NULL, &r.server);
    r.d.uart = r.w.uart;
    bare_init(&client, &r, estls_full);
    while (!bare_step() && steps--) { world_idle(&r.w); }
    return steps > 0 ? ESTLS_OK : ESTLS_E_TIMEOUT;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[2] : "modem";
    int rc;

    rig_pki(argc > 1 ? argv[1] : "build/pki");
    rig_init(&r, strcmp(mode, "modem") == 0 ? 2 : RIG_DIRECT, "ec");
    if (strcmp(mode, "modem") != 0) {
        r.server.direct = true;
        r.d.proto = estls_direct;
    }
    rc = strcmp(mode, "bare") == 0 ? bare_handshake() : rig_connect(&r);
    rig_end(&r);
    printf("%s\n", estls_error_name(rc));
    return rc != ESTLS_OK;
}
