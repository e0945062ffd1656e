/* script.h - a table of messages and replies, played instead of SMTP. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "smtpd.h"

/* Replies are appended to `reply`. */
void script_init(struct script *script, const struct smtpd_options *options,
                 struct bytes *reply);
void script_free(struct script *script);

/* Plays the steps that wait for nothing. Returns what has to follow. */
enum smtpd_action script_run(struct script *script);

/* One byte from the client. Returns what has to follow the reply. A message
 * other than expected sets `mismatch` and leads to SMTPD_CLOSE. */
enum smtpd_action script_input(struct script *script, unsigned char byte,
                               bool *mismatch);

#endif
