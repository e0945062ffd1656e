#include "script.h"

#include <string.h>

void script_init(struct script *script, const struct smtpd_options *options,
                 struct bytes *reply)
{
    memset(script, 0, sizeof *script);
    script->step = options->script;
    script->steps_left = options->step_count;
    script->reply = reply;
}

void script_free(struct script *script)
{
    bytes_free(&script->message);
}

static bool awaits_message(const struct smtpd_step *step)
{
    return step->expect.len > 0 || step->take > 0 || step->until != '\0';
}

/* Ends the current step. */
static enum smtpd_action reply_to_message(struct script *script)
{
    const struct smtpd_step *step = script->step++;

    script->steps_left--;
    bytes_append(script->reply, step->reply.bytes, step->reply.len);
    return step->then;
}

enum smtpd_action script_run(struct script *script)
{
    while (script->steps_left > 0 && !awaits_message(script->step)) {
        enum smtpd_action action = reply_to_message(script);
        if (action != SMTPD_CONTINUE) { return action; }
    }
    return SMTPD_CONTINUE;
}

static bool is_complete(const struct script *script, unsigned char byte)
{
    const struct smtpd_step *step = script->step;
    char until = step->until != '\0' ? step->until : '\n';

    if (step->take > 0) { return script->message.len == step->take; }
    return byte == (unsigned char)until;
}

static bool is_expected(const struct script *script)
{
    const struct smtpd_blob *expect = &script->step->expect;

    return expect->len == 0 ||
           (script->message.len >= expect->len &&
            memcmp(script->message.data, expect->bytes, expect->len) == 0);
}

enum smtpd_action script_input(struct script *script, unsigned char byte,
                               bool *mismatch)
{
    enum smtpd_action action;

    if (script->steps_left == 0) { return SMTPD_CONTINUE; }
    bytes_append(&script->message, &byte, 1);
    if (!is_complete(script, byte)) { return SMTPD_CONTINUE; }
    if (!is_expected(script)) {
        *mismatch = true;
        return SMTPD_CLOSE;
    }
    bytes_consume(&script->message, script->message.len);
    action = reply_to_message(script);
    return action != SMTPD_CONTINUE ? action : script_run(script);
}
