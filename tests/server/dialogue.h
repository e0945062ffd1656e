/* dialogue.h - the SMTP session of the test server (RFC 5321, 3207, 4954).
 *
 * Strict where a client could be wrong: lines end in CRLF, commands come in
 * order, mail needs TLS and, if there is a password, AUTH. */
#ifndef DIALOGUE_H
#define DIALOGUE_H

#include "smtpd.h"

/* Replies are appended to `reply`, counts go to `report`. */
void dialogue_init(struct dialogue *dialogue,
                   const struct smtpd_options *options, struct bytes *reply,
                   struct smtpd_report *report);
void dialogue_free(struct dialogue *dialogue);

void dialogue_greet(struct dialogue *dialogue);

/* TLS begins: all that was learnt in clear is forgotten. */
void dialogue_enter_tls(struct dialogue *dialogue);

/* One byte from the client. Returns what has to follow the reply. */
enum smtpd_action dialogue_input(struct dialogue *dialogue, unsigned char byte);

#endif
